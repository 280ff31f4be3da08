// Goal: templates mean what they mean in Go. Method: pairs of template and output, and of template and
// message.
#include "query/core/go_template.h"

#include <gtest/gtest.h>

#include "query/core/go_printf.h"
#include "query/core/go_regex.h"
#include "query/core/go_time.h"

namespace obelisk {
namespace {

TemplateFunctions test_functions() {
  TemplateFunctions table;
  table["twice"] = {1, 1, [](TemplateArguments arguments, const TemplateScope&) -> Result<TemplateValue> {
                      if (arguments[0].kind() != TemplateValue::Kind::text)
                        return make_error(ErrorCode::execution, "no text");
                      return TemplateValue(arguments[0].text() + arguments[0].text());
                    }};
  return table;
}

TemplateValue root() {
  TemplateMap labels{{"job", "api"}, {"code", "500"}};
  TemplateMap map{{"Labels", TemplateValue(std::move(labels))},
                  {"Value", 2.5},
                  {"Count", 3},
                  {"List", TemplateValue(TemplateList{1, "two", 3.5})},
                  {"Empty", ""},
                  {"Time", TemplateValue(UnixNanos{1'700'000'000'000'000'000})}};
  return TemplateValue(std::move(map));
}

std::string run(std::string_view text) {
  static const TemplateFunctions functions = test_functions();
  Result<GoTemplate> parsed = GoTemplate::parse("t", text, functions);
  if (!parsed.ok()) return "parse: " + parsed.error().message;
  std::string out;
  TemplateScope scope{root(), nullptr};
  Result<void> done = parsed->execute(scope, out);
  return done.ok() ? out : "run: " + done.error().message;
}

TEST(GoTemplate, Actions) {
  const std::pair<const char*, const char*> kCases[] = {
      {"plain", "plain"},
      {"{{ .Labels.job }}:{{ .Value }}", "api:2.5"},
      {"{{ .Missing }}", "<no value>"},
      {"{{ $x := .Count }}{{ $x }}{{ $x = 4 }}{{ $x }}", "34"},
      {"{{ if .Empty }}a{{ else if .Count }}b{{ else }}c{{ end }}", "b"},
      {"{{ with .Labels }}{{ .job }}{{ $.Count }}{{ end }}", "api3"},
      {"{{ with .Empty }}x{{ else with .Count }}{{ . }}{{ else }}y{{ end }}", "3"},
      {"{{ range .List }}<{{ . }}>{{ end }}", "<1><two><3.5>"},
      {"{{ range $k, $v := .Labels }}{{ $k }}={{ $v }} {{ end }}", "code=500 job=api "},
      {"{{ range .Empty2 }}x{{ else }}none{{ end }}", "none"},
      {"{{ range $i, $e := .List }}{{ if eq $i 1 }}{{ continue }}{{ end }}{{ $e }}{{ if eq $i 2 }}{{ break "
       "}}{{ end }}{{ end }}",
       "13.5"},
      {"a {{- \" b \" -}} c", "a b c"},
      {"{{/* nothing */}}x", "x"},
      {"{{ define \"d\" }}[{{ . }}]{{ end }}{{ template \"d\" .Count }}{{ template \"d\" }}",
       "[3][<no value>]"},
      {"{{ block \"b\" .Labels }}{{ .job }}{{ end }}", "api"},
      {"{{ \"a\" | twice | twice }}", "aaaa"},
      {"{{ (index .List 1) | twice }}{{ (len .Labels) }}", "twotwo2"},
      {"{{ index .Labels \"code\" }}{{ slice \"abcdef\" 1 3 }}", "500bc"},
      {"{{ and 1 \"\" 2 }}|{{ or \"\" 0 \"x\" }}|{{ not 0 }}", "|x|true"},
      {"{{ eq .Count 1 2 3 }}{{ ne 1 2 }}{{ lt 1 2 }}{{ le 2 2 }}{{ gt \"b\" \"a\" }}{{ ge 1.5 2.5 }}",
       "truetruetruetruetruefalse"},
      {"{{ printf \"%s-%d-%.1f\" \"a\" 7 1.25 }}{{ print 1 2 \"x\" 3 }}", "a-7-1.21 2x3"},
      {"{{ .Time.Unix }} {{ .Time.Format \"15:04\" }} {{ .Time.Year }}", "1700000000 22:13 2023"},
      {"{{ html \"<a&'>\" }}{{ urlquery \"a b/c\" }}", "&lt;a&amp;&#39;&gt;a+b%2Fc"},
      {"{{ 0x10 }}{{ 1_000 }}{{ -2.5e1 }}{{ 'a' }}{{ true }}{{ `raw\\n` }}", "161000-2597trueraw\\n"},
      {"{{ .List }}{{ .Labels }}", "[1 two 3.5]map[code:500 job:api]"},
      {"{{ 3000000.0 }} {{ 123456.5 }} {{ 0.00001 }}", "3e+06 123456.5 1e-05"},
  };
  for (const auto& [text, expected] : kCases) EXPECT_EQ(run(text), expected) << text;
}

TEST(GoTemplate, Faults) {
  const std::pair<const char*, const char*> kCases[] = {
      {"{{ .a", "parse: template: t:1: unclosed action"},
      {"\n{{ nosuch 1 }}", "parse: template: t:2: function \"nosuch\" not defined"},
      {"{{ if 1 }}x", "parse: template: t:1: unexpected EOF"},
      {"{{ end }}", "parse: template: t:1: unexpected {{end}}"},
      {"{{ else }}", "parse: template: t:1: unexpected {{else}}"},
      {"{{ $x }}", "parse: template: t:1: undefined variable \"$x\""},
      {"{{ }}", "parse: template: t:1: missing value for command"},
      {"{{ | twice }}", "parse: template: t:1: missing value for command"},
      {"{{ (1 }}", "parse: template: t:1: unclosed left paren"},
      {"{{ \"a }}", "parse: template: t:1: unterminated quoted string"},
      {"{{ break }}", "parse: template: t:1: {{break}} outside {{range}}"},
      {"{{/* a", "parse: template: t:1: unclosed comment"},
      {"{{ twice 1 }}", "run: template: t:1:3: executing \"t\" at <twice 1>: error calling twice: no text"},
      {"{{ twice }}",
       "run: template: t:1:3: executing \"t\" at <twice>: wrong number of args for twice: want 1 got 0"},
      {"{{ .Labels.job.x }}", "run: template: t:1: can't evaluate field x in type string"},
      {"\n{{ 1 |  lt   \"a  b\" }}",
       "run: template: t:2:8: executing \"t\" at <lt \"a  b\">: error calling lt: incompatible types for "
       "comparison"},
      {"{{ index .List 9 }}",
       "run: template: t:1:3: executing \"t\" at <index .List 9>: error calling index: index out of range: "
       "9"},
      {"{{ template \"none\" }}", "run: template: t:1: template \"none\" not defined"},
      {"{{ range 5.5 }}{{ end }}", "run: template: t:1: range can't iterate over 5.5"},
  };
  for (const auto& [text, expected] : kCases) EXPECT_EQ(run(text), expected) << text;
}

// No template runs for ever, or fills the memory.
TEST(GoTemplate, Bounds) {
  EXPECT_NE(run("{{ range 100000 }}{{ range 100000 }}{{ end }}{{ end }}").find("runs for too long"),
            std::string::npos);
  EXPECT_NE(run("{{ define \"d\" }}{{ template \"d\" }}{{ end }}{{ template \"d\" }}")
                .find("maximum template depth"),
            std::string::npos);
  EXPECT_NE(run("{{ range 1000000 }}" + std::string(100, 'x') + "{{ end }}").find("longer than 1 MiB"),
            std::string::npos);
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += "{{ if 1 }}";
  EXPECT_NE(run(deep).find("nested too deeply"), std::string::npos);
  EXPECT_NE(run("{{ " + std::string(100'000, '(')).find("nested too deeply"), std::string::npos);
}

TEST(GoTemplate, ReportsTheFieldsItReads) {
  TemplateFunctions none;
  std::vector<std::string> names;
  bool whole = false;
  GoTemplate::parse(
      "t", "{{ .a }}{{ if .b.c }}{{ $.d | print }}{{ end }}{{ with .e }}{{ .inner }}{{ $.f }}{{ end }}", none)
      ->collect_root_fields(names, whole);
  EXPECT_EQ(names, (std::vector<std::string>{"a", "b", "d", "e", "f"}));
  EXPECT_FALSE(whole);
  GoTemplate::parse("t", "{{ range $k, $v := . }}{{ end }}", none)->collect_root_fields(names, whole);
  EXPECT_TRUE(whole);
}

TEST(GoPrintf, FlagsAndFaults) {
  auto print = [](std::string_view format, std::vector<TemplateValue> arguments) {
    return go_printf(format, arguments);
  };
  EXPECT_EQ(print("%5d|%-5d|%05d|%+d|%x|%X|%o|%b|%c|%U", {1, 2, 3, 4, 255, 255, 8, 5, 65, 0x1F600}),
            "    1|2    |00003|+4|ff|FF|10|101|A|U+1F600");
  EXPECT_EQ(print("%8.3f|%e|%g|%v", {3.14159, 1500.0, 0.5, 1e21}), "   3.142|1.500000e+03|0.5|1e+21");
  EXPECT_EQ(print("%s|%10s|%-4s|%.2s|%q|%t", {"a", "b", "c", "déf", "x\"y", true}),
            "a|         b|c   |dé|\"x\\\"y\"|true");
  EXPECT_EQ(print("%*d", {4, 7}), "   7");
  EXPECT_EQ(print("%d %s", {"x"}), "%!d(string=x) %!s(MISSING)");
  EXPECT_EQ(print("%%", {1}), "%%!(EXTRA int=1)");
  EXPECT_EQ(print("%99999999d", {1}).size(), static_cast<size_t>(kPrintfWidthMax));
}

TEST(GoTime, LayoutsBothWays) {
  UnixNanos time{1'700'000'000'123'456'789};
  EXPECT_EQ(format_go_time(time, "Mon Jan _2 15:04:05.000 2006"), "Tue Nov 14 22:13:20.123 2023");
  EXPECT_EQ(format_go_time(time, "2006-01-02T15:04:05.999999999Z07:00"), "2023-11-14T22:13:20.123456789Z");
  EXPECT_EQ(format_go_time(time, "Monday, 02-January-06 3:04PM MST -0700 002"),
            "Tuesday, 14-November-23 10:13PM UTC +0000 318");
  EXPECT_EQ(*format_go_time_in(time, "15:04 MST", "America/New_York"), "17:13 EST");
  EXPECT_FALSE(format_go_time_in(time, "15", "Mars/Olympus").ok());
  EXPECT_FALSE(format_go_time_in(time, "15", "../../etc/passwd").ok());
  EXPECT_EQ(parse_go_time("2006-01-02 15:04:05", "2024-02-29 12:00:01.5", "UTC")->value,
            1'709'208'001'500'000'000);
  EXPECT_EQ(parse_go_time("2006-01-02T15:04:05Z07:00", "2024-01-01T00:00:00+02:00", "UTC")->value,
            1'704'060'000'000'000'000);
  EXPECT_EQ(parse_go_time("2006-01-02 15:04", "2024-07-01 12:00", "Europe/Berlin")->value,
            1'719'828'000'000'000'000);
  EXPECT_EQ(parse_go_time("02/Jan/2006:15:04:05 -0700", "10/Oct/2000:13:55:36 -0700", "UTC")->value,
            971'211'336'000'000'000);
  EXPECT_FALSE(parse_go_time("2006-01-02", "2023-02-30", "UTC").ok());
  EXPECT_FALSE(parse_go_time("2006-01-02", "2023-02-03x", "UTC").ok());
  EXPECT_FALSE(parse_go_time("2006", "1066", "UTC").ok());
}

TEST(GoRegex, Replacements) {
  auto replace = [](std::string_view pattern, std::string_view text, std::string_view with,
                    bool literal = false) {
    return replace_all_matches(**Regex::compile(pattern, Regex::Mode::searching), text, with, literal, 1000);
  };
  EXPECT_EQ(replace("a(x*)b", "-ab-axxb-", "${1}W"), "-W-xxW-");
  EXPECT_EQ(replace("a(x*)b", "-ab-axxb-", "$1W"), "---");
  EXPECT_EQ(replace("(?P<k>\\w+)=(?P<v>\\w+)", "a=1 b=2", "$v:$k $$ $"), "1:a $ $ 2:b $ $");
  EXPECT_EQ(replace("x*", "aé", "-"), "-a-é-");
  EXPECT_EQ(replace("b", "abb", "$1", true), "a$1$1");
  EXPECT_EQ(replace("z", "abc", "y"), "abc");
}

}  // namespace
}  // namespace obelisk
