// Goal: what parses gives the tree its text says (shown by printing it back), and what does not is told with
// its place.
#include "query/promql/parser.h"

#include <gtest/gtest.h>

#include "query/promql/functions.h"
#include "query/promql/lexer.h"
#include "query/promql/printer.h"

namespace obelisk::promql {
namespace {

std::string round_trip(std::string_view query) {
  Result<NodePtr> node = parse(query);
  if (!node.ok()) return parse_error_text(node.error());
  std::string text = to_string(**node);
  // Printing is a fixed point: what it writes parses to the same.
  Result<NodePtr> again = parse(text);
  if (!again.ok()) return "printed text does not parse: " + text + ": " + parse_error_text(again.error());
  EXPECT_EQ(to_string(**again), text);
  return text;
}

TEST(PromqlParser, PrintsWhatItRead) {
  for (const auto& [query, expected] : std::initializer_list<std::pair<const char*, const char*>>{
           {"up", "up"},
           {"up{}", "up"},
           {"{__name__=\"up\",job='x'}", "{__name__=\"up\",job=\"x\"}"},
           {"up { job = \"a\" , instance !~ `b\\d` , }", "up{instance!~\"b\\\\d\",job=\"a\"}"},
           {"x{a=~\"1\",a!~\"2\"}", "x{a!~\"2\",a=~\"1\"}"},
           {"x offset 0s", "x"},
           {"x[36h]", "x[1d12h]"},
           {"x smoothed @ 1 offset 5m", "x @ 1.000 smoothed offset 5m"},
           {"{\"my.metric\", \"label.x\"=\"y\"}", "{\"label.x\"=\"y\",__name__=\"my.metric\"}"},
           {"rate(x[5m])", "rate(x[5m])"},
           {"rate(x[300])", "rate(x[5m])"},
           {"x[1h30m:5m] offset -1d @ 1.5", "x[1h30m:5m] @ 1.500 offset -1d"},
           {"x[5m:]", "x[5m:]"},
           {"x @ start() offset 5m", "x @ start() offset 5m"},
           {"-2^2", "-2 ^ 2"},
           {"-x", "-x"},
           {"1 - -1", "1 - -1"},
           {"+x", "+x"},
           {"1 + 2 * 3", "1 + 2 * 3"},
           {"a or b and c unless d", "a or b and c unless d"},
           {"a AND ON (x) b", "a and on (x) b"},
           {"a / ignoring() b", "a / b"},
           {"a * on(x,y) group_left(z) b", "a * on (x, y) group_left (z) b"},
           {"a * ignoring(x) group_right b", "a * ignoring (x) group_right () b"},
           {"a > bool 1", "a > bool 1"},
           {"a + on(x) fill_left(1) fill_right(-2) b", "a + on (x) fill_left (1) fill_right (-2) b"},
           {"a + fill(0) b", "a + fill (0) b"},
           {"a </ 5 >/ b", "a </ 5 >/ b"},
           {"SUM BY (a, \"b.c\",) (x)", "sum by (a, \"b.c\") (x)"},
           {"sum(x) without (a)", "sum without (a) (x)"},
           {"topk(5, x) by (a)", "topk by (a) (5, x)"},
           {"count_values(\"v\", x)", "count_values(\"v\", x)"},
           {"limitk(2, x)", "limitk(2, x)"},
           {"sum", "sum"},
           {"by + on_call", "by + on_call"},
           {"time()", "time()"},
           {"label_join(x, \"a\", \",\")", "label_join(x, \"a\", \",\")"},
           {"round(x, 0.1)", "round(x, 0.1)"},
           {"'a' # comment", "\"a\""},
           {"Inf + nan", "+Inf + NaN"},
           {"rate(x[5m] anchored)", "rate(x[5m] anchored)"},
           {"x smoothed", "x smoothed"},
           {"a:b:c", "a:b:c"},
       }) {
    EXPECT_EQ(round_trip(query), expected) << query;
  }
}

TEST(PromqlParser, DurationExpressions) {
  EXPECT_EQ(round_trip("x[2*step()+1m]"), "x[2s * step() + 1m]");
  EXPECT_EQ(round_trip("x[min_of(5m, range())] offset (-1h/2)"), "x[min_of(5m, range())] offset (-1h / 2s)");
  EXPECT_EQ(round_trip("x offset step()"), "x offset step()");
  Result<NodePtr> node = parse("x[2*step()+1m]");
  EXPECT_EQ(*(*node)->range->evaluate_ms(15'000, 0, true), 90'000);
  EXPECT_EQ(*parse("x[2^3^2]")->get()->range->evaluate_ms(0, 0, true), 512'000) << "^ binds from the right";
  EXPECT_EQ(parse("x[1/(1-1)]")->get()->range->evaluate_ms(0, 0, true).error().message,
            "2:9: division by zero");
  EXPECT_EQ(round_trip("x offset (2) ^ 2"), "x offset (2s) ^ 2s") << "goes on with the duration";
  EXPECT_EQ(round_trip("x offset -(2) ^ 2"), "x offset -(2s) ^ 2") << "a sign ends it";
  EXPECT_EQ(round_trip("x offset (2) + y"), "x offset (2s) + y") << "what is no duration belongs to the rest";
}

TEST(PromqlParser, Precedence) {
  auto shape = [](std::string_view query) {
    auto describe = [](auto&& self, const Node& node) -> std::string {
      if (node.kind == Node::Kind::binary) {
        return "(" + self(self, *node.children[0]) + std::string(binary_op_text(node.op)) +
               self(self, *node.children[1]) + ")";
      }
      if (node.kind == Node::Kind::unary) return "-" + self(self, *node.children[0]);
      return to_string(node);
    };
    Result<NodePtr> node = parse(query);
    return node.ok() ? describe(describe, **node) : parse_error_text(node.error());
  };
  EXPECT_EQ(shape("a+b*c^d^e"), "(a+(b*(c^(d^e))))");
  EXPECT_EQ(shape("a-b-c"), "((a-b)-c)");
  EXPECT_EQ(shape("a or b and c == d + e"), "(aor(band(c==(d+e))))");
  EXPECT_EQ(shape("a unless b and c or d"), "(((aunlessb)andc)ord)");
  EXPECT_EQ(shape("-a^b"), "-(a^b)");
  EXPECT_EQ(shape("-a*b"), "(-a*b)");
  EXPECT_EQ(shape("a % b atan2 c"), "((a%b)atan2c)");
  EXPECT_EQ(shape("a < b == c"), "((a<b)==c)");
}

TEST(PromqlParser, ErrorsNameThePlace) {
  for (const auto& [query, expected] : std::initializer_list<std::pair<const char*, const char*>>{
           {"", "unknown position: parse error: no expression found in input"},
           {"# nothing", "1:1: parse error: no expression found in input"},
           {"1 +", "1:4: parse error: unexpected end of input"},
           {"x y $ (", "1:3: parse error: unexpected identifier \"y\""},
           {"x y", "1:3: parse error: unexpected identifier \"y\""},
           {"sum(x", "1:6: parse error: unclosed left parenthesis"},
           {"x)", "1:3: parse error: unexpected right parenthesis ')'"},
           {"x}", "1:2: parse error: unexpected character: '}'"},
           {"x{a=\"b\"", "1:8: parse error: unexpected end of input inside braces"},
           {"x{a}", "1:4: parse error: unexpected \"}\" in label matching, expected label matching operator"},
           {"x{a=b}", "1:5: parse error: unexpected identifier \"b\" in label matching, expected string"},
           {"x{a=\"b\" c=\"d\"}",
            "1:9: parse error: unexpected identifier \"c\" in label matching, expected \",\" or \"}\""},
           {"up{__name__=\"x\"}", "1:1: parse error: metric name must not be set twice: \"up\" or \"x\""},
           {"{x=\"\"}", "1:1: parse error: vector selector must contain at least one non-empty matcher"},
           {"foo(x)", "1:1: parse error: unknown function with name \"foo\""},
           {"rate(x)",
            "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector"},
           {"rate(x[5m], 1)", "1:1: parse error: expected 1 argument(s) in call to \"rate\", got 2"},
           {"label_join(x)",
            "1:1: parse error: expected at least 3 argument(s) in call to \"label_join\", got 1"},
           {"round(x, 1, 2)", "1:1: parse error: expected at most 2 argument(s) in call to \"round\", got 3"},
           {"topk(x)",
            "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got "
            "1"},
           {"sum()", "1:1: parse error: no arguments for aggregate expression provided"},
           {"topk(x, y)",
            "1:6: parse error: expected type scalar in aggregation parameter, got instant vector"},
           {"sum(1)", "1:5: parse error: expected type instant vector in aggregation expression, got scalar"},
           {"1 == 1", "1:3: parse error: comparisons between scalars must use BOOL modifier"},
           {"x + bool y", "1:3: parse error: bool modifier can only be used on comparison operators"},
           {"1 and x", "1:1: parse error: set operator \"and\" not allowed in binary scalar expression"},
           {"x + on(a) 1", "1:1: parse error: vector matching only allowed between instant vectors"},
           {"x and on(a) group_left y", "1:1: parse error: no grouping allowed for \"and\" operation"},
           {"x * on(a) group_left(a) y",
            "1:3: parse error: label \"a\" must not occur in ON and GROUP clause at once"},
           {"x[5m] + 1",
            "1:1: parse error: binary expression must contain only scalar and instant vector types"},
           {"\"a\" + 1",
            "1:1: parse error: binary expression must contain only scalar and instant vector types"},
           {"-x[5m]",
            "1:1: parse error: unary expression only allowed on expressions of type scalar or instant "
            "vector, got \"range vector\""},
           {"1[5m:1m]", "1:1: parse error: subquery is only allowed on instant vector, got scalar instead"},
           {"sum(x)[5m]", "1:7: parse error: ranges only allowed for vector selectors"},
           {"x offset 5m[5m]", "1:12: parse error: no offset modifiers allowed before range"},
           {"x[0s]", "1:3: parse error: duration must be greater than 0"},
           {"x[5m", "1:5: parse error: unexpected end of input in duration expression"},
           {"x[foo]", "1:3: parse error: unexpected character in duration expression: 'f'"},
           {"x[\"5m\"]", "1:3: parse error: unexpected character in duration expression: '\"'"},
           {"x[]",
            "1:3: parse error: unexpected \"]\" in subquery or range selector, expected number, duration, "
            "step(), or range()"},
           {"x[5m 1]",
            "1:6: parse error: unexpected number \"1\" in subquery or range, expected \":\" or \"]\""},
           {"x[5m:+]",
            "1:7: parse error: unexpected \"]\" in subquery selector, expected number, duration, step(), "
            "range(), or \"]\""},
           {"x[5m:1m 1]", "1:9: parse error: unexpected number \"1\" in subquery selector, expected \"]\""},
           {"x[1/0]", "1:4: parse error: division by zero"},
           {"x[1:1%0]", "1:6: parse error: modulo by zero"},
           {"x offset",
            "1:9: parse error: unexpected end of input in offset, expected number, duration, "
            "step(), or range()"},
           {"x offset y",
            "1:10: parse error: unexpected identifier \"y\" in offset, expected number, "
            "duration, step(), or range()"},
           {"x @ y", "1:5: parse error: unexpected identifier \"y\" in @, expected timestamp"},
           {"x @ start", "1:10: parse error: unexpected end of input in @, expected timestamp"},
           {"x @ 1 @ 2", "1:1: parse error: @ <timestamp> may not be set multiple times"},
           {"x @ 1e100",
            "1:1: parse error: timestamp out of bounds for @ modifier: "
            "100000000000000001590289110975991804683608085639452813897813275577478387721703810608134699858568"
            "15104."
            "000000"},
           {"sum by (x) without (y) (z)", "1:12: parse error: unexpected <without> in aggregation"},
           {"sum(abs(x y))", "1:11: parse error: unexpected identifier \"y\" in aggregation"},
           {"abs(x sum)", "1:7: parse error: unexpected <aggr:sum>"},
           {"abs(x, )", "1:6: parse error: trailing commas not allowed in function call args"},
           {"* x", "1:1: parse error: unexpected <op:*>"},
           {"x 'a long string'", "1:3: parse error: unexpected string \"'a long st\"..."},
           {"x a:b", "1:3: parse error: unexpected metric identifier \"a:b\""},
           {"x[5m:1m] smoothed", "1:1: parse error: smoothed modifier is not supported for subqueries"},
           {"sum(x) anchored", "1:1: parse error: anchored modifier not implemented"},
           {"x[5m] anchored smoothed",
            "1:1: parse error: anchored and smoothed modifiers cannot be used together"},
           {"info(x, 1)",
            "1:1: parse error: expected type instant vector in call to function \"info\", got scalar"},
           {"info(x, sum(y))", "1:9: parse error: expected label selectors only"},
           {"sum(x) offset 5m",
            "1:1: parse error: offset modifier must be preceded by an instant vector selector or range "
            "vector selector or a subquery"},
           {"x offset 5m offset 5m", "1:1: parse error: offset may not be set multiple times"},
           {"x @ Inf", "1:1: parse error: timestamp out of bounds for @ modifier: +Inf"},
           {"5x", "1:1: parse error: bad number or duration syntax: \"5x\""},
           {"1m1h", "1:1: parse error: bad number or duration syntax: \"1m1h\""},
           {"\"abc", "1:1: parse error: unterminated quoted string"},
           {"`abc", "1:1: parse error: unterminated raw string"},
           {"\"\\q\"", "1:1: parse error: unknown escape sequence U+0071 'q'"},
           {"x == \"a\\x1g\"", "1:6: parse error: illegal character U+0067 'g' in escape sequence"},
           {"\"\\u12\"", "1:1: parse error: illegal character U+0022 '\"' in escape sequence"},
           {"\"\\ud800\"", "1:1: parse error: escape sequence is an invalid Unicode code point"},
           {"'\\777'", "1:1: parse error: escape sequence is an invalid Unicode code point"},
           {"x 'a\\é'", "1:3: parse error: unknown escape sequence U+00E9 'é'"},
           {"a ! b", "1:3: parse error: unexpected character after '!': ' '"},
           {"a !", "1:3: parse error: unexpected character after '!': '\uFFFD'"},
           {"foo(x, )", "1:6: parse error: trailing commas not allowed in function call args"},
           {"abs(x, , y)", "1:6: parse error: trailing commas not allowed in function call args"},
           {"abs(x, > y)", "1:6: parse error: trailing commas not allowed in function call args"},
           {"foo(x y)", "1:7: parse error: unexpected identifier \"y\""},
           {"sum by (a, without) (x)",
            "1:12: parse error: unexpected <without> in grouping opts, expected label"},
           {"without (x)", "1:9: parse error: unexpected \"(\""},
           {"a:b(x)", "1:4: parse error: unexpected \"(\""},
           {"1 @ x", "1:5: parse error: unexpected identifier \"x\" in @, expected timestamp"},
           {"1 offset x",
            "1:10: parse error: unexpected identifier \"x\" in offset, expected number, duration, step(), or "
            "range()"},
           {"up{__name__=\"x\"} y", "1:18: parse error: unexpected identifier \"y\""},
           {"{\"foo\", __name__=\"bar\"}",
            "1:1: parse error: metric name must not be set twice: \"foo\" or \"bar\""},
           {"{\"__name__\"=\"foo\", __name__=\"bar\"}",
            "1:1: parse error: metric name must not be set twice: \"foo\" or \"bar\""},
           {"{\"foo\", \"bar\"}", "1:1: parse error: metric name must not be set twice: \"foo\" or \"bar\""},
           {"a $ b", "1:3: parse error: unexpected character: '$'"},
           {"a\n  + )", "2:6: parse error: unexpected right parenthesis ')'"},
       }) {
    Result<NodePtr> node = parse(query);
    ASSERT_FALSE(node.ok()) << query;
    EXPECT_EQ(parse_error_text(node.error()), expected) << query;
    EXPECT_EQ(node.error().code, ErrorCode::parse_error) << query;
  }
}

TEST(PromqlParser, RegularExpressionsAreCheckedWhereTheyStand) {
  Result<NodePtr> node = parse("up{job=~\"(\"}");
  ASSERT_FALSE(node.ok());
  EXPECT_EQ(node.error().position->column, 4u);
}

TEST(PromqlParser, DepthAndSizeAreBounded) {
  std::string parens = std::string(100'000, '(') + "x" + std::string(100'000, ')');
  EXPECT_FALSE(parse(parens).ok());
  std::string signs = std::string(200'000, '-') + "x";
  EXPECT_FALSE(parse(signs).ok());
  std::string chain = "x";
  for (int i = 0; i < 50'000; ++i) chain += "+x";
  EXPECT_FALSE(parse(chain).ok());
  std::string calls;
  for (int i = 0; i < 10'000; ++i) calls += "abs(";
  EXPECT_FALSE(parse(calls + "x" + std::string(10'000, ')')).ok());
  std::string durations = "x[" + std::string(50'000, '(') + "1" + std::string(50'000, ')') + "]";
  EXPECT_FALSE(parse(durations).ok());
  EXPECT_FALSE(parse(std::string(kQueryBytesMax + 1, ' ')).ok());
  std::string wide = "sum(x)";
  for (int i = 0; i < 200; ++i) wide += " or sum(x)";
  EXPECT_TRUE(parse(wide).ok()) << "a long but sane query";
}

TEST(PromqlParser, ExperimentalFunctionsAreBehindASwitch) {
  ParserOptions off;
  off.experimental_functions = false;
  Result<NodePtr> node = parse("info(up)", off);
  ASSERT_FALSE(node.ok());
  EXPECT_EQ(node.error().message, "function \"info\" is not enabled");
  EXPECT_TRUE(parse("info(up)").ok());
  size_t stable = 0;
  for (const Function& function : all_functions()) {
    stable += function.experimental ? 0 : 1;
    EXPECT_EQ(find_function(function.name), &function) << "the table must be sorted";
  }
  EXPECT_EQ(stable, 73u);
}

TEST(PromqlParser, SelectorsOfMatchParameters) {
  auto matchers = parse_selector("up{job=\"x\"}");
  ASSERT_TRUE(matchers.ok());
  EXPECT_EQ(matchers->size(), 2u);
  EXPECT_EQ((*matchers)[0].name, "__name__");
  EXPECT_FALSE(parse_selector("sum(up)").ok());
  EXPECT_FALSE(parse_selector("up offset 5m").ok());
  EXPECT_FALSE(parse_selector("up[5m]").ok());
  EXPECT_EQ(parse_error_text(parse_selector("sum(up)").error()), "1:4: parse error: unexpected \"(\"");
  EXPECT_EQ(parse_error_text(parse_selector("{a=~\".*\"}").error()),
            "match[] must contain at least one non-empty matcher");
}

TEST(PromqlPrinter, AnInfiniteBaseHasNoSign) {
  EXPECT_EQ(round_trip("1 - Inf ^ 3"), "1 - Inf ^ 3");
  EXPECT_EQ(round_trip("-Inf ^ 3"), "-Inf ^ 3");
  EXPECT_EQ(round_trip("2 ^ Inf - Inf"), "2 ^ +Inf - +Inf");
}

TEST(PromqlPrinter, SplitsLongLines) {
  Result<NodePtr> node = parse(
      "histogram_quantile(0.99, sum by (le, route) "
      "(rate(app_http_request_duration_seconds_bucket{job=\"order\"}[5m]))) > 0.5");
  ASSERT_TRUE(node.ok());
  EXPECT_EQ(pretty(**node),
            "  histogram_quantile(\n"
            "    0.99,\n"
            "    sum by (le, route) (rate(app_http_request_duration_seconds_bucket{job=\"order\"}[5m]))\n"
            "  )\n"
            ">\n"
            "  0.5");
}

}  // namespace
}  // namespace obelisk::promql
