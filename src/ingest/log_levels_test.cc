// Goal: the level of a row is found where Loki finds it, and words that only look like one are not taken.
#include "ingest/log_levels.h"

#include <gtest/gtest.h>

namespace obelisk {
namespace {

TEST(LogLevels, OfLines) {
  const std::pair<const char*, const char*> kCases[] = {
      {R"(level=warn msg="an error happened")", "warn"},
      {R"({"msg":"info","level":"ERROR"})", "error"},
      {R"({"log":{"level":"debug"}})", "debug"},
      {R"({"level":30,"msg":"x"})", "info"},
      {R"(ts=1 lvl="wrn" x)", "warn"},
      {R"(severity: CRITICAL disk)", "critical"},
      {R"({"a":"é","severity_text":"Warning"})", "warn"},
      {"a=1 b=error level_x=info log_level=Debug", "debug"},
      {"2024-01-01 12:00:00 ERROR failed", "error"},
      {"[Warning] low space, info follows", "warn"},
      {"errors were seen", "error"},
      {"goroutine 1: panic", "fatal"},
      {"the errand of an informer, forewarned", "unknown"},
      {"infotainment level", "unknown"},
      {"level=", "unknown"},
      {"", "unknown"},
      {"sublevel=error", "error"},  // by its word, not by its name
      {"TRACE x", "trace"},
      {"fatal: not a repository", "fatal"},
  };
  for (auto& [line, level] : kCases) EXPECT_EQ(level_of_line(line), level) << line;
  EXPECT_EQ(level_of_line(std::string(5000, ' ') + "error"), "unknown") << "only the beginning counts";
}

TEST(LogLevels, OfBatches) {
  BatchBuilder rows(Table::logs);
  std::vector<LabelRef> plain{{"app", "a"}}, labelled{{"app", "a"}, {"level", "debug"}};
  rows.begin_group(plain);
  rows.add_row({1});
  rows.set_string(Scope::fixed, column::kLine, "error");
  rows.set_int(Scope::fixed, column::kSeverityNumber, 13);
  rows.add_row({2});
  rows.set_string(Scope::fixed, column::kLine, "error");
  rows.set_string(Scope::fixed, column::kSeverityText, "Information");
  rows.add_row({3});
  rows.set_string(Scope::fixed, column::kLine, "error");
  rows.set_string(Scope::attribute, "Severity", "fatal");
  rows.add_row({4});
  rows.set_string(Scope::fixed, column::kLine, "nothing");
  rows.begin_group(labelled);
  rows.add_row({5});
  rows.set_string(Scope::fixed, column::kLine, "error");
  Batch batch = rows.finish();
  detect_levels(batch);
  ASSERT_TRUE(batch.check().ok());
  const ColumnData* levels = batch.find({Scope::attribute, "detected_level"}, ColumnType::string);
  ASSERT_NE(levels, nullptr);
  EXPECT_EQ(levels->strings, (std::vector<std::string_view>{"warn", "info", "fatal", "unknown", "debug"}));
}

TEST(LogLevels, WhatCameWithOneKeepsIt) {
  BatchBuilder rows(Table::logs);
  rows.begin_group({});
  rows.add_row({1});
  rows.set_string(Scope::fixed, column::kLine, "error");
  rows.set_string(Scope::attribute, kDetectedLevel, "mine");
  rows.add_row({2});
  rows.set_string(Scope::fixed, column::kLine, "error");
  Batch batch = rows.finish();
  detect_levels(batch);
  ASSERT_TRUE(batch.check().ok());
  const ColumnData* levels = batch.find({Scope::attribute, "detected_level"}, ColumnType::string);
  EXPECT_EQ(levels->strings, (std::vector<std::string_view>{"mine", "error"}));
}

}  // namespace
}  // namespace obelisk
