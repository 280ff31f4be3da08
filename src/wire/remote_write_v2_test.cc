#include "wire/remote_write_v2.h"

#include <gtest/gtest.h>

#include <protozero/pbf_writer.hpp>

#include "model/histogram.h"

namespace obelisk {
namespace {

using Writer = protozero::pbf_writer;

// A request as a sender builds it: strings go into the table once.
class RequestWriter {
 public:
  RequestWriter() { symbol(""); }

  uint32_t symbol(std::string_view text) {
    for (uint32_t i = 0; i < symbols_.size(); ++i) {
      if (symbols_[i] == text) return i;
    }
    symbols_.emplace_back(text);
    return static_cast<uint32_t>(symbols_.size() - 1);
  }
  std::vector<uint32_t> references(std::initializer_list<std::string_view> texts) {
    std::vector<uint32_t> out;
    for (std::string_view text : texts) out.push_back(symbol(text));
    return out;
  }
  std::string series(std::initializer_list<std::string_view> labels) {
    std::string out;
    std::vector<uint32_t> refs = references(labels);
    Writer(out).add_packed_uint32(1, refs.begin(), refs.end());
    return out;
  }
  void add(const std::string& series) { series_.push_back(series); }

  std::string body() const {
    std::string out;
    for (const std::string& text : symbols_) Writer(out).add_string(4, text);
    for (const std::string& one : series_) Writer(out).add_message(5, one);
    return out;
  }

