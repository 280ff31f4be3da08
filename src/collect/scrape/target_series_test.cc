#include "collect/scrape/target_series.h"

#include <gtest/gtest.h>

#include <cmath>

#include "collect/scrape/batch_lines_test.h"

namespace obelisk::scrape {
namespace {

using Lines = std::vector<std::string>;

class TargetSeriesTest : public testing::Test {
 protected:
  std::vector<Batch> accept(std::string_view page, int64_t seconds,
                            ExpositionFormat format = ExpositionFormat::prometheus_text) {
    std::string text(page);
    auto exposition = parse_exposition(format, text);
    EXPECT_TRUE(exposition.ok()) << exposition.error().to_string();
    report_ = {};
    std::vector<Batch> batches = series_.accept(*exposition, UnixNanos{seconds * kNanosPerSecond}, report_);
    text.assign(text.size(), '#');  // what was accepted may not point into the page
    return batches;
  }
  Lines samples(std::string_view page, int64_t seconds) {
    return lines_of(accept(page, seconds), Table::samples);
  }
  Lines open_metrics(std::string_view page, int64_t seconds, Table table = Table::samples) {
    return lines_of(accept(std::string(page) + "# EOF\n", seconds, ExpositionFormat::openmetrics_text),
                    table);
  }

  TargetSeries series_{Labels{{"job", "shop"}, {"instance", "a:1"}}};
  ScrapeReport report_;
};

TEST_F(TargetSeriesTest, AddsTargetLabels) {
  EXPECT_EQ(samples("b 1\na{x=\"y\"} 2.5\n", 10), (Lines{R"(a{instance="a:1", job="shop", x="y"} 2.5 @10)",
                                                         R"(b{instance="a:1", job="shop"} 1 @10)"}));
  EXPECT_EQ(report_.samples_scraped, 2u);
  EXPECT_EQ(report_.series_added, 2u);
  samples("b 1\na{x=\"y\"} 2.5\nc 3\n", 20);
  EXPECT_EQ(report_.series_added, 1u);
}

TEST_F(TargetSeriesTest, RenamesClashingLabels) {
  EXPECT_EQ(
      samples("a{job=\"own\",exported_instance=\"e\",instance=\"i\"} 1\n", 10),
      Lines{
          R"(a{exported_exported_instance="i", exported_instance="e", exported_job="own", instance="a:1", job="shop"} 1 @10)"});
}

TEST_F(TargetSeriesTest, HonorsLabelsWhenTold) {
  series_.set_honor(true, true);
  EXPECT_EQ(samples("a{job=\"own\"} 1\n", 10), Lines{R"(a{instance="a:1", job="own"} 1 @10)"});
  series_.set_honor(false, true);
  EXPECT_EQ(samples("a{job=\"own\"} 1\n", 20),
            (Lines{R"(a{exported_job="own", instance="a:1", job="shop"} 1 @20)",
                   R"(a{instance="a:1", job="own"} stale @20)"}));
}

TEST_F(TargetSeriesTest, MarksVanishedSeriesOnce) {
  samples("a 1\nb 1\n", 10);
  EXPECT_EQ(samples("b 2\n", 20),
            (Lines{R"(a{instance="a:1", job="shop"} stale @20)", R"(b{instance="a:1", job="shop"} 2 @20)"}));
  EXPECT_EQ(samples("b 3\n", 30), Lines{R"(b{instance="a:1", job="shop"} 3 @30)"});
  EXPECT_EQ(samples("a 4\nb 4\n", 40).size(), 2u);
  EXPECT_EQ(report_.series_added, 1u);
}

TEST_F(TargetSeriesTest, AFailureEndsEverythingOnce) {
  samples("a 1\nb 1\n", 10);
  EXPECT_EQ(
      lines_of(series_.end_all(UnixNanos{20 * kNanosPerSecond}), Table::samples),
      (Lines{R"(a{instance="a:1", job="shop"} stale @20)", R"(b{instance="a:1", job="shop"} stale @20)"}));
  EXPECT_TRUE(series_.end_all(UnixNanos{30 * kNanosPerSecond}).empty());
  EXPECT_EQ(series_.series_count(), 0u);
}

// Some exporters write labels in a different order on each page: it is the same series all the same.
TEST_F(TargetSeriesTest, ASeriesIsItsLabelsNotItsText) {
  samples("a{x=\"1\",y=\"2\"} 1\n", 10);
  EXPECT_EQ(samples("a{y=\"2\",x=\"1\"} 2\n", 20),
            Lines{R"(a{instance="a:1", job="shop", x="1", y="2"} 2 @20)"});
  EXPECT_EQ(report_.series_added, 0u);
}

TEST_F(TargetSeriesTest, OwnTimesAreHonoredAndNotTrackedForStaleness) {
  EXPECT_EQ(samples("a 1 5000\nb 1\n", 10),
            (Lines{R"(a{instance="a:1", job="shop"} 1 @5)", R"(b{instance="a:1", job="shop"} 1 @10)"}));
  EXPECT_EQ(samples("b 2\n", 20), Lines{R"(b{instance="a:1", job="shop"} 2 @20)"});
  series_.set_honor(false, false);
  EXPECT_EQ(samples("a 1 5000\nb 3\n", 30),
            (Lines{R"(a{instance="a:1", job="shop"} 1 @30)", R"(b{instance="a:1", job="shop"} 3 @30)"}));
  EXPECT_EQ(samples("b 3\n", 40).size(), 2u);  // a is tracked now
}

TEST_F(TargetSeriesTest, ARepeatedOwnTimeIsNoNews) {
  EXPECT_EQ(samples("a 1 5000\n", 10).size(), 1u);
  EXPECT_EQ(samples("a 1 5000\n", 20).size(), 0u);
  EXPECT_EQ(samples("a 2 5000\n", 30).size(), 1u);
  EXPECT_EQ(samples("a 2 6000\n", 40).size(), 1u);
}

TEST_F(TargetSeriesTest, DuplicatesOnAPageAreLeftOut) {
  EXPECT_EQ(samples("a 1\na 2\na{} 3\n", 10), Lines{R"(a{instance="a:1", job="shop"} 1 @10)"});
  EXPECT_EQ(samples("a 1 5000\na 2 6000\n", 20).size(), 2u);
}

TEST_F(TargetSeriesTest, KeepsStartTimes) {
  Lines lines = open_metrics("# TYPE a counter\na_total 5\na_created 3\n", 10);
  EXPECT_NE(std::find(lines.begin(), lines.end(), R"(a_total{instance="a:1", job="shop"} 5 @10 start:3)"),
            lines.end());
}

TEST_F(TargetSeriesTest, KeepsNewExemplarsOnce) {
  std::string page =
      "# TYPE a counter\na_total 5 # {trace_id=\"0af7651916cd43dd8448eb211c80319c\",x=\"y\"} 1.5\n";
  EXPECT_EQ(open_metrics(page, 10, Table::exemplars),
            Lines{R"(a_total{instance="a:1", job="shop"} 1.5 @10 trace_id=0af7651916cd43dd8448eb211c80319c )"
                  R"(id:0af7651916cd43dd8448eb211c80319c x=y)"});
  EXPECT_TRUE(open_metrics(page, 20, Table::exemplars).empty());
  EXPECT_EQ(
      open_metrics("# TYPE a counter\na_total 5 # {traceID=\"1f\"} 2 17\n", 30, Table::exemplars),
      Lines{R"(a_total{instance="a:1", job="shop"} 2 @17 traceID=1f id:0000000000000000000000000000001f)"});
}

TEST_F(TargetSeriesTest, OddExemplarLabelsDoNotMakeAWideBatch) {
  std::string page = "# TYPE a counter\n";
  for (int i = 0; i < 1000; ++i) page += fmt::format("a_total{{n=\"{}\"}} 5 # {{label_{}=\"v\"}} 1\n", i, i);
  std::vector<Batch> batches = accept(page + "# EOF\n", 10, ExpositionFormat::openmetrics_text);
  EXPECT_EQ(lines_of(batches, Table::exemplars).size(), 1000u);
  for (const Batch& batch : batches) EXPECT_LT(batch.columns.size(), 100u);
}

TEST_F(TargetSeriesTest, WritesMetadataWhenItChangesAndNowAndThen) {
  std::string page = "# HELP a Help of a.\n# TYPE a counter\na 1\nb 1\n";
  auto metadata = [&](int64_t seconds) { return lines_of(accept(page, seconds), Table::metadata); };
  EXPECT_EQ(metadata(10), Lines{"{} @10 metric_family=a metric_type=counter help=Help of a. unit="});
  EXPECT_TRUE(metadata(20).empty());
  page = "# HELP a Other help.\n# TYPE a counter\na 1\nb 1\n";
  EXPECT_EQ(metadata(30), Lines{"{} @30 metric_family=a metric_type=counter help=Other help. unit="});
  EXPECT_EQ(metadata(10 + 3600).size(), 1u);
}

TEST_F(TargetSeriesTest, ReportsTheScrape) {
  ScrapeReport report{true, 0.25, 7, 7, 3};
  std::vector<Batch> batches;
  batches.push_back(series_.report_batch(report, UnixNanos{10 * kNanosPerSecond}));
  EXPECT_EQ(lines_of(batches, Table::samples),
            (Lines{R"(scrape_duration_seconds{instance="a:1", job="shop"} 0.25 @10)",
                   R"(scrape_samples_post_metric_relabeling{instance="a:1", job="shop"} 7 @10)",
                   R"(scrape_samples_scraped{instance="a:1", job="shop"} 7 @10)",
                   R"(scrape_series_added{instance="a:1", job="shop"} 3 @10)",
                   R"(up{instance="a:1", job="shop"} 1 @10)"}));
  batches.clear();
  batches.push_back(series_.end_report(UnixNanos{20 * kNanosPerSecond}));
  for (const std::string& line : lines_of(batches, Table::samples))
    EXPECT_TRUE(line.ends_with("stale @20")) << line;
}

// Series come and go for long; the labels kept stay in proportion to the series that are there, and batches
// handed out before keep theirs.
TEST_F(TargetSeriesTest, ChurnDoesNotAccumulate) {
  std::vector<Batch> first = accept("old{n=\"zero\"} 1\n", 1);
  for (int page = 0; page < 200; ++page) {
    std::string text;
    for (int i = 0; i < 100; ++i) text += fmt::format("a{{page=\"{}\",n=\"{}\"}} 1\n", page, i);
    accept(text, 10 + page);
    EXPECT_EQ(series_.series_count(), 100u);
  }
  EXPECT_EQ(lines_of(first, Table::samples), Lines{R"(old{instance="a:1", job="shop", n="zero"} 1 @1)"});
}

TEST(StaleMarker, HasPrometheusBits) {
  EXPECT_TRUE(std::isnan(stale_marker()));
  EXPECT_TRUE(is_stale_marker(stale_marker()));
  EXPECT_FALSE(is_stale_marker(std::nan("")));
  EXPECT_FALSE(is_stale_marker(1));
}

}  // namespace
}  // namespace obelisk::scrape
