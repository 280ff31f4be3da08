// Goal: patterns say what stays the same, count every line once, match the lines they came from, and stay
// within their bounds. Method: lines of known shapes, and the filter that patterns are made for.
#include "query/logql/pattern_miner.h"

#include <gtest/gtest.h>

#include "query/logql/line_pattern.h"

namespace obelisk::logql {
namespace {

std::vector<PatternMiner::Pattern> mine(const std::vector<std::string>& lines) {
  PatternMiner miner(1);
  for (const std::string& line : lines) miner.add(line, "", 0);
  return miner.finish();
}

TEST(PatternMiner, WhatVariesIsLeftOut) {
  auto patterns = mine({"user alice logged in from 10.0.0.1", "user bob logged in from 10.9.0.3",
                        "user carol logged in from fe80::1", "disk full on /var"});
  ASSERT_EQ(patterns.size(), 2u);
  EXPECT_EQ(patterns[0].text, "user <_> logged in from <_>");
  EXPECT_EQ(patterns[0].total, 3u);
  EXPECT_EQ(patterns[1].text, "disk full on /var");
}

TEST(PatternMiner, SeparatorsMustAgree) {
  auto patterns = mine({R"(level=info msg="a b" took=5ms)", R"(level=info msg="c d" took=7ms)",
                        R"({"level":"info","took":5})", R"({"level":"info","took":6})"});
  ASSERT_EQ(patterns.size(), 2u);
  EXPECT_EQ(patterns[0].text, R"(level=info msg="<_> <_>" took=<_>)");
  EXPECT_EQ(patterns[1].text, R"({"level":"info","took":<_>})");
}

TEST(PatternMiner, LevelsAndStepsAreApart) {
  PatternMiner miner(3);
  miner.add("request done", "info", 0);
  miner.add("request done", "info", 2);
  miner.add("request done", "error", 1);
  auto patterns = miner.finish();
  ASSERT_EQ(patterns.size(), 2u);
  EXPECT_EQ(patterns[0].level, "info");
  EXPECT_EQ(patterns[0].counts, (std::vector<uint64_t>{1, 0, 1}));
  EXPECT_EQ(patterns[1].counts, (std::vector<uint64_t>{0, 1, 0}));
}

TEST(PatternMiner, EveryPatternMatchesItsLines) {
  const std::vector<std::string> lines{"GET /cart/17 200 12ms",
                                       "GET /cart/18 404 3ms",
                                       "<html> <b7> is no capture <x>",
                                       "a,,b;;c 1",
                                       "x=1 y=2",
                                       "  leading and trailing  ",
                                       "tail<",
                                       "\"quoted\" 'both' [1][2]",
                                       std::string(5000, 'z') + " 1",
                                       "unicode é 5 ünd",
                                       "many " + std::string(400, ','),
                                       "k=1|k=2|k=3"};
  for (const std::string& line : lines) {
    auto patterns = mine({line});
    ASSERT_EQ(patterns.size(), 1u) << line;
    if (patterns[0].text.find("<_>") == std::string::npos) {
      EXPECT_EQ(patterns[0].text, line);
      continue;
    }
    auto compiled = LinePattern::for_filter(patterns[0].text);
    ASSERT_TRUE(compiled.ok()) << patterns[0].text << ": " << compiled.error().message;
    EXPECT_TRUE(compiled->matches(line)) << patterns[0].text;
  }
}

TEST(PatternMiner, BoundedAndCounted) {
  PatternMiner miner(1);
  std::string word;
  uint64_t lines = PatternMiner::kClustersMax + 500;
  for (uint64_t i = 0; i < lines; ++i) {
    word.clear();
    for (uint64_t rest = i + 1; rest > 0; rest /= 26) word += static_cast<char>('a' + rest % 26);
    miner.add(word + " stands first", "", 0);
  }
  uint64_t counted = 0;
  for (const auto& pattern : miner.finish()) counted += pattern.total;
  EXPECT_LE(miner.finish().size(), PatternMiner::kClustersMax);
  EXPECT_EQ(counted + miner.others()[0], lines);
  EXPECT_GE(miner.others()[0], 500u);
}

// What a store counted by pattern folds to what its lines would have.
TEST(PatternMiner, PatternsFoldAsTheirLinesDo) {
  PatternMiner miner(2);
  miner.add_pattern("paid <_> EUR by alice", "info", std::vector<uint64_t>{3, 1});
  miner.add_pattern("paid <_> EUR by bob", "info", std::vector<uint64_t>{0, 2});
  miner.add_pattern("<<_>> closed", "info", std::vector<uint64_t>{1, 0});
  miner.add_pattern(" ", "info", std::vector<uint64_t>{1, 0});
  miner.add_others(std::vector<uint64_t>{0, 4});
  auto patterns = miner.finish();
  ASSERT_EQ(patterns.size(), 2u);
  EXPECT_EQ(patterns[0].text, "paid <_> EUR by <_>");
  EXPECT_EQ(patterns[0].counts, (std::vector<uint64_t>{3, 3}));
  EXPECT_EQ(patterns[1].text, "<<_>> closed");
  EXPECT_EQ(miner.others(), (std::vector<uint64_t>{1, 4}));
}

}  // namespace
}  // namespace obelisk::logql
