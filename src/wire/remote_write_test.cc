#include "wire/remote_write.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <protozero/pbf_writer.hpp>
#include <random>

#include "model/histogram.h"

namespace obelisk {
namespace {

using Writer = protozero::pbf_writer;

std::string label(std::string_view name, std::string_view value) {
  std::string out;
  Writer writer(out);
  writer.add_string(1, name.data(), name.size());
  writer.add_string(2, value.data(), value.size());
  return out;
}

std::string sample(double value, int64_t millis) {
  std::string out;
  Writer writer(out);
  writer.add_double(1, value);
  writer.add_int64(2, millis);
  return out;
}

std::string series(std::initializer_list<std::string> labels, std::initializer_list<std::string> samples) {
  std::string out;
  Writer writer(out);
  for (const std::string& one : labels) writer.add_message(1, one);
  for (const std::string& one : samples) writer.add_message(2, one);
  return out;
}

std::string write_request(std::initializer_list<std::string> all) {
  std::string out;
  for (const std::string& one : all) Writer(out).add_message(1, one);
  return out;
}

DecodedRemoteWrite decode(const std::string& body) {
  Result<DecodedRemoteWrite> result =
      decode_remote_write(std::make_shared<const std::string>(body), UnixNanos{77});
  EXPECT_TRUE(result.ok()) << result.error().to_string();
  return result.ok() ? std::move(result).value() : DecodedRemoteWrite{};
}

TEST(RemoteWrite, SamplesExemplarsAndMetadata) {
  std::string one =
      series({label("__name__", "up"), label("job", "a")}, {sample(1, 1000), sample(stale_marker(), 2000)});
  std::string exemplar;
  Writer(exemplar).add_message(1, label("trace_id", "0af7"));
  Writer(exemplar).add_double(2, 0.5);
  Writer(exemplar).add_int64(3, 1500);
  Writer(one).add_message(3, exemplar);
  std::string body = write_request(
      {one, series({label("job", "b"), label("__name__", "up"), label("empty", "")}, {sample(3, -5)})});
  std::string metadata;
  Writer(metadata).add_enum(1, 2);
  Writer(metadata).add_string(2, "up");
  Writer(metadata).add_string(4, "whether it is up");
  Writer(body).add_message(3, metadata);

  DecodedRemoteWrite decoded = decode(body);
  ASSERT_EQ(decoded.batches.size(), 3u);
  const Batch& samples = decoded.batches[0];
  ASSERT_TRUE(samples.check().ok()) << samples.check().error().message;
  ASSERT_EQ(samples.groups.size(), 2u);
  EXPECT_EQ(Labels(samples.groups[0].labels).to_string(), R"(up{job="a"})");
  EXPECT_EQ(samples.groups[0].row_count, 2u);
  EXPECT_EQ(Labels(samples.groups[1].labels).to_string(), R"(up{job="b"})");
  EXPECT_EQ(samples.times(), (std::vector<int64_t>{1'000'000'000, 2'000'000'000, -5'000'000}));
  EXPECT_TRUE(is_stale_marker(samples.find_fixed(column::kValue)->floats[1]));
  const Batch& exemplars = decoded.batches[1];
  EXPECT_EQ(exemplars.find({Scope::attribute, "trace_id"})->strings[0], "0af7");
  const Batch& meta = decoded.batches[2];
  EXPECT_EQ(meta.find_fixed(column::kMetricType)->strings[0], "gauge");
  EXPECT_EQ(meta.find_fixed(column::kHelp)->strings[0], "whether it is up");
  EXPECT_EQ(meta.times()[0], 77);
}

std::string span(int32_t offset, uint32_t length) {
  std::string out;
  Writer(out).add_sint32(1, offset);
  Writer(out).add_uint32(2, length);
  return out;
}

std::string integer_histogram(int32_t schema, std::initializer_list<int64_t> deltas) {
  std::string out;
  Writer writer(out);
  writer.add_uint64(1, 17);
  writer.add_double(3, 9.5);
  writer.add_sint32(4, schema);
  writer.add_double(5, 0.001);
  writer.add_uint64(6, 2);
  writer.add_message(11, span(-2, 2));
  writer.add_message(11, span(3, 1));
  writer.add_packed_sint64(12, deltas.begin(), deltas.end());
  writer.add_enum(14, 2);
  writer.add_int64(15, 4000);
  return out;
}

Histogram only_histogram(const DecodedRemoteWrite& decoded) {
  EXPECT_EQ(decoded.rejected_samples, 0u) << decoded.rejection;
  Result<Histogram> histogram =
      decode_histogram(decoded.batches.at(0).find_fixed(column::kHistogram)->strings.at(0));
  EXPECT_TRUE(histogram.ok());
  return histogram.ok() ? *histogram : Histogram{};
}

TEST(RemoteWrite, IntegerHistogramBecomesAbsolute) {
  std::string one = series({label("__name__", "h")}, {});
  Writer(one).add_message(4, integer_histogram(2, {5, 1, -2}));
  Histogram histogram = only_histogram(decode(write_request({one})));
  EXPECT_EQ(histogram.schema, 2);
  EXPECT_EQ(histogram.positive_spans, (std::vector<BucketSpan>{{-2, 2}, {3, 1}}));
  EXPECT_EQ(histogram.positive_counts, (std::vector<double>{5, 6, 4}));
  EXPECT_EQ(histogram.count, 17);
  EXPECT_EQ(histogram.reset_hint, CounterResetHint::no);
}

// Buckets -2, -1 and 3 of schema 9 lie in buckets -1, 0 and 2 of schema 8.
TEST(RemoteWrite, HighResolutionIsReduced) {
  std::string one = series({label("__name__", "h")}, {});
  Writer(one).add_message(4, integer_histogram(9, {5, 1, -2}));
  Histogram histogram = only_histogram(decode(write_request({one})));
  EXPECT_EQ(histogram.schema, 8);
  EXPECT_EQ(histogram.positive_spans, (std::vector<BucketSpan>{{-1, 4}}));
  EXPECT_EQ(histogram.positive_counts, (std::vector<double>{5, 6, 0, 4}));
}

TEST(RemoteWrite, FloatHistogramWithCustomBounds) {
  std::string histogram;
  Writer writer(histogram);
  writer.add_double(2, 3.5);
  writer.add_sint32(4, -53);
  writer.add_message(11, span(0, 2));
  double counts[] = {1.5, 2};
  writer.add_packed_double(13, std::begin(counts), std::end(counts));
  double bounds[] = {0.1};
  writer.add_packed_double(16, std::begin(bounds), std::end(bounds));
  std::string one = series({label("__name__", "h")}, {});
  Writer(one).add_message(4, histogram);
  Histogram decoded = only_histogram(decode(write_request({one})));
  EXPECT_EQ(decoded.schema, Histogram::kCustomBoundsSchema);
  EXPECT_EQ(decoded.positive_counts, (std::vector<double>{1.5, 2}));
  EXPECT_EQ(decoded.custom_bounds, std::vector<double>{0.1});
}

TEST(RemoteWrite, InvalidSeriesAreCountedAndTheRestStays) {
  std::string contradicting = series({label("__name__", "h")}, {});
  Writer(contradicting).add_message(4, integer_histogram(2, {5, 1}));
  std::string unknown_schema = series({label("__name__", "h")}, {});
  Writer(unknown_schema).add_message(4, integer_histogram(60, {5, 1, -2}));
  DecodedRemoteWrite decoded = decode(
      write_request({series({label("job", "nameless")}, {sample(1, 1), sample(1, 2)}),
                     series({label("__name__", "twice"), label("a", "1"), label("a", "2")}, {sample(1, 1)}),
                     series({label("__name__", "bad"), label("a", "\xff")}, {sample(1, 1)}),
                     series({label("__name__", "far")}, {sample(1, INT64_MAX)}), contradicting,
                     unknown_schema, series({label("__name__", "ok")}, {sample(1, 1)})}));
  EXPECT_EQ(decoded.rejected_samples, 7u);
  EXPECT_EQ(decoded.rejection, R"(no metric name in {job="nameless"})");
  ASSERT_EQ(decoded.batches.size(), 1u);
  EXPECT_EQ(decoded.batches[0].row_count, 1u);
}

// Names that repeat from series to series are remembered: what is known of one must not be taken for another.
// Random label lists, some without a metric name or unsorted, against what is sent.
TEST(RemoteWrite, NamesOfNeighboursAreNotMixedUp) {
  std::mt19937 random(20260101);
  const std::vector<std::string> names = {
      "A", "__name__", "a", "instance_of_a_long_name", "instance_of_a_long_nbme", "job", "z"};
  std::string body;
  std::vector<Labels> sent;
  uint64_t nameless = 0;
  for (int i = 0; i < 5000; ++i) {
    std::vector<std::string> chosen;
    for (const std::string& name : names) {
      if (random() % 8 != 0) chosen.push_back(name);
    }
    if (random() % 10 == 0) std::reverse(chosen.begin(), chosen.end());
    std::vector<Label> labels;
    std::string one;
    Writer writer(one);
    for (const std::string& name : chosen) {
      std::string value = "v" + std::to_string(random() % 5);
      writer.add_message(1, label(name, value));
      labels.push_back({name, value});
    }
    writer.add_message(2, sample(i, i + 1));
    Writer(body).add_message(1, one);
    bool has_name = std::find(chosen.begin(), chosen.end(), "__name__") != chosen.end();
    if (has_name) {
      sent.emplace_back(labels);
    } else {
      ++nameless;
    }
  }
  DecodedRemoteWrite decoded = decode(body);
  EXPECT_EQ(decoded.rejected_samples, nameless);
  ASSERT_EQ(decoded.batches.size(), 1u);
  const Batch& batch = decoded.batches[0];
  ASSERT_TRUE(batch.check().ok());
  ASSERT_EQ(batch.groups.size(), sent.size());
  for (size_t i = 0; i < sent.size(); ++i) {
    EXPECT_EQ(Labels(batch.groups[i].labels).to_string(), sent[i].to_string()) << i;
    EXPECT_EQ(batch.groups[i].labels_hash, hash_labels_wide(batch.groups[i].labels).low) << i;
  }
}

TEST(RemoteWrite, MalformedBytesAreAnError) {
  std::string body = write_request({series({label("__name__", "up")}, {sample(1, 1)})});
  body.pop_back();
  Result<DecodedRemoteWrite> result =
      decode_remote_write(std::make_shared<const std::string>(body), UnixNanos{0});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace obelisk
