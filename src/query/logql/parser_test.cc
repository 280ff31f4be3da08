// Goal: every form of the language parses, to the tree that its precedence asks for. Method: a query against
// its one-line form, which shows every parenthesis; and the queries of all scripts through the formatter and
// back.
#include "query/logql/parser.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/text.h"
#include "query/logql/format.h"
#include "query/logql/pipeline.h"

namespace obelisk::logql {
namespace {

std::string round_trip(std::string_view text) {
  Result<Query> query = parse_and_check(text);
  return query.ok() ? to_string(*query) : query.error().message;
}

TEST(LogqlParser, Precedence) {
  EXPECT_EQ(round_trip("vector(1) + vector(2) * vector(3) ^ vector(4) ^ vector(5)"),
            "(vector(1) + (vector(2) * (vector(3) ^ (vector(4) ^ vector(5)))))");
  EXPECT_EQ(round_trip("vector(1) or vector(2) and vector(3) unless vector(4) > vector(5) - 1 - 2"),
            "(vector(1) or ((vector(2) and vector(3)) unless (vector(4) > ((vector(5) - 1) - 2))))");
  EXPECT_EQ(round_trip("2 ^ 3 ^ 2"), "512");
  EXPECT_EQ(round_trip("-2 ^ 2 + 1 == bool 5"), "1");
  EXPECT_EQ(round_trip("{a=\"b\"} | x=\"1\" or y>2 and z=~\"c\", w!=1s v=\"1\""),
            "{a=\"b\"} | x=\"1\" or ( y>2 and ( z=~\"c\" and ( w!=1s and v=\"1\" ) ) )");
}

TEST(LogqlParser, EveryStageAndFunction) {
  const char* const kSame[] = {
      "{a=\"b\", c!=\"d\", e=~\"f.*\", g!~`\\d`} |= \"x\" or \"y\" != \"z\" |~ \"a|b\" !~ \"c\" |> \"<_>\" "
      "!> \"d\" |= ip(\"10.0.0.0/8\")",
      "{a=\"b\"} | json | logfmt --strict --keep-empty x, y=\"z\" | json p=\"q[0].r\" | unpack | decolorize",
      "{a=\"b\"} | regexp `(?P<x>\\d)` | pattern \"<x> <_>\" | line_format `{{.x | printf \"%s\"}}` | "
      "label_format a=b, c=\"{{.d}}\"",
      "{a=\"b\"} | drop a, b=\"c\", d=~\"e\" | keep f, g!=\"h\" | x=ip(\"::1\") | "
      "y!=ip(\"10.0.0.1-10.0.0.9\") | z>=1.5KiB | w==5",
      "rate({a=\"b\"} [1m])",
      "quantile_over_time(0.99, {a=\"b\"} | unwrap duration_seconds(x) | __error__=\"\" [5m] offset 1h) by "
      "(x, y)",
      "sum_over_time({a=\"b\"} | unwrap bytes(size) [1h] offset -5m)",
      "topk by (a) (3, count_over_time({a=\"b\"} [1s]))",
      "label_replace(vector(1), \"a\", \"$1\", \"b\", \"(.*)\")",
      "(sum(vector(1)) > bool ignoring (x) group_right (y) vector(2))",
      "sort_desc(absent_over_time({a=\"b\"} [500ms]))",
  };
  for (const char* text : kSame) EXPECT_EQ(round_trip(text), text);
}

TEST(LogqlParser, RangeInTheMiddleAndInBrackets) {
  EXPECT_EQ(round_trip("rate({a=\"b\"}[1m] |= \"x\")"), "rate({a=\"b\"} |= \"x\" [1m])");
  EXPECT_EQ(round_trip("rate(({a=\"b\"} |= \"x\")[1m] offset 5m)"),
            "rate({a=\"b\"} |= \"x\" [1m] offset 5m)");
  EXPECT_EQ(round_trip("sum_over_time({a=\"b\"}[1m] | logfmt | unwrap x)"),
            "sum_over_time({a=\"b\"} | logfmt | unwrap x [1m])");
}

TEST(LogqlParser, NamesThatAreWordsOfTheLanguage) {
  EXPECT_EQ(round_trip("{sum=\"a\", json=\"b\"} | duration > 1m and bytes > 20MB | count=\"x\""),
            "{sum=\"a\", json=\"b\"} | duration>1m and bytes>20MB | count=\"x\"");
  EXPECT_EQ(round_trip("sum by (count, rate) (vector(1))"), "sum by (count, rate) (vector(1))");
}

TEST(LogqlParser, BoundsAreErrors) {
  EXPECT_NE(round_trip(std::string(200'000, 'a')).find("input size too long"), std::string::npos);
  EXPECT_NE(round_trip(std::string(100'000, '(')).find("nested more than"), std::string::npos);
  std::string chain = "1";
  for (int i = 0; i < 5000; ++i) chain += "+vector(1)";
  EXPECT_NE(round_trip(chain).find("more than 1000 operators"), std::string::npos);
  std::string filters = "{a=\"b\"} | x=1";
  for (int i = 0; i < 5000; ++i) filters += " or x=1";
  EXPECT_NE(round_trip(filters).find("more than 1024 filters"), std::string::npos);
  EXPECT_NE(round_trip("{a=\"\xff\"}").find("invalid UTF-8"), std::string::npos);
}

// The cheat sheet of the seeds, line by line.
TEST(LogqlParser, CheatSheetOfTheSeeds) {
  const char* const kStages[] = {"|= \"error\"",
                                 "!= \"health\"",
                                 "|~ \"error|exception\"",
                                 "!~ \"debug|trace\"",
                                 "| json",
                                 "| logfmt",
                                 "| pattern `<method> <path> <status>`",
                                 "| regexp `(?P<ip>\\d+\\.\\d+\\.\\d+\\.\\d+)`",
                                 "| level=\"error\"",
                                 "| status_code >= 500",
                                 "| duration > 1s",
                                 "| line_format \"{{.level}} {{.msg}}\"",
                                 "| label_format level=severity"};
  std::string all = "{app=~\"myapp.*\", env=\"prod\"}";
  for (const char* stage : kStages) all += std::string(" ") + stage;
  EXPECT_TRUE(parse_and_check(all).ok()) << parse_and_check(all).error().message;
  for (const char* query :
       {"rate({app=\"myapp\"} [5m])", "count_over_time({app=\"myapp\"} [5m])",
        "bytes_rate({app=\"myapp\"} [5m])",
        "quantile_over_time(0.99,\n  {app=\"myapp\"} | json | unwrap latency_ms [5m]\n) by (service)"}) {
    EXPECT_TRUE(parse_and_check(query).ok()) << query;
  }
}

TEST(LogqlFormat, EveryQueryOfTheScriptsSurvives) {
  int checked = 0;
  for (const auto& file : std::filesystem::directory_iterator("tests/logql")) {
    std::ifstream lines(file.path());
    for (std::string line; std::getline(lines, line);) {
      size_t brace = line.find('{');
      size_t at = line.starts_with("eval instant at ") ? line.find(' ', 16)
                  : line.starts_with("eval streams")   ? brace
                                                       : std::string::npos;
      if (at == std::string::npos) continue;
      Result<Query> query = parse_and_check(line.substr(at));
      if (!query.ok()) continue;
      Result<Query> again = parse_and_check(format_query(*query));
      ASSERT_TRUE(again.ok()) << format_query(*query) << "\n" << again.error().message;
      EXPECT_EQ(to_string(*again), to_string(*query));
      ++checked;
    }
  }
  EXPECT_GT(checked, 70);
}

TEST(LogqlFormat, LongQueriesAreIndented) {
  Query query = *parse_and_check(
      "sum by (level) (rate({app=\"a-rather-long-name\", namespace=\"another-long-one\"} |= \"error\" | json "
      "| level=\"error\" [5m]))");
  EXPECT_EQ(format_query(query),
            "sum by (level) (\n  rate(\n    {app=\"a-rather-long-name\", namespace=\"another-long-one\"}\n   "
            "   |= \"error\"\n"
            "      | json\n      | level=\"error\"\n      [5m]\n  )\n)");
}

}  // namespace
}  // namespace obelisk::logql
