#include "wire/exposition_protobuf.h"

#include <gtest/gtest.h>

#include <cmath>
#include <protozero/pbf_writer.hpp>

#include "model/histogram.h"
#include "wire/exposition_custom_bounds.h"

namespace obelisk {
namespace {

using Writer = protozero::pbf_writer;

constexpr int kCounter = 0, kGauge = 1, kSummary = 2, kUntyped = 3, kHistogram = 4, kGaugeHistogram = 5;

std::string label(std::string_view name, std::string_view value) {
  std::string out;
  Writer(out).add_string(1, name.data(), name.size());
  Writer(out).add_string(2, value.data(), value.size());
  return out;
}

std::string timestamp(int64_t seconds, int32_t nanos) {
  std::string out;
  Writer(out).add_int64(1, seconds);
  Writer(out).add_int32(2, nanos);
  return out;
}

std::string exemplar(std::string_view trace_id, double value, int64_t seconds) {
  std::string out;
  Writer(out).add_message(1, label("trace_id", trace_id));
  Writer(out).add_double(2, value);
  if (seconds != 0) Writer(out).add_message(3, timestamp(seconds, 0));
  return out;
}

std::string metric(std::initializer_list<std::string> labels, uint32_t field, const std::string& value,
                   int64_t millis = 0) {
  std::string out;
  for (const std::string& one : labels) Writer(out).add_message(1, one);
  Writer(out).add_message(field, value);
  if (millis != 0) Writer(out).add_int64(6, millis);
  return out;
}

// One delimited MetricFamily.
std::string family(std::string_view name, int type, std::initializer_list<std::string> metrics) {
  std::string inner;
  Writer writer(inner);
  writer.add_string(1, name.data(), name.size());
  writer.add_string(2, "help of it");
  writer.add_enum(3, type);
  for (const std::string& one : metrics) writer.add_message(4, one);
  std::string out;
  protozero::write_varint(std::back_inserter(out), inner.size());
  return out + inner;
}

std::string number(double value) {
  std::string out;
  Writer(out).add_double(1, value);
  return out;
}

std::string span(int32_t offset, uint32_t length) {
  std::string out;
  Writer(out).add_sint32(1, offset);
  Writer(out).add_uint32(2, length);
  return out;
}

std::string bucket(uint64_t count, double bound, const std::string& example = "") {
  std::string out;
  Writer(out).add_uint64(1, count);
  Writer(out).add_double(2, bound);
  if (!example.empty()) Writer(out).add_message(3, example);
  return out;
}

Exposition parse(const std::string& page, const ExpositionOptions& options = {}) {
  Result<Exposition> result = parse_exposition(ExpositionFormat::prometheus_protobuf, page, options);
  EXPECT_TRUE(result.ok()) << result.error().to_string();
  return result.ok() ? std::move(result).value() : Exposition{};
}

// "name{labels} value" of every sample, or the histogram's count.
std::vector<std::string> lines_of(const Exposition& page) {
  std::vector<std::string> lines;
  for (const ExpositionSample& sample : page.samples) {
    std::string text = Labels(sample.labels).to_string() + " ";
    if (sample.histogram.empty()) {
      text += std::to_string(static_cast<int64_t>(sample.value));
    } else {
      Result<Histogram> histogram = decode_histogram(sample.histogram);
      text += histogram.ok() ? "h" + std::to_string(static_cast<int64_t>(histogram->count)) : "bad";
    }
    lines.push_back(std::move(text));
  }
  return lines;
}

TEST(ExpositionProtobuf, CountersGaugesAndUntyped) {
  std::string counter = number(5);
  Writer(counter).add_message(2, exemplar("0af7", 1.5, 7));
  Writer(counter).add_message(3, timestamp(100, 250'000'000));
  std::string text =
      family("requests_total", kCounter, {metric({label("b", "1"), label("a", "2")}, 3, counter, 1234)}) +
      family("my.gauge", kGauge, {metric({label("empty", "")}, 2, number(-3))}) +
      family("other", kUntyped, {metric({}, 5, number(9))});
  Exposition page = parse(text);
  EXPECT_EQ(lines_of(page),
            (std::vector<std::string>{R"(requests_total{a="2", b="1"} 5)", "my.gauge -3", "other 9"}));
  EXPECT_EQ(page.samples[0].time->to_millis(), 1234);
  EXPECT_EQ(page.samples[0].start_time->value, 100'250'000'000);
  ASSERT_EQ(page.samples[0].exemplar_count, 1u);
  EXPECT_EQ(label_value(page.exemplars[0].labels, "trace_id"), "0af7");
  EXPECT_EQ(page.exemplars[0].time->value, 7'000'000'000);
  EXPECT_EQ(page.families[0].type, MetricType::counter);
  EXPECT_EQ(page.families[0].help, "help of it");
  EXPECT_EQ(page.families[2].type, MetricType::unknown);
  EXPECT_FALSE(page.samples[1].time.has_value());
  EXPECT_TRUE(page.samples[1].series_text.ends_with(",empty=\"\"")) << "an empty label is to be seen";
}

TEST(ExpositionProtobuf, SummariesAndClassicHistogramsAreSpreadOut) {
  std::string summary, quantile;
  Writer(quantile).add_double(1, 1);
  Writer(quantile).add_double(2, 8);
  Writer(summary).add_uint64(1, 3);
  Writer(summary).add_double(2, 12);
  Writer(summary).add_message(3, quantile);
  std::string histogram;
  Writer(histogram).add_uint64(1, 4);
  Writer(histogram).add_double(2, 6);
  Writer(histogram).add_message(3, bucket(1, 1, exemplar("aa", 0.5, 3)));
  Writer(histogram).add_message(3, bucket(3, 2.5));
  std::string text = family("s", kSummary, {metric({}, 4, summary)}) +
                     family("h", kHistogram, {metric({label("x", "y")}, 7, histogram)});
  Exposition page = parse(text);
  EXPECT_EQ(lines_of(page), (std::vector<std::string>{
                                "s_count 3", "s_sum 12", R"(s{quantile="1.0"} 8)", R"(h_count{x="y"} 4)",
                                R"(h_sum{x="y"} 6)", R"(h_bucket{le="1.0", x="y"} 1)",
                                R"(h_bucket{le="2.5", x="y"} 3)", R"(h_bucket{le="+Inf", x="y"} 4)"}));
  EXPECT_EQ(page.samples[5].exemplar_count, 1u);
  // Keys for caches: all different.
  for (size_t i = 1; i < page.samples.size(); ++i)
    EXPECT_NE(page.samples[i].series_text, page.samples[i - 1].series_text);
}

std::string native(bool floats) {
  std::string out;
  Writer writer(out);
  if (floats) {
    writer.add_double(4, 7.5);
    writer.add_double(8, 1.5);
  } else {
    writer.add_uint64(1, 7);
    writer.add_uint64(7, 1);
  }
  writer.add_double(2, 20);
  writer.add_message(3, bucket(7, 1e9, exemplar("classic", 1, 9)));
  writer.add_sint32(5, 3);
  writer.add_double(6, 1e-100);
  writer.add_message(12, span(-1, 2));
  writer.add_message(12, span(4, 1));
  for (int64_t delta : {2, 0, -1}) {
    if (!floats) writer.add_sint64(13, delta);
  }
  for (double count : {2.0, 3.0, 1.0}) {
    if (floats) writer.add_double(14, count);
  }
  writer.add_message(9, span(0, 1));
  if (floats) writer.add_double(11, 0);
  if (!floats) writer.add_sint64(10, 1);
  return out;
}

TEST(ExpositionProtobuf, NativeHistograms) {
  std::string integers = native(false);
  Writer(integers).add_message(16, exemplar("late", 2, 20));
  Writer(integers).add_message(16, exemplar("timeless", 2, 0));
  Writer(integers).add_message(16, exemplar("early", 2, 10));
  Writer(integers).add_message(15, timestamp(50, 0));
  std::string text =
      family("h", kHistogram, {metric({}, 7, integers), metric({label("f", "1")}, 7, native(true))}) +
      family("g", kGaugeHistogram, {metric({}, 7, native(false))});
  Exposition page = parse(text);
  EXPECT_EQ(lines_of(page), (std::vector<std::string>{"h h7", R"(h{f="1"} h7)", "g h7"}));
  Histogram first = *decode_histogram(page.samples[0].histogram);
  EXPECT_EQ(first.schema, 3);
  EXPECT_EQ(first.positive_spans, (std::vector<BucketSpan>{{-1, 2}, {4, 1}}));
  EXPECT_EQ(first.positive_counts, (std::vector<double>{2, 2, 1}));
  EXPECT_EQ(first.negative_counts, std::vector<double>{1});
  EXPECT_EQ(first.zero_count, 1);
  EXPECT_EQ(first.sum, 20);
  EXPECT_EQ(page.samples[0].start_time->value, 50'000'000'000);
  ASSERT_EQ(page.samples[0].exemplar_count, 2u);
  EXPECT_EQ(label_value(page.exemplars[0].labels, "trace_id"), "early");
  EXPECT_EQ(label_value(page.exemplars[1].labels, "trace_id"), "late");
  // Without exemplars of its own it has those of its classic buckets.
  ASSERT_EQ(page.samples[1].exemplar_count, 1u);
  EXPECT_EQ(label_value(page.exemplars[2].labels, "trace_id"), "classic");
  Histogram second = *decode_histogram(page.samples[1].histogram);
  EXPECT_EQ(second.count, 7.5);
  EXPECT_EQ(second.zero_count, 1.5);
  EXPECT_EQ(second.positive_counts, (std::vector<double>{2, 3, 1}));
  EXPECT_EQ(decode_histogram(page.samples[2].histogram)->reset_hint, CounterResetHint::gauge);

  ExpositionOptions options;
  options.always_classic = true;
  std::string both = family("h", kHistogram, {metric({}, 7, native(false))});
  EXPECT_EQ(lines_of(parse(both, options)),
            (std::vector<std::string>{"h_count 7", "h_sum 20", R"(h_bucket{le="1e+09"} 7)",
                                      R"(h_bucket{le="+Inf"} 7)", "h h7"}));
  options = {};
  options.native_histograms = false;
  EXPECT_EQ(parse(both, options).samples.size(), 4u);
  options = {};
  options.histogram_buckets_max = 3;
  Histogram limited = *decode_histogram(parse(both, options).samples.at(0).histogram);
  EXPECT_LT(limited.schema, 3);
  EXPECT_LE(limited.positive_counts.size() + limited.negative_counts.size(), 3u);
  options.histogram_buckets_max = 1;
  EXPECT_EQ(parse_prometheus_protobuf(both, options).error().code, ErrorCode::too_large);
  options = {};
  options.histogram_factor_min = 4;
  EXPECT_EQ(decode_histogram(parse(both, options).samples.at(0).histogram)->schema, -1);
}

TEST(ExpositionProtobuf, WhatCannotBeReadIsAnErrorWithItsPlace) {
  auto refused = [](const std::string& page, std::string_view reason) {
    Result<Exposition> result = parse_prometheus_protobuf(page, {});
    ASSERT_FALSE(result.ok()) << reason;
    EXPECT_NE(result.error().message.find(reason), std::string::npos) << result.error().to_string();
    EXPECT_TRUE(result.error().position.has_value());
  };
  std::string good = family("m", kGauge, {metric({}, 2, number(1))});
  refused(good.substr(0, good.size() - 1), "unexpected end");
  refused(good + std::string(12, '\xff'), "varint");
  refused(family("", kGauge, {}), "no name");
  refused(family("m", kCounter, {metric({}, 2, number(1))}), "no value of the family's type");
  refused(family("m", kGauge, {metric({label("a", "1"), label("a", "2")}, 2, number(1))}),
          "label \"a\" twice");
  refused(family("m", kGauge, {metric({label("a", "\xff")}, 2, number(1))}), "not valid UTF-8");
  refused(family("m", kGauge, {metric({label("__name__", "x")}, 2, number(1))}), "not a metric's own");
  std::string wrong = native(false);
  Writer(wrong).add_uint64(1, 9);
  refused(family("m", kHistogram, {metric({}, 7, wrong)}), "its count is 9");
  // Few bytes a bucket, each repeating long labels.
  std::string many;
  for (int i = 0; i < 30'000; ++i) Writer(many).add_message(3, std::string());
  std::vector<std::string> labels;
  std::string wide;
  for (int i = 0; i < 2'000; ++i) Writer(wide).add_message(1, label("l" + std::to_string(i), "v"));
  Writer(wide).add_message(7, many);
  refused(family("m", kHistogram, {wide}), "labels of its series take more");
}

TEST(ExpositionCustomBounds, ClassicHistogramsBecomeNative) {
  constexpr std::string_view kPage =
      "# TYPE h histogram\n"
      "h_bucket{x=\"1\",le=\"0.5\"} 1 # {trace_id=\"aa\"} 0.3 5\n"
      "h_bucket{x=\"1\",le=\"1\"} 3\n"
      "h_bucket{x=\"1\",le=\"+Inf\"} 4\n"
      "h_count{x=\"1\"} 4\n"
      "h_sum{x=\"1\"} 9.5\n"
      "h_created{x=\"1\"} 2\n"
      "h_bucket{x=\"2\",le=\"1\"} 3\n"
      "h_bucket{x=\"2\",le=\"+Inf\"} 2\n"
      "# TYPE other gauge\n"
      "other 1\n"
      "# EOF\n";
  ExpositionOptions options;
  options.classic_to_custom_bounds = true;
  options.created_as_start_time = true;
  Result<Exposition> page = parse_exposition(ExpositionFormat::openmetrics_text, kPage, options);
  ASSERT_TRUE(page.ok()) << page.error().to_string();
  EXPECT_EQ(lines_of(*page), (std::vector<std::string>{R"(h{x="1"} h4)", R"(h_bucket{le="1.0", x="2"} 3)",
                                                       R"(h_bucket{le="+Inf", x="2"} 2)", "other 1"}));
  Histogram histogram = *decode_histogram(page->samples[0].histogram);
  EXPECT_EQ(histogram.schema, Histogram::kCustomBoundsSchema);
  EXPECT_EQ(histogram.custom_bounds, (std::vector<double>{0.5, 1}));
  EXPECT_EQ(histogram.positive_counts, (std::vector<double>{1, 2, 1}));
  EXPECT_EQ(histogram.sum, 9.5);
  EXPECT_EQ(page->samples[0].start_time->value, 2'000'000'000);
  EXPECT_EQ(page->samples[0].exemplar_count, 1u);
  options.always_classic = true;
  page = parse_exposition(ExpositionFormat::openmetrics_text, kPage, options);
  EXPECT_EQ(page->samples.size(), 9u);
}

TEST(ExpositionOptions, CreatedLinesAndBoundsAreSpelledCanonically) {
  constexpr std::string_view kPage = "# TYPE c counter\nc_total 1\nc_created 5.5\n# EOF\n";
  Exposition kept = *parse_exposition(ExpositionFormat::openmetrics_text, kPage);
  EXPECT_EQ(kept.samples.size(), 2u);
  ExpositionOptions options;
  options.created_as_start_time = true;
  Exposition dropped = *parse_exposition(ExpositionFormat::openmetrics_text, kPage, options);
  ASSERT_EQ(dropped.samples.size(), 1u);
  EXPECT_EQ(dropped.samples[0].start_time->value, 5'500'000'000);
  constexpr std::string_view kText =
      "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"0.10\"} 1\nh_bucket{le=\"2500000\"} "
      "1\nh_bucket{le=\"0.00001\"} 1\nh_bucket{le=\"1e3\"} "
      "1\nh_bucket{le=\"x\"} 1\n"
      "# TYPE s summary\ns{quantile=\"1\"} 1\ng{le=\"1\"} 1\n";
  Exposition text = *parse_exposition(ExpositionFormat::prometheus_text, kText);
  std::vector<std::string> bounds;
  for (const ExpositionSample& sample : text.samples) {
    bounds.emplace_back(label_value(sample.labels, "le"));
    if (bounds.back().empty()) bounds.back() = label_value(sample.labels, "quantile");
  }
  EXPECT_EQ(bounds, (std::vector<std::string>{"1.0", "0.1", "2.5e+06", "1e-05", "1000.0", "x", "1.0", "1"}));
}

}  // namespace
}  // namespace obelisk
