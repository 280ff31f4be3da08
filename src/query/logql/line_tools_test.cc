// Goal: what lines are taken apart with: JSON, patterns, addresses, sizes and durations, label names.
#include <gtest/gtest.h>

#include "query/logql/ip_range.h"
#include "query/logql/json_walk.h"
#include "query/logql/line_pattern.h"
#include "query/logql/literals.h"
#include "query/logql/metadata_columns.h"
#include "query/logql/row_labels.h"
#include "query/logql/window_functions.h"

namespace obelisk::logql {
namespace {

TEST(JsonWalk, PathsAndFaults) {
  auto find = [](std::string_view text, std::string_view path) -> std::string {
    auto steps = parse_json_path(path);
    if (!steps) return "bad path";
    std::optional<JsonToken> token = find_json_path(text, *steps);
    return token ? std::string(token->raw) : "none";
  };
  EXPECT_EQ(find(R"({"a":{"b":[1,{"c":"x"}]}})", "a.b[1].c"), "x");
  EXPECT_EQ(find(R"({"a b":1})", "[\"a b\"]"), "1");
  EXPECT_EQ(find(R"([10,20])", "[1]"), "20");
  EXPECT_EQ(find(R"({"a":1,"a":2})", "a"), "1");
  EXPECT_EQ(find(R"({"a":1,)", "a"), "1");
  EXPECT_EQ(find(R"({"a":1x})", "a"), "1x");
  EXPECT_EQ(find(R"({"a":)" + std::string(10'000, '[') + "}", "a"), "none");
  for (const char* bad : {"", "a.", ".a", "a[", "a[x]", "a[1", "1a", "a..b", "a[99999999999]"})
    EXPECT_EQ(find("{}", bad), "bad path") << bad;
  std::string buffer;
  EXPECT_EQ(unescape_json(R"(a\u00e9\ud83d\ude00\n\/)", buffer), "aé😀\n/");
  EXPECT_EQ(unescape_json(R"(\ud800x)", buffer), std::nullopt);  // half a pair
  EXPECT_EQ(unescape_json(R"(\udc00)", buffer), std::nullopt);
  EXPECT_FALSE(unescape_json(R"(\x)", buffer));
  EXPECT_FALSE(unescape_json(R"(\u12)", buffer));
}

TEST(LinePattern, MatchesWholeLines) {
  auto matches = [](std::string_view pattern, std::string_view line) {
    return LinePattern::for_filter(pattern)->matches(line);
  };
  EXPECT_TRUE(matches("a<_>b<_>c", "a1b2c"));
  EXPECT_FALSE(matches("a<_>b<_>c", "a1b2c3"));
  EXPECT_FALSE(matches("<_>b", "abab"));  // a literal is taken where it stands first
  EXPECT_TRUE(matches("<_>b", "aab"));
  EXPECT_FALSE(matches("<_>b", "b"));  // no capture is empty
  EXPECT_FALSE(matches("a<_>", "a"));
  EXPECT_TRUE(matches("b", "ab"));          // the beginning is not anchored
  EXPECT_FALSE(matches("ab<_>ba", "aba"));  // the ends must not overlap
  EXPECT_FALSE(matches("", "anything"));
  EXPECT_TRUE(matches("", ""));
  EXPECT_FALSE(matches("<_>", ""));
  EXPECT_FALSE(LinePattern::for_filter("<name>").ok());
}

TEST(IpRange, FindsAddressesInText) {
  auto found = [](std::string_view pattern, std::string_view text) {
    return IpRange::parse(pattern)->found_in(text);
  };
  EXPECT_TRUE(found("10.0.0.0/8", "peer=10.1.2.3:8080."));
  EXPECT_TRUE(found("10.0.0.0/8", "bad10.1.2.3"));
  EXPECT_FALSE(found("10.0.0.0/8", "version 10.1.2 and 110.1.2.3"));
  EXPECT_TRUE(found("192.168.0.1-192.168.0.9", "(192.168.0.9)"));
  EXPECT_FALSE(found("192.168.0.1-192.168.0.9", "192.168.0.10"));
  EXPECT_TRUE(found("2001:db8::/32", "[2001:db8:0:1::5]:443"));
  EXPECT_FALSE(found("::1", "a::b c:1"));
  for (const char* bad : {"", "x", "10.0.0.0/33", "1.2.3.4-1.2.3.3", "1.2.3.4-::1", "1.2.3"})
    EXPECT_FALSE(IpRange::parse(bad).ok()) << bad;
}

TEST(Literals, UnitsAndTheirErrors) {
  EXPECT_EQ(*parse_duration_literal("1d2h"), 26 * 3600 * kNanosPerSecond);
  EXPECT_EQ(*parse_duration_value("1h30m0.5s"), 5'400'500'000'000);
  EXPECT_EQ(parse_duration_value("1d").error().message, "time: unknown unit \"d\" in duration \"1d\"");
  EXPECT_EQ(parse_duration_value("90").error().message, "time: missing unit in duration \"90\"");
  EXPECT_EQ(parse_duration_value("oops").error().message, "time: invalid duration \"oops\"");
  EXPECT_EQ(*parse_duration_value("9223372036854775807ns"), std::numeric_limits<int64_t>::max());
  EXPECT_FALSE(parse_duration_value("9999999h").ok());
  EXPECT_EQ(*parse_bytes("1.5 KiB"), 1536u);
  EXPECT_EQ(*parse_bytes("2,048"), 2048u);
  EXPECT_EQ(parse_bytes("oops").error().message, "strconv.ParseFloat: parsing \"\": invalid syntax");
  EXPECT_EQ(parse_bytes("1XB").error().message, "unhandled size name: xb");
  EXPECT_FALSE(parse_bytes("100EB").ok());
  EXPECT_EQ(format_go_duration(5'400'500'000'000), "1h30m0.5s");
  EXPECT_EQ(format_go_duration(-1500), "-1.5\xC2\xB5s");
}

TEST(RowLabels, NamesBelongToTheStreamFirst) {
  Labels stream{{"app", "a"}, {"level", "stream"}};
  std::vector<LabelRef> view = stream.view();
  RowLabels labels;
  labels.begin(view);
  EXPECT_TRUE(labels.unchanged());
  labels.add_metadata("level", "meta");
  labels.add_metadata("pod", "p");
  EXPECT_EQ(labels.parsed_name("level"), "level_extracted");
  EXPECT_EQ(labels.parsed_name("pod"), "pod_extracted");
  EXPECT_EQ(labels.parsed_name("new"), "new");
  labels.set_parsed("level_extracted", "parsed");
  EXPECT_EQ(labels.text_of("level"), "stream");
  EXPECT_EQ(labels.text_of("level_extracted"), "parsed");
  labels.set_parsed("app", "replaced");
  labels.remove("level");
  labels.set_error("E", "why");
  labels.set_error("F", "later errors count");
  labels.set_error("G", {});
  EXPECT_EQ(
      Labels(labels.sorted()).to_string(),
      R"({__error__="G", __error_details__="later errors count", app="replaced", level_extracted="parsed", pod="p"})");
  labels.begin(view);
  EXPECT_TRUE(labels.unchanged());
  EXPECT_EQ(labels.text_of("app"), "a");
}

TEST(RowLabels, NamesAreMadeValid) {
  RowText text;
  EXPECT_EQ(sanitize_label_name("plain_1", true, text), "plain_1");
  EXPECT_EQ(sanitize_label_name("1st", true, text), "_1st");
  EXPECT_EQ(sanitize_label_name(" a.b-é ", true, text), "a_b__");
  EXPECT_EQ(sanitize_label_name("  ", true, text), "");
  EXPECT_EQ(metadata_name("1x.é"), "key_1x__");
}

TEST(WindowFunctions, CounterRateAddsResetsBack) {
  std::vector<UnwrappedSample> samples{{30, 30}, {60, 60}, {90, 10}, {120, 40}};
  for (UnwrappedSample& sample : samples) sample.time *= kNanosPerSecond;
  Window window{120 * kNanosPerSecond, 120 * kNanosPerSecond, 0};
  EXPECT_NEAR(window_function(RangeOp::rate_counter, samples, window), 70.0 * (120.0 / 90.0) / 120.0, 1e-12);
  EXPECT_EQ(window_function(RangeOp::rate_counter, std::span(samples).first(1), window), 0);
}

}  // namespace
}  // namespace obelisk::logql
