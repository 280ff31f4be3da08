#include "wire/exposition_text.h"

#include <gtest/gtest.h>

#include <cmath>

#include "model/histogram.h"
#include "wire/shared_files_test.h"

namespace obelisk {
namespace {

Exposition parse(std::string_view page) {
  Result<Exposition> result = parse_prometheus_text(page);
  EXPECT_TRUE(result.ok()) << result.error().to_string();
  return result.ok() ? std::move(result).value() : Exposition{};
}

std::string labels_of(const Exposition& page, size_t sample) {
  return Labels(page.samples.at(sample).labels).to_string();
}

TEST(ExpositionText, SamplesFamiliesAndTimes) {
  constexpr std::string_view kPage =
      "# HELP http_requests_total Requests,\\n by \\\\ code.\n"
      "# TYPE http_requests_total counter\n"
      "http_requests_total{method=\"post\",code=\"200\"} 1027 1395066363000\n"
      "http_requests_total{ code = \"400\" , method=\"a\\\"b\\\\c\\nd\", } 3\t-5\n"
      "\n"
      "# just a comment\n"
      "#\n"
      "  something_weird{problem=\"division by zero\"} +Inf -3982045\n"
      "no_labels 1e3";
  Exposition page = parse(kPage);
  ASSERT_EQ(page.samples.size(), 4u);
  EXPECT_EQ(labels_of(page, 0), R"(http_requests_total{code="200", method="post"})");
  EXPECT_EQ(page.samples[0].value, 1027);
  EXPECT_EQ(page.samples[0].time->to_millis(), 1395066363000);
  EXPECT_EQ(page.samples[0].series_text, "http_requests_total{method=\"post\",code=\"200\"}");
  EXPECT_EQ(label_value(page.samples[1].labels, "method"), "a\"b\\c\nd");
  EXPECT_EQ(page.samples[1].time->to_millis(), -5);
  EXPECT_TRUE(std::isinf(page.samples[2].value));
  EXPECT_EQ(page.samples[3].value, 1000);
  EXPECT_FALSE(page.samples[3].time.has_value());
  ASSERT_EQ(page.families.size(), 3u);
  EXPECT_EQ(page.families[0].type, MetricType::counter);
  EXPECT_EQ(page.families[0].help, "Requests,\n by \\ code.");
  EXPECT_EQ(page.samples[1].family, 0u);
  EXPECT_FALSE(page.families[1].has_metadata);
}

TEST(ExpositionText, HistogramSamplesBelongToTheirFamily) {
  Exposition page = parse(
      "# TYPE rpc histogram\nrpc_bucket{le=\"1\"} 1\nrpc_bucket{le=\"+Inf\"} 2\nrpc_sum 3\nrpc_count "
      "2\nrpc_other 1\n"
      "# TYPE s summary\ns{quantile=\"0.5\"} 1\ns_sum 1\ns_count 1\n");
  ASSERT_EQ(page.families.size(), 3u);
  EXPECT_EQ(page.samples[3].family, 0u);
  EXPECT_EQ(page.families[page.samples[4].family].name, "rpc_other");
  EXPECT_EQ(page.families[page.samples[7].family].name, "s");
}

TEST(ExpositionText, QuotedUtf8Names) {
  Exposition page = parse(
      "# TYPE \"my.metric\" gauge\n{\"my.metric\",\"label.x\"=\"y\",plain=\"z\"} 5\n{a=\"b\",\"late\"} 1\n");
  EXPECT_EQ(label_value(page.samples.at(0).labels, kMetricNameLabel), "my.metric");
  EXPECT_EQ(label_value(page.samples[0].labels, "label.x"), "y");
  EXPECT_EQ(page.families[0].type, MetricType::gauge);
  EXPECT_EQ(label_value(page.samples[1].labels, kMetricNameLabel), "late");
}

TEST(ExpositionText, LabelsAreSortedAndEmptyOnesDropped) {
  Exposition page = parse("m{b=\"1\",Z=\"2\",empty=\"\",a=\"3\"} 1\n");
  std::vector<std::string> names;
  for (const LabelRef& label : page.samples.at(0).labels) names.emplace_back(label.name);
  EXPECT_EQ(names, (std::vector<std::string>{"Z", "__name__", "a", "b"}));
}

TEST(ExpositionText, ErrorsSayWhere) {
  struct Case {
    std::string_view page;
    std::string_view message;
    uint32_t line;
    uint32_t column;
  };
  const Case cases[] = {
      {"ok 1\nm{a=\"b} 1\n", "does not end on its line", 2, 5},
      {"ok 1\nm{a=b} 1\n", "label value in double quotes", 2, 5},
      {"m{a=\"1\",a=\"2\"} 1\n", "label \"a\" twice", 1, 15},
      {"m\n", "expected a value", 1, 2},
      {"m 1 soon\n", "timestamp in milliseconds", 1, 5},
      {"m 1 2 3\n", "after the timestamp", 1, 7},
      {"# TYPE m meter\n", "invalid metric type", 1, 10},
      {"0m 1\n", "expected a metric name", 1, 1},
      {"{a=\"b\"} 1\n", "no name", 1, 1},
      {"m 1 99999999999999999\n", "timestamp", 1, 5},
      {"m{a=\"\xff\"} 1\n", "not valid UTF-8", 1, 5},
  };
  for (const Case& test : cases) {
    Result<Exposition> result = parse_prometheus_text(test.page);
    ASSERT_FALSE(result.ok()) << test.page;
    EXPECT_EQ(result.error().code, ErrorCode::parse_error);
    EXPECT_NE(result.error().message.find(test.message), std::string::npos) << result.error().to_string();
    EXPECT_EQ(result.error().position->line, test.line) << test.page;
    EXPECT_EQ(result.error().position->column, test.column) << test.page;
  }
}

TEST(ExpositionText, ContentTypes) {
  EXPECT_EQ(*exposition_format_of("text/plain; version=0.0.4; charset=utf-8"),
            ExpositionFormat::prometheus_text);
  EXPECT_EQ(*exposition_format_of("Application/OpenMetrics-Text; version=1.0.0"),
            ExpositionFormat::openmetrics_text);
  EXPECT_FALSE(exposition_format_of("text/html")->has_value());
  EXPECT_EQ(*exposition_format_of("application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; "
                                  "encoding=delimited"),
            ExpositionFormat::prometheus_protobuf);
  EXPECT_EQ(exposition_format_of("application/vnd.google.protobuf; proto=x").error().code,
            ErrorCode::unsupported);
}

// Real pages: every line that is neither blank nor a comment is one sample.
TEST(ExpositionText, ParsesRealPages) {
  auto folder = shared_folder("conformance/exposition/textparse");
  if (!folder) GTEST_SKIP() << "shared conformance files are absent";
  size_t pages = 0;
  for (const auto& entry : std::filesystem::directory_iterator(*folder)) {
    if (!entry.path().string().ends_with(".prom.txt")) continue;
    std::string page = read_whole_file(entry.path());
    size_t lines = 0;
    for (size_t at = 0; at < page.size();) {
      size_t end = std::min(page.find('\n', at), page.size());
      if (end > at && page[at] != '#') ++lines;
      at = end + 1;
    }
    EXPECT_EQ(parse(page).samples.size(), lines) << entry.path();
    ++pages;
  }
  EXPECT_GE(pages, 2u);
}

}  // namespace
}  // namespace obelisk
