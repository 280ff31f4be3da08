#include "wire/openmetrics.h"

#include <gtest/gtest.h>

#include "wire/shared_files_test.h"

namespace obelisk {
namespace {

Exposition parse(std::string_view page, OpenMetricsMode mode = OpenMetricsMode::strict) {
  Result<Exposition> result = parse_openmetrics(page, mode);
  EXPECT_TRUE(result.ok()) << result.error().to_string() << "\n" << page;
  return result.ok() ? std::move(result).value() : Exposition{};
}

void expect_refused(std::string_view page, std::string_view reason) {
  Result<Exposition> result = parse_openmetrics(page, OpenMetricsMode::strict);
  ASSERT_FALSE(result.ok()) << page;
  EXPECT_NE(result.error().message.find(reason), std::string::npos) << result.error().to_string();
}

TEST(OpenMetrics, FamiliesSamplesExemplarsAndCreated) {
  constexpr std::string_view kPage =
      "# TYPE latency_seconds histogram\n"
      "# UNIT latency_seconds seconds\n"
      "# HELP latency_seconds How \\\"long\\\".\n"
      "latency_seconds_bucket{route=\"/a\",le=\"0.5\"} 1 # {trace_id=\"0af7\"} 0.25 1700000000.123456789\n"
      "latency_seconds_bucket{route=\"/a\",le=\"+Inf\"} 2\n"
      "latency_seconds_count{route=\"/a\"} 2\n"
      "latency_seconds_sum{route=\"/a\"} 3.5\n"
      "latency_seconds_created{route=\"/a\"} 1690000000.5\n"
      "# TYPE requests counter\n"
      "requests_total 5 1700000001.5\n"
      "# EOF\n";
  Exposition page = parse(kPage);
  ASSERT_EQ(page.samples.size(), 6u);
  ASSERT_EQ(page.families.size(), 2u);
  EXPECT_EQ(page.families[0].type, MetricType::histogram);
  EXPECT_EQ(page.families[0].unit, "seconds");
  EXPECT_EQ(page.families[0].help, "How \"long\".");
  ASSERT_EQ(page.samples[0].exemplar, 0);
  EXPECT_EQ(label_value(page.exemplars[0].labels, "trace_id"), "0af7");
  EXPECT_EQ(page.exemplars[0].value, 0.25);
  EXPECT_EQ(page.exemplars[0].time->value, 1'700'000'000'123'456'789);
  EXPECT_EQ(page.samples[1].exemplar, kNoExemplar);
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(page.samples[static_cast<size_t>(i)].start_time->to_millis(), 1690000000500) << i;
  EXPECT_FALSE(page.samples[5].start_time.has_value());
  EXPECT_EQ(page.samples[5].time->to_millis(), 1700000001500);
  EXPECT_EQ(page.samples[5].family, 1u);
}

TEST(OpenMetrics, StrictRules) {
  expect_refused("a 1\n", "does not end with # EOF");
  expect_refused("a 1\n# EOF\nx", "text after # EOF");
  expect_refused("a  1\n# EOF\n", "expected a value");
  expect_refused("# TYPE a counter\na_total -1\n# EOF\n", "at least 0");
  expect_refused("# TYPE a gauge\na 1 # {x=\"y\"} 1\n# EOF\n", "only buckets and counters");
  expect_refused("# TYPE a histogram\na_bucket{le=\"1\"} 1\n# EOF\n", "le=\"+Inf\"");
  expect_refused("# TYPE a_created gauge\n# TYPE a counter\n# EOF\n", "used twice");
  expect_refused("# TYPE a gauge\na{x=\"1\"} 0\na{x=\"2\"} 0\na{x=\"1\"} 0\n# EOF\n", "interleaved");
  expect_refused("# UNIT a seconds\n# EOF\n", "not the end of the name");
}

// Pages by what is wrong with them; all but the end of the page, which is added.
TEST(OpenMetrics, StrictRefuses) {
  const std::string_view pages[] = {
      // Lines.
      "a 1\n\n", " a 1\n", "a 1 \n", "a 1\t\n", "a\t1\n", "a 1\r\n", "# a comment\n", "#\n", "# FOO a b\n",
      "#TYPE a gauge\n", "# TYPE  a gauge\n", "# TYPE a  gauge\n", "# TYPE a gauge \n", "# HELP a\n",
      "# UNIT a\n", "# EOF a\n", "# EOF\n",
      // Names and labels.
      "0a 1\n", "a.b 1\n", "a-b 1\n", "\xc3\xa9 1\n", "{a=\"b\"} 1\n", "a{0b=\"c\"} 1\n", "a{b:c=\"d\"} 1\n",
      "a{b=\"c\",} 1\n", "a{,} 1\n", "a{b=\"c\" } 1\n", "a{ b=\"c\"} 1\n", "a{b=\"c\", d=\"e\"} 1\n",
      "a{b =\"c\"} 1\n", "a{b=\"c\"d=\"e\"} 1\n", "a {b=\"c\"} 1\n", "a{b='c'} 1\n", "a{b=\"c} 1\n",
      "a{b=\"c\",b=\"d\"} 1\n", "a{b=\"c\n\"} 1\n", "a{b=\"c\"}1\n", "a{b=\"\xff\"} 1\n",
      // Numbers and times.
      "a\n", "a \n", "a one\n", "a 1_000\n", "a 0x1p3\n", "a 0b1\n", "a 0o7\n", "a 1 1_0\n", "a 1 NaN\n",
      "a 1 +Inf\n", "a 1 0x1\n", "a 1 1 1\n", "a 1 1.1.1\n", "a 1e\n", "a --1\n", "a infinit\n",
      // Families.
      "# TYPE a gauge\n# TYPE a gauge\na 1\n", "# HELP a b\n# HELP a b\n", "a 1\n# TYPE a gauge\n",
      "# TYPE a gauge\n# TYPE b gauge\n# HELP a b\n", "# TYPE a gauge\nb 1\na 1\n",
      "# TYPE a counter\n# TYPE a_total gauge\n", "# TYPE a_count gauge\n# TYPE a summary\n",
      "# TYPE a untyped\na 1\n", "# TYPE a Gauge\na 1\n", "# UNIT a_seconds\n",
      "# UNIT a_bytes seconds\na_bytes 1\n", "# TYPE a_s info\n# UNIT a_s s\n",
      "# TYPE a_s stateset\n# UNIT a_s s\n",
      // Order.
      "# TYPE a gauge\na{b=\"1\"} 1\na{b=\"2\"} 1\na{b=\"1\"} 2\n", "a 1 2\na 1 1\n", "a 1\na 1 1\n",
      "a 1 1\na 1\n", "# TYPE a counter\na_total{b=\"1\"} 1\na_total{b=\"2\"} 1\na_created{b=\"1\"} 1\n",
      // Types.
      "# TYPE a counter\na 1\na_total 1\na 2\n", "# TYPE a counter\na_total NaN\n",
      "# TYPE a counter\na_total -1\n", "# TYPE a info\na_info 0\n", "# TYPE a info\na_info 2\n",
      "# TYPE a stateset\na{a=\"x\"} 0.5\n", "# TYPE a stateset\na{b=\"x\"} 1\n", "# TYPE a summary\na 1\n",
      "# TYPE a summary\na{quantile=\"2\"} 1\n", "# TYPE a summary\na{quantile=\"x\"} 1\n",
      "# TYPE a summary\na{quantile=\"0.5\"} -1\n", "# TYPE a summary\na_count -1\n",
      "# TYPE a summary\na_count NaN\n", "# TYPE a summary\na_sum -1\n",
      // Histograms.
      "# TYPE a histogram\na_bucket 1\n",
      "# TYPE a histogram\na_bucket{le=\"x\"} 1\na_bucket{le=\"+Inf\"} 1\n",
      "# TYPE a histogram\na_bucket{le=\"NaN\"} 1\na_bucket{le=\"+Inf\"} 1\n",
      "# TYPE a histogram\na_bucket{le=\"2\"} 1\na_bucket{le=\"1\"} 1\na_bucket{le=\"+Inf\"} 1\n",
      "# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\n",
      "# TYPE a histogram\na_bucket{le=\"1\"} 1\na_bucket{le=\"1\"} 1\na_bucket{le=\"+Inf\"} 1\n",
      "# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_count 2\na_sum 1\n",
      "# TYPE a histogram\na_bucket{le=\"+INF\"} 1\n", "# TYPE a histogram\na_count 1\na_sum 1\n",
      "# TYPE a histogram\na_bucket{le=\"-1\"} 1\na_bucket{le=\"+Inf\"} 1\na_count 1\na_sum -1\n",
      "# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_count 1\na_sum -1\n",
      "# TYPE a histogram\na_bucket{le=\"+Inf\"} NaN\n", "# TYPE a histogram\na_sum 1\n",
      "# TYPE a gaugehistogram\na_bucket{le=\"+Inf\"} 1\na_gcount 1\na_gsum -1\n",
      "# TYPE a gaugehistogram\na_bucket{le=\"+Inf\"} 1\na_gcount 2\na_gsum 1\n",
      // Exemplars.
      "# TYPE a counter\na_total 1 #\n", "# TYPE a counter\na_total 1 # \n",
      "# TYPE a counter\na_total 1# {} 1\n", "# TYPE a counter\na_total 1 #{} 1\n",
      "# TYPE a counter\na_total 1 # {}1\n", "# TYPE a counter\na_total 1 # {} 1 \n",
      "# TYPE a counter\na_total 1 # {} x\n", "# TYPE a counter\na_total 1 # {} 1 NaN\n",
      "# TYPE a counter\na_total 1 # {b=\"c\",b=\"d\"} 1\n", "# TYPE a counter\na_created 1 # {} 1\n",
      "# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_count 1 # {} 1\na_sum 1\n",
      "# TYPE a info\na_info 1 # {} 1\n", "# TYPE a summary\na{quantile=\"1\"} 1 # {} 1\n",
      "# TYPE a stateset\na{a=\"x\"} 1 # {} 1\n", "a 1 # {} 1\n"};
  for (std::string_view page : pages) {
    Result<Exposition> result = parse_openmetrics(std::string(page) + "# EOF\n", OpenMetricsMode::strict);
    EXPECT_FALSE(result.ok()) << page;
  }
}

TEST(OpenMetrics, StrictTakes) {
  const std::string_view pages[] = {
      "",
      "a 1\n",
      "a{} 1\n",
      "a{b=\"\"} 1\n",
      "a 1e3\n",
      "a .5\n",
      "a 1.\n",
      "a +1\n",
      "a -Inf\n",
      "a inf\n",
      "a NaN\n",
      "a infinity\n",
      "a 1 1.5\n",
      "a 1 -1\n",
      "a 1 1e3\n",
      "a{b=\"\\\\ \\n \\\" # } {\"} 1\n",
      "# HELP a \na 1\n",
      "# UNIT a \na 1\n",
      "# TYPE a unknown\na 1\n",
      "# HELP a x\n# TYPE a gauge\n# TYPE b gauge\nb 1\n",
      "# TYPE a_seconds counter\n# UNIT a_seconds seconds\na_seconds_total 1\na_seconds_created 1\n",
      "# TYPE a gauge\na{b=\"1\"} 1 1\na{b=\"1\"} 1 2\na{b=\"2\"} 1 1\n",
      "# TYPE a counter\na_total 1 # {} 1\n",
      "# TYPE a counter\na_total 1 5 # {b=\"c\"} 1 6\n",
      "# TYPE a gaugehistogram\na_bucket{le=\"-1\"} 1\na_bucket{le=\"+Inf\"} 2\na_gcount 2\na_gsum -5\n",
      "# TYPE a histogram\na_bucket{le=\"1e-05\"} 0\na_bucket{le=\"+Inf\"} 3\na_count 3\na_sum 2\na_created "
      "5\n",
      "# TYPE a info\na_info{x=\"y\"} 1\n",
      "# TYPE a stateset\na{a=\"on\"} 1\na{a=\"off\"} 0\n",
      "# TYPE a summary\na{quantile=\"0\"} 1\na{quantile=\"1\"} NaN\na_count 1\na_sum 1\na_created 1\n"};
  for (std::string_view page : pages) {
    Result<Exposition> result = parse_openmetrics(std::string(page) + "# EOF\n", OpenMetricsMode::strict);
    EXPECT_TRUE(result.ok()) << page << (result.ok() ? "" : result.error().to_string());
  }
}

// Prometheus scrapes what the specification refuses.
TEST(OpenMetrics, LenientModeTakesWhatPrometheusTakes) {
  Exposition page = parse("# TYPE a counter\na_total -1\n{\"dotted.name\",x=\"y\",} 2\na_total 3\n# EOF\n",
                          OpenMetricsMode::lenient);
  ASSERT_EQ(page.samples.size(), 3u);
  EXPECT_EQ(label_value(page.samples[1].labels, kMetricNameLabel), "dotted.name");
}

// All 211 published cases, each refused or taken as its description says; what must parse does so leniently,
// too.
TEST(OpenMetrics, PublishedParserCases) {
  auto folder = shared_folder("conformance/exposition/openmetrics-parsers");
  if (!folder) GTEST_SKIP() << "shared conformance files are absent";
  size_t good = 0;
  size_t bad = 0;
  for (const auto& entry : std::filesystem::directory_iterator(*folder)) {
    std::string page = read_whole_file(entry.path() / "metrics");
    bool should_parse =
        read_whole_file(entry.path() / "test.json").find("\"shouldParse\": true") != std::string::npos;
    Result<Exposition> result = parse_openmetrics(page, OpenMetricsMode::strict);
    EXPECT_EQ(result.ok(), should_parse) << entry.path() << "\n"
                                         << (result.ok() ? "" : result.error().to_string());
    if (should_parse) {
      EXPECT_TRUE(parse_openmetrics(page, OpenMetricsMode::lenient).ok()) << entry.path();
    }
    ++(should_parse ? good : bad);
  }
  EXPECT_EQ(good, 44u);
  EXPECT_EQ(bad, 167u);
}

TEST(OpenMetrics, ParsesRealPages) {
  auto folder = shared_folder("conformance/exposition/textparse");
  if (!folder) GTEST_SKIP() << "shared conformance files are absent";
  size_t exemplars = 0;
  size_t samples = 0;
  for (const auto& entry : std::filesystem::directory_iterator(*folder)) {
    if (!entry.path().string().ends_with(".om.txt")) continue;
    std::string page = read_whole_file(entry.path());
    Exposition parsed = parse(page, OpenMetricsMode::lenient);
    exemplars += parsed.exemplars.size();
    samples += parsed.samples.size();
  }
  EXPECT_GT(samples, 90u);
  EXPECT_GT(exemplars, 0u);
}

}  // namespace
}  // namespace obelisk
