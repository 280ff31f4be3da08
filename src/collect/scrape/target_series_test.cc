#include "collect/scrape/target_series.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "collect/scrape/batch_lines_test.h"

namespace obelisk::scrape {
namespace {

using Lines = std::vector<std::string>;

class TargetSeriesTest : public testing::Test {
 protected:
  std::vector<Batch> accept(std::string_view page, int64_t seconds,
                            ExpositionFormat format = ExpositionFormat::prometheus_text) {
    std::string text(page);
    report_ = {};
    auto batches = series_.accept_page(format, text, UnixNanos{seconds * kNanosPerSecond}, report_);
    EXPECT_TRUE(batches.ok()) << batches.error().to_string();
    text.assign(text.size(), '#');  // what was accepted may not point into the page
    return batches.ok() ? std::move(*batches) : std::vector<Batch>();
  }
  Error refusal(std::string_view page, int64_t seconds) {
    report_ = {};
    auto batches = series_.accept_page(ExpositionFormat::prometheus_text, page,
                                       UnixNanos{seconds * kNanosPerSecond}, report_);
    EXPECT_FALSE(batches.ok());
    return batches.ok() ? Error{} : batches.error();
  }
  void set(const std::function<void(PageSettings&)>& change) {
    PageSettings settings;
    change(settings);
    series_.set_settings(settings);
  }
  static collect::RelabelRules rules(const std::string& yaml) {
    auto root = parse_yaml(yaml, "r");
    collect::RelabelRules all;
    for (const YamlNode& item : root->items)
      all.push_back(*collect::read_relabel_rule(item, "r", collect::NameScheme::utf8));
    return all;
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
  set([](PageSettings& settings) { settings.honor_labels = true; });
  EXPECT_EQ(samples("a{job=\"own\"} 1\n", 10), Lines{R"(a{instance="a:1", job="own"} 1 @10)"});
  set([](PageSettings&) {});
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
  set([](PageSettings& settings) { settings.honor_timestamps = false; });
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
  ScrapeReport report{true, 0.25, 7, 7, 3, false, 0, 0, 0};
  std::vector<Batch> batches;
  batches.push_back(series_.report_batch(report, UnixNanos{10 * kNanosPerSecond}));
  EXPECT_EQ(lines_of(batches, Table::samples),
            (Lines{R"(scrape_duration_seconds{instance="a:1", job="shop"} 0.25 @10)",
                   R"(scrape_samples_post_metric_relabeling{instance="a:1", job="shop"} 7 @10)",
                   R"(scrape_samples_scraped{instance="a:1", job="shop"} 7 @10)",
                   R"(scrape_series_added{instance="a:1", job="shop"} 3 @10)",
                   R"(up{instance="a:1", job="shop"} 1 @10)"}));
  batches.clear();
  batches.push_back(series_.end_report(report, UnixNanos{20 * kNanosPerSecond}));
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

TEST_F(TargetSeriesTest, HonoredEmptyLabelsRemoveTheTargets) {
  set([](PageSettings& settings) { settings.honor_labels = true; });
  EXPECT_EQ(samples("a{instance=\"\"} 1\nb{x=\"y\", job=\"\"} 1\nc{x=\",job=\\\"\\\"\"} 1\n", 10),
            (Lines{R"(a{job="shop"} 1 @10)", R"(b{instance="a:1", x="y"} 1 @10)",
                   R"(c{instance="a:1", job="shop", x=",job=\"\""} 1 @10)"}));
}

TEST_F(TargetSeriesTest, RelabelsMetricsAndCountsBoth) {
  set([](PageSettings& settings) {
    settings.relabel = rules(
        "- {source_labels: [__name__], regex: go_.*, action: drop}\n"
        "- {source_labels: [path], regex: '/x/.*', target_label: path, replacement: /x}\n");
  });
  Lines first = {R"(a{instance="a:1", job="shop", path="/x"} 1 @10)"};
  EXPECT_EQ(samples("go_a 1\na{path=\"/x/1\"} 1\n", 10), first);
  EXPECT_EQ(report_.samples_scraped, 2u);
  EXPECT_EQ(report_.samples_kept, 1u);
  EXPECT_EQ(report_.series_added, 1u);
  // The same again, now from the cache; and what was dropped does not end.
  EXPECT_EQ(samples("go_a 2\na{path=\"/x/1\"} 2\n", 20),
            Lines{R"(a{instance="a:1", job="shop", path="/x"} 2 @20)"});
  EXPECT_EQ(report_.samples_kept, 1u);
  EXPECT_EQ(samples("a{path=\"/x/2\"} 3\n", 30), Lines{R"(a{instance="a:1", job="shop", path="/x"} 3 @30)"});
  EXPECT_EQ(report_.series_added, 0u);
  // New rules apply to known series.
  set([](PageSettings&) {});
  EXPECT_EQ(samples("a{path=\"/x/2\"} 4\n", 40),
            (Lines{R"(a{instance="a:1", job="shop", path="/x"} stale @40)",
                   R"(a{instance="a:1", job="shop", path="/x/2"} 4 @40)"}));
}

TEST_F(TargetSeriesTest, LimitsRefuseThePage) {
  auto refused = [&](const std::function<void(PageSettings&)>& change, std::string_view part) {
    set(change);
    Error error = refusal("abc{label=\"value\"} 1\n", 10);
    EXPECT_EQ(error.code, ErrorCode::too_large);
    EXPECT_NE(error.message.find(part), std::string::npos) << error.message;
    EXPECT_TRUE(series_.end_all(UnixNanos{11 * kNanosPerSecond}).empty());  // nothing of it was ever there
    EXPECT_EQ(series_.series_count(), 0u);
  };
  refused([](PageSettings& s) { s.label_limit = 3; },
          "label_limit exceeded (metric: abc, number of labels: 4, limit: 3)");
  refused([](PageSettings& s) { s.label_name_bytes = 4; }, "label_name_length_limit exceeded");
  refused([](PageSettings& s) { s.label_value_bytes = 4; }, "label_value_length_limit exceeded");
  set([](PageSettings& s) { s.sample_limit = 2; });
  EXPECT_EQ(samples("a 1\nb 1\n", 20).size(), 2u);
  EXPECT_NE(refusal("a 1\nb 1\nc 1\n", 30).message.find("sample limit exceeded: 3 samples"),
            std::string::npos);
  EXPECT_EQ(report_.samples_scraped, 3u);
  EXPECT_EQ(report_.series_added, 1u);
  EXPECT_EQ(
      lines_of(series_.end_all(UnixNanos{30 * kNanosPerSecond}), Table::samples),
      (Lines{R"(a{instance="a:1", job="shop"} stale @30)", R"(b{instance="a:1", job="shop"} stale @30)"}));
}

TEST_F(TargetSeriesTest, LegacyNamesRefuseOthers) {
  set([](PageSettings& settings) { settings.names = collect::NameScheme::legacy; });
  EXPECT_EQ(samples("job:a:sum 1\n", 10).size(), 1u);
  EXPECT_NE(refusal("{\"my.metric\"} 1\n", 20).message.find("invalid metric name"), std::string::npos);
  EXPECT_NE(refusal("a{\"x.y\"=\"1\"} 1\n", 20).message.find("x.y"), std::string::npos);
}

TEST_F(TargetSeriesTest, TracksOwnTimesWhenTold) {
  set([](PageSettings& settings) { settings.track_timestamps_staleness = true; });
  samples("a 1 5000\nb 1\n", 10);
  EXPECT_EQ(samples("b 1\n", 20),
            (Lines{R"(a{instance="a:1", job="shop"} stale @20)", R"(b{instance="a:1", job="shop"} 1 @20)"}));
}

TEST_F(TargetSeriesTest, ExtraSeriesAboutTheScrape) {
  ScrapeReport report{true, 0.25, 7, 7, 3, true, 1.5, 100, 2000};
  std::vector<Batch> batches;
  batches.push_back(series_.report_batch(report, UnixNanos{10 * kNanosPerSecond}));
  Lines lines = lines_of(batches, Table::samples);
  EXPECT_EQ(lines.size(), 8u);
  EXPECT_EQ(lines[0], R"(scrape_body_size_bytes{instance="a:1", job="shop"} 2000 @10)");
}

// Goal: the quick way over known lines gives what parsing every page anew gives. Pages are made at random
// from a few series (with blanks, own times, odd numbers, comments between), and each is read by a
// TargetSeries that saw the ones before, and by one that was told to forget.
TEST_F(TargetSeriesTest, KnownLinesReadAsUnknownOnes) {
  uint32_t state = 12345;
  auto random = [&state](uint32_t below) {
    state = state * 1664525 + 1013904223;
    return (state >> 16) % below;
  };
  const std::vector<std::string> spellings{"a",
                                           "b{}",
                                           "c{x=\"1\"}",
                                           "c{x=\"2\",}",
                                           "c { x = \"3\" }",
                                           "d{x=\"}\\\"{\"}",
                                           "ab",
                                           "{\"quoted.name\",x=\"1\"}",
                                           "h_bucket{le=\"1.0\"}",
                                           "h_bucket{le=\"+Inf\"}"};
  const std::vector<std::string> values{"1",
                                        "-0",
                                        "0.1",
                                        "1e3",
                                        "NaN",
                                        "+Inf",
                                        "-12.5",
                                        "0x1p3",
                                        "123456789012345678901",
                                        "0.30000000000000004",
                                        ".5",
                                        "5."};
  TargetSeries plain(Labels{{"job", "shop"}, {"instance", "a:1"}});
  bool forget = false;
  for (int page_number = 1; page_number <= 300; ++page_number) {
    std::string page;
    for (const std::string& spelling : spellings) {
      if (random(4) == 0) continue;
      if (random(5) == 0) page += "\n  \n";
      if (spelling.starts_with("h_") && random(2) == 0) page += "# TYPE h histogram\n";
      if (random(6) == 0)
        page += fmt::format("# HELP {} text {}\n", spelling[0] == '{' ? 'q' : spelling[0], random(3));
      page += random(7) == 0 ? " " : "";
      page +=
          spelling + (random(3) == 0 ? " \t " : " ") + values[random(static_cast<uint32_t>(values.size()))];
      if (random(5) == 0) page += fmt::format(" {}", page_number * 1000 + 1);
      page += random(6) == 0 ? "  \n" : "\n";
    }
    if (random(3) == 0 && page.ends_with('\n')) page.pop_back();
    // Changing a setting that these pages do not feel makes `plain` forget the spellings.
    forget = !forget;
    PageSettings settings;
    settings.sample_limit = forget ? 1'000'000 : 0;
    plain.set_settings(settings);
    ScrapeReport report;
    auto expected = plain.accept_page(ExpositionFormat::prometheus_text, page,
                                      UnixNanos{page_number * kNanosPerSecond}, report);
    ASSERT_TRUE(expected.ok()) << expected.error().to_string() << "\n" << page;
    std::vector<Batch> got = accept(page, page_number);
    EXPECT_EQ(lines_of(got, Table::samples), lines_of(*expected, Table::samples)) << page;
    EXPECT_EQ(lines_of(got, Table::metadata), lines_of(*expected, Table::metadata)) << page;
    EXPECT_EQ(report_.samples_scraped, report.samples_scraped);
  }
}

// The same of OpenMetrics pages, with exemplars and, on some pages, _created lines.
TEST_F(TargetSeriesTest, KnownOpenMetricsLinesReadAsUnknownOnes) {
  uint32_t state = 54321;
  auto random = [&state](uint32_t below) {
    state = state * 1664525 + 1013904223;
    return (state >> 16) % below;
  };
  const std::vector<std::string> spellings{
      "c_total{x=\"1\"}",          "c_total{x=\"2\"}",   "g",
      "{\"quoted.name\",x=\"1\"}", "h_bucket{le=\"1\"}", "h_bucket{le=\"+Inf\"}"};
  const std::vector<std::string> values{"1",   "-0",   "0.1",   "1e3",
                                        "NaN", "+Inf", "-12.5", "0.30000000000000004"};
  TargetSeries plain(Labels{{"job", "shop"}, {"instance", "a:1"}});
  bool forget = false;
  for (int page_number = 1; page_number <= 400; ++page_number) {
    std::string page = "# TYPE c counter\n";
    bool with_created = random(10) == 0;
    for (const std::string& spelling : spellings) {
      if (random(4) == 0) continue;
      if (spelling.starts_with("h_bucket{le=\"1\"")) page += "# TYPE h histogram\n";
      if (random(6) == 0)
        page += fmt::format("# HELP {} text {}\n", spelling[0] == '{' ? 'q' : spelling[0], random(3));
      page += spelling + " " + values[random(static_cast<uint32_t>(values.size()))];
      if (random(5) == 0) page += fmt::format(" {}.5", page_number);
      if (spelling[0] != 'g' && random(5) == 0) page += fmt::format(" # {{t=\"{}\"}} 0.5", random(3));
      page += "\n";
      if (with_created && spelling[0] == 'c') page += "c_created" + spelling.substr(7) + " 17.5\n";
    }
    page += "# EOF\n";
    forget = !forget;
    PageSettings settings;
    settings.sample_limit = forget ? 1'000'000 : 0;
    plain.set_settings(settings);
    ScrapeReport report;
    auto expected = plain.accept_page(ExpositionFormat::openmetrics_text, page,
                                      UnixNanos{page_number * kNanosPerSecond}, report);
    ASSERT_TRUE(expected.ok()) << expected.error().to_string() << "\n" << page;
    std::vector<Batch> got = accept(page, page_number, ExpositionFormat::openmetrics_text);
    for (Table table : {Table::samples, Table::metadata, Table::exemplars})
      EXPECT_EQ(lines_of(got, table), lines_of(*expected, table)) << page;
    EXPECT_EQ(report_.samples_scraped, report.samples_scraped);
  }
}

TEST_F(TargetSeriesTest, KnownOpenMetricsLinesAreRefusedAsUnknownOnes) {
  open_metrics("# TYPE a counter\na_total 1\nb 1\n", 10);
  for (const char* lines :
       {"a_total 2\nb one\n", "a_total  2\n", "a_total 2 \n", "a_total 0x1\n", "\na_total 2\n",
        "a_total 2\t3\n", "a_total 2 3 4\n", "a_total 2 x\n", "# EOF\nb 1\n"}) {
    std::string page = std::string(lines) + "# EOF\n";
    ScrapeReport report;
    auto batches = series_.accept_page(ExpositionFormat::openmetrics_text, page, UnixNanos{20}, report);
    EXPECT_FALSE(batches.ok()) << page;
    ASSERT_FALSE(parse_exposition(ExpositionFormat::openmetrics_text, page).ok()) << page;
  }
  ScrapeReport report;
  EXPECT_FALSE(
      series_.accept_page(ExpositionFormat::openmetrics_text, "a_total 2\n", UnixNanos{30}, report).ok());
}

TEST_F(TargetSeriesTest, CommentsOfTheOtherFormatAreLookedAt) {
  samples("# nothing\na 1\n", 10);
  ScrapeReport report;
  std::string_view page = "# nothing\na 1\n# EOF\n";
  EXPECT_FALSE(series_.accept_page(ExpositionFormat::openmetrics_text, page, UnixNanos{20}, report).ok());
}

TEST_F(TargetSeriesTest, AWrongLineIsNamedAlsoAmongKnownOnes) {
  samples("a 1\nb 1\n", 10);
  EXPECT_EQ(refusal("a 2\nb one\n", 20).position->line, 2u);
  EXPECT_EQ(refusal("a 2\nb 1 2 3\n", 20).position->line, 2u);
  EXPECT_EQ(refusal("a 2\nb 1\nc{ 1\n", 20).position->line, 3u);
  EXPECT_EQ(refusal("a 2\n# TYPE b nonsense\nb 1\n", 20).position->line, 2u);
}

TEST(StaleMarker, HasPrometheusBits) {
  EXPECT_TRUE(std::isnan(stale_marker()));
  EXPECT_TRUE(is_stale_marker(stale_marker()));
  EXPECT_FALSE(is_stale_marker(std::nan("")));
  EXPECT_FALSE(is_stale_marker(1));
}

}  // namespace
}  // namespace obelisk::scrape