 private:
  std::vector<std::string> symbols_, series_;
};

std::string sample(double value, int64_t millis, int64_t start = 0) {
  std::string out;
  Writer(out).add_double(1, value);
  Writer(out).add_int64(2, millis);
  if (start != 0) Writer(out).add_int64(3, start);
  return out;
}

DecodedRemoteWrite decode(const std::string& body) {
  Result<DecodedRemoteWrite> result =
      decode_remote_write_v2(std::make_shared<const std::string>(body), UnixNanos{77});
  EXPECT_TRUE(result.ok()) << result.error().to_string();
  return result.ok() ? std::move(result).value() : DecodedRemoteWrite{};
}

const Batch* find_table(const DecodedRemoteWrite& decoded, Table table) {
  for (const Batch& batch : decoded.batches) {
    if (batch.table == table) return &batch;
  }
  return nullptr;
}

TEST(RemoteWriteV2, SamplesStartTimesExemplarsAndMetadata) {
  RequestWriter request;
  std::string counter = request.series({"__name__", "requests_total", "job", "a"});
  Writer(counter).add_message(2, sample(5, 2000, 1000));
  Writer(counter).add_message(2, sample(6, 3000));
  std::string exemplar;
  std::vector<uint32_t> refs = request.references({"trace_id", "0af7"});
  Writer(exemplar).add_packed_uint32(1, refs.begin(), refs.end());
  Writer(exemplar).add_double(2, 0.5);
  Writer(exemplar).add_int64(3, 2500);
  Writer(counter).add_message(4, exemplar);
  std::string metadata;
  Writer(metadata).add_enum(1, 1);
  Writer(metadata).add_uint32(3, request.symbol("Requests."));
  Writer(metadata).add_uint32(4, request.symbol("requests"));
  Writer(counter).add_message(5, metadata);
  request.add(counter);
  std::string unsorted = request.series({"job", "b", "__name__", "up", "empty", ""});
  Writer(unsorted).add_message(2, sample(1, -5));
  request.add(unsorted);
  DecodedRemoteWrite decoded = decode(request.body());
  EXPECT_EQ(decoded.rejected_samples, 0u) << decoded.rejection;
  const Batch* samples = find_table(decoded, Table::samples);
  ASSERT_NE(samples, nullptr);
  ASSERT_TRUE(samples->check().ok());
  ASSERT_EQ(samples->row_count, 3u);
  EXPECT_EQ(Labels(samples->groups.at(0).labels).to_string(), R"(requests_total{job="a"})");
  EXPECT_EQ(Labels(samples->groups.at(1).labels).to_string(), R"(up{job="b"})");
  EXPECT_EQ(samples->groups[1].labels_hash, hash_labels(samples->groups[1].labels));
  EXPECT_EQ(samples->find_fixed(column::kValue)->floats, (std::vector<double>{5, 6, 1}));
  EXPECT_EQ(samples->times(), (std::vector<int64_t>{2'000'000'000, 3'000'000'000, -5'000'000}));
  const ColumnData* starts = samples->find_fixed(column::kStartTime);
  ASSERT_NE(starts, nullptr);
  EXPECT_EQ(starts->ints[0], 1'000'000'000);
  EXPECT_FALSE(starts->is_present(1));
  const Batch* exemplars = find_table(decoded, Table::exemplars);
  ASSERT_NE(exemplars, nullptr);
  EXPECT_EQ(exemplars->find({Scope::attribute, "trace_id"})->strings.at(0), "0af7");
  const Batch* families = find_table(decoded, Table::metadata);
  ASSERT_NE(families, nullptr);
  EXPECT_EQ(families->find_fixed(column::kMetricFamily)->strings.at(0), "requests_total");
  EXPECT_EQ(families->find_fixed(column::kMetricType)->strings.at(0), "counter");
  EXPECT_EQ(families->find_fixed(column::kUnit)->strings.at(0), "requests");
}

TEST(RemoteWriteV2, HistogramsAndTheirFamily) {
  RequestWriter request;
  std::string histogram;
  Writer writer(histogram);
  writer.add_double(2, 3.5);
  writer.add_sint32(4, -53);
  std::string span;
  Writer(span).add_uint32(2, 2);
  writer.add_message(11, span);
  double counts[] = {1.5, 2};
  writer.add_packed_double(13, std::begin(counts), std::end(counts));
  double bounds[] = {0.1};
  writer.add_packed_double(16, std::begin(bounds), std::end(bounds));
  writer.add_int64(15, 4000);
  writer.add_int64(17, 1000);
  std::string metadata;
  Writer(metadata).add_enum(1, 3);
  for (const char* name : {"h", "c_bucket", "c_sum", "c_count"}) {
    std::string series = request.series({"__name__", name});
    if (name == std::string_view("h")) {
      Writer(series).add_message(3, histogram);
    } else {
      Writer(series).add_message(2, sample(1, 1));
    }
    Writer(series).add_message(5, metadata);
    request.add(series);
  }
  DecodedRemoteWrite decoded = decode(request.body());
  const Batch* samples = find_table(decoded, Table::samples);
  ASSERT_NE(samples, nullptr);
  ASSERT_TRUE(samples->check().ok());
  Result<Histogram> stored = decode_histogram(samples->find_fixed(column::kHistogram)->strings.at(0));
  ASSERT_TRUE(stored.ok());
  EXPECT_EQ(stored->custom_bounds, std::vector<double>{0.1});
  EXPECT_EQ(samples->find_fixed(column::kStartTime)->ints.at(0), 1'000'000'000);
  const Batch* families = find_table(decoded, Table::metadata);
  ASSERT_NE(families, nullptr);
  EXPECT_EQ(families->find_fixed(column::kMetricFamily)->strings, (std::vector<std::string_view>{"h", "c"}));
}

TEST(RemoteWriteV2, WrongSeriesAreCountedAndTheRestStays) {
  RequestWriter request;
  auto add = [&](std::string series) {
    Writer(series).add_message(2, sample(1, 1));
    request.add(series);
  };
  add(request.series({"__name__", "odd", "job"}));
  add(request.series({"job", "nameless"}));
  add(request.series({"__name__", "twice", "a", "1", "a", "2"}));
  add(request.series({"__name__", "\xff"}));
  std::string outside;
  uint32_t refs[] = {1, 99};
  Writer(outside).add_packed_uint32(1, std::begin(refs), std::end(refs));
  add(outside);
  // Not packed is allowed.
  std::string loose;
  Writer(loose).add_uint32(1, request.symbol("__name__"));
  Writer(loose).add_uint32(1, request.symbol("loose"));
  add(loose);
  DecodedRemoteWrite decoded = decode(request.body());
  EXPECT_EQ(decoded.rejected_samples, 5u);
  EXPECT_EQ(decoded.rejection, "a series has an odd number of label references");
  ASSERT_EQ(decoded.batches.size(), 1u);
  ASSERT_EQ(decoded.batches[0].row_count, 1u);
  EXPECT_EQ(Labels(decoded.batches[0].groups[0].labels).to_string(), "loose");
}

TEST(RemoteWriteV2, WrongRequestsAreRefused) {
  auto refused = [](const std::string& body, std::string_view reason) {
    Result<DecodedRemoteWrite> result =
        decode_remote_write_v2(std::make_shared<const std::string>(body), UnixNanos{0});
    ASSERT_FALSE(result.ok()) << reason;
    EXPECT_EQ(result.error().code, ErrorCode::invalid_argument);
    EXPECT_NE(result.error().message.find(reason), std::string::npos) << result.error().message;
  };
  std::string no_empty_symbol;
  Writer(no_empty_symbol).add_string(4, "up");
  refused(no_empty_symbol, "does not begin with the empty string");
  std::string no_symbols;
  Writer(no_symbols).add_message(5, sample(1, 1));
  refused(no_symbols, "does not begin with the empty string");
  std::string first_version;
  Writer(first_version).add_message(1, std::string("\x0a\x00", 2));
  refused(first_version, "request of remote write 1.0");
  RequestWriter request;
  std::string series = request.series({"__name__", "up"});
  Writer(series).add_message(2, sample(1, 1));
  request.add(series);
  std::string cut = request.body();
  cut.pop_back();
  refused(cut, "unexpected end");
  EXPECT_TRUE(decode("").batches.empty());
}

}  // namespace
}  // namespace obelisk
