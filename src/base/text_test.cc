#include "base/text.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/json_writer.h"

namespace obelisk {
namespace {

TEST(Text, HexRoundTrips) {
  EXPECT_EQ(to_hex(std::string("\x00\xff\x1a", 3)), "00ff1a");
  EXPECT_EQ(*from_hex("00FF1a"), std::string("\x00\xff\x1a", 3));
  EXPECT_FALSE(from_hex("0g").has_value());
  EXPECT_FALSE(from_hex("abc").has_value());
}

TEST(Text, Utf8) {
  EXPECT_TRUE(is_valid_utf8("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"));
  EXPECT_FALSE(is_valid_utf8("\xC0\x80"));      // overlong
  EXPECT_FALSE(is_valid_utf8("\xED\xA0\x80"));  // surrogate
  EXPECT_FALSE(is_valid_utf8("\xE2\x82"));      // cut
  EXPECT_EQ(replace_invalid_utf8("a\xFF"
                                 "b"),
            "a\xEF\xBF\xBD"
            "b");
}

TEST(Text, SampleValues) {
  EXPECT_EQ(format_sample_value(1), "1");
  EXPECT_EQ(format_sample_value(0.1), "0.1");
  EXPECT_EQ(format_sample_value(1e20), "100000000000000000000");
  EXPECT_EQ(format_sample_value(1e21), "1e+21");
  EXPECT_EQ(format_sample_value(1e-7), "1e-07");
  EXPECT_EQ(format_sample_value(NAN), "NaN");
  EXPECT_EQ(format_sample_value(-INFINITY), "-Inf");
  EXPECT_EQ(*parse_float("0x1p4"), 16);
  EXPECT_EQ(*parse_float("-1.5e3"), -1500);
  EXPECT_EQ(*parse_float("+Inf"), INFINITY);
  EXPECT_TRUE(std::isnan(*parse_float("NaN")));
  EXPECT_EQ(*parse_float("1e-400"), 0);
  EXPECT_FALSE(parse_float("1e400").has_value());
  EXPECT_FALSE(parse_float("").has_value());
  EXPECT_FALSE(parse_float("1_0").has_value());
  EXPECT_FALSE(parse_float("--1").has_value());
}

TEST(Text, Durations) {
  EXPECT_EQ(*parse_prometheus_duration("1h30m"), 5400LL * 1'000'000'000);
  EXPECT_EQ(*parse_prometheus_duration("5ms"), 5'000'000);
  EXPECT_EQ(*parse_prometheus_duration("1m5ms"), 60'005'000'000);
  EXPECT_FALSE(parse_prometheus_duration("30m1h").ok());
  EXPECT_FALSE(parse_prometheus_duration("1h1h").ok());
  EXPECT_FALSE(parse_prometheus_duration("99999999999y").ok());
  EXPECT_EQ(format_prometheus_duration(5400LL * 1'000'000'000), "1h30m");
  EXPECT_EQ(format_prometheus_duration(14LL * 86400 * 1'000'000'000), "2w");
  EXPECT_EQ(format_prometheus_duration(36LL * 3600 * 1'000'000'000), "1d12h");
  EXPECT_EQ(format_prometheus_duration(8LL * 86400 * 1'000'000'000), "8d");
  EXPECT_EQ(*parse_go_duration("1.5h"), 5400LL * 1'000'000'000);
  EXPECT_EQ(*parse_go_duration("-3ms2us"), -3'002'000);
  EXPECT_FALSE(parse_go_duration("3d").ok());
}

TEST(Text, Rfc3339) {
  EXPECT_EQ(format_rfc3339(1'777'790'277'625'976'000), "2026-05-03T06:37:57.625976Z");
  EXPECT_EQ(*parse_rfc3339("2026-05-03T06:37:57.625976Z"), 1'777'790'277'625'976'000);
  EXPECT_EQ(*parse_rfc3339("2026-05-03T08:37:57+02:00"), 1'777'790'277'000'000'000);
  EXPECT_FALSE(parse_rfc3339("2026-05-03").has_value());
  EXPECT_FALSE(parse_rfc3339("2026-13-03T06:37:57Z").has_value());
}

TEST(JsonWriter, NestsAndEscapes) {
  JsonWriter json;
  json.begin_object().field("a", 1).key("b").begin_array().value("x\n\"\x01").value(true).null().end_array();
  json.field("c", NAN).end_object();
  EXPECT_EQ(json.take(), R"({"a":1,"b":["x\n\"\u0001",true,null],"c":"NaN"})");
}

}  // namespace
}  // namespace obelisk
