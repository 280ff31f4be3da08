#include "wire/openmetrics_chunks.h"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include "wire/openmetrics.h"

namespace obelisk {
namespace {

std::string long_text(int series) {
  std::string text = "# TYPE up gauge\n# HELP up Is it.\n";
  for (int i = 0; i < series; ++i) text += fmt::format("up{{instance=\"{}\"}} 1 {}.5\n", i, i);
  text += "# TYPE h histogram\n";
  for (int i = 0; i < series; ++i) {
    text += fmt::format(
        "h_bucket{{i=\"{0}\",le=\"1.0\"}} 1 5\nh_bucket{{i=\"{0}\",le=\"+Inf\"}} 2 5\n"
        "h_count{{i=\"{0}\"}} 2 5\nh_sum{{i=\"{0}\"}} 3 5\nh_created{{i=\"{0}\"}} 4 5\n",
        i);
  }
  return text + "# EOF\n";
}

std::vector<OpenMetricsPage> cut(const std::string& text, size_t page_bytes, size_t feed_bytes) {
  OpenMetricsChunker chunker(page_bytes);
  std::vector<OpenMetricsPage> pages;
  for (size_t at = 0; at < text.size(); at += feed_bytes) {
    Result<void> fed = chunker.feed(std::string_view(text).substr(at, feed_bytes), pages);
    EXPECT_TRUE(fed.ok()) << fed.error().message;
  }
  EXPECT_TRUE(chunker.finish(pages).ok());
  return pages;
}

// Goal: whatever the sizes, the pages parse and together hold what the whole file does, families and start
// times included. Method: compare with parsing it at once.
TEST(OpenMetricsChunks, PagesTogetherAreTheFile) {
  std::string text = long_text(300);
  ExpositionOptions options;
  options.created_as_start_time = true;
  Exposition whole = *parse_openmetrics(text, OpenMetricsMode::lenient, options);
  for (size_t page_bytes : {1u, 1000u, 5000u, 10'000'000u}) {
    for (size_t feed_bytes : {7u, 1u << 20}) {
      std::vector<OpenMetricsPage> pages = cut(text, page_bytes, feed_bytes);
      size_t sample = 0;
      for (const OpenMetricsPage& page : pages) {
        EXPECT_LT(page.text.size(), page_bytes + 2000);
        Result<Exposition> parsed = parse_openmetrics(page.text, OpenMetricsMode::lenient, options);
        ASSERT_TRUE(parsed.ok()) << parsed.error().to_string() << page.text;
        for (const ExpositionSample& one : parsed->samples) {
          const ExpositionSample& expected = whole.samples.at(sample++);
          ASSERT_EQ(Labels(one.labels), Labels(expected.labels));
          EXPECT_EQ(one.time, expected.time);
          // Pages of almost nothing cut a metric from its _created line, pages of some size do not.
          if (page_bytes >= 1000) {
            EXPECT_EQ(one.start_time, expected.start_time);
          }
          EXPECT_EQ(parsed->families[one.family].type, whole.families[expected.family].type);
        }
      }
      EXPECT_EQ(sample, whole.samples.size());
    }
  }
}

TEST(OpenMetricsChunks, LinesOfPagesAreLinesOfTheFile) {
  std::string text = long_text(100);
  std::vector<OpenMetricsPage> pages = cut(text, 500, 1 << 20);
  ASSERT_GT(pages.size(), 5u);
  for (const OpenMetricsPage& page : pages) {
    uint64_t number = 1;
    for (size_t at = 0; at < page.text.size(); ++number) {
      size_t end = page.text.find('\n', at);
      std::string line = page.text.substr(at, end - at);
      at = end + 1;
      if (number <= page.repeated_lines || line == "# EOF") continue;
      size_t file_at = 0;
      for (uint64_t skip = 1; skip < page.line_of(number); ++skip) file_at = text.find('\n', file_at) + 1;
      EXPECT_EQ(text.substr(file_at, line.size()), line);
    }
  }
}

TEST(OpenMetricsChunks, WhatIsWrongIsNamedByLine) {
  auto problem = [](const std::string& text) {
    OpenMetricsChunker chunker;
    std::vector<OpenMetricsPage> pages;
    Result<void> fed = chunker.feed(text, pages);
    Result<void> finished = fed.ok() ? chunker.finish(pages) : fed;
    return finished.ok() ? std::string()
                         : fmt::format("{}: {}", finished.error().position->line, finished.error().message);
  };
  EXPECT_EQ(problem("a 1 1\n# EOF\n"), "");
  EXPECT_EQ(problem("a 1 1\n# EOF"), "");
  EXPECT_EQ(problem("a 1 1\n"), "2: the file does not end with # EOF");
  EXPECT_EQ(problem("a 1 1\n# EOF\nb 1\n"), "3: text after # EOF");
  EXPECT_NE(problem(std::string(2 << 20, 'x')).find("1: a line is longer"), std::string::npos);
}

}  // namespace
}  // namespace obelisk
