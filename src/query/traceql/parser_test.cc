// What the grammar accepts and how it binds; texts of our own, by the rules of the language.
#include "query/traceql/parser.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "query/traceql/validate.h"

namespace obelisk::traceql {
namespace {

std::string filter_text(std::string_view text) {
  Result<Query> query = parse(text);
  if (!query.ok()) return query.error().message;
  return query->pipeline->stages[0].spanset->filter->to_string();
}

ErrorCode code_of(std::string_view text) {
  Result<Query> query = prepare(text);
  return query.ok() ? ErrorCode::internal : query.error().code;
}

std::string message_of(std::string_view text) {
  Result<Query> query = prepare(text);
  return query.ok() ? "" : query.error().message;
}

TEST(TraceqlParser, OperatorsBindAsDocumented) {
  EXPECT_EQ(filter_text("{ .a || .b && .c }"), "((.a || .b) && .c)");
  EXPECT_EQ(filter_text("{ .a || .b || .c }"), "(.a || .b || .c)");
  EXPECT_EQ(filter_text("{ .a + 1 * 2 = 3 }"), "((.a + (1 * 2)) = 3)");
  EXPECT_EQ(filter_text("{ .a = 2 ^ 3 ^ 4 }"), "(.a = (2 ^ (3 ^ 4)))");
  EXPECT_EQ(filter_text("{ -.a * .b > 1 }"), "(-(.a * .b) > 1)");
  EXPECT_EQ(filter_text("{ -.a + .b > 1 }"), "((-.a + .b) > 1)");
  EXPECT_EQ(filter_text("{ !.a = .b }"), "(!.a = .b)");
  EXPECT_EQ(filter_text("{ !(.a = .b) }"), "!(.a = .b)");
}

TEST(TraceqlParser, AttributeNamesRunToATerminator) {
  EXPECT_EQ(filter_text("{ span.http.status-code>=500 }"), "(span.http.status-code >= 500)");
  EXPECT_EQ(filter_text("{ resource.\"a b\".c = `x` }"), "(resource.\"a b.c\" = \"x\")");
  EXPECT_EQ(filter_text("{ .\"say \\\"hi\\\"\" = 1 }"), "(.\"say \\\"hi\\\"\" = 1)");
  EXPECT_EQ(filter_text("{ .resource.x = 1 }"), "(.resource.x = 1)");
  EXPECT_EQ(filter_text("{ event.exception.message =~ \".*timeout.*\" }"),
            "(event.exception.message =~ \".*timeout.*\")");
}

TEST(TraceqlParser, Literals) {
  EXPECT_EQ(filter_text("{ duration > 1h30m }"), "(duration > 1h30m0s)");
  EXPECT_EQ(filter_text("{ duration > 1.5s }"), "(duration > 1.5s)");
  EXPECT_EQ(filter_text("{ duration > 2d }"), "(duration > 48h0m0s)");
  EXPECT_EQ(filter_text("{ .a = 1e-3 }"), "(.a = 0.001)");
  EXPECT_EQ(filter_text("{ .a = 1.5 }"), "(.a = 1.5)");
  EXPECT_EQ(filter_text("{ .a = minInt }"), "(.a = minInt)");
  EXPECT_EQ(filter_text("{ .a = \"x\\u00e9\\n\" }"), "(.a = \"x\u00e9\\n\")");
  EXPECT_EQ(filter_text("{ kind = producer }"), "(kind = producer)");
  EXPECT_EQ(filter_text("{ .a = 1 /* one */ } // end"), "(.a = 1)");
}

TEST(TraceqlParser, SpansetOperatorsHaveTwoLevels) {
  Result<Query> query = parse("{ .a } && { .b } >> { .c } || { .d }");
  ASSERT_TRUE(query.ok());
  const SpansetExpr& root = *query->pipeline->stages[0].spanset;
  EXPECT_EQ(root.op, SpansetOp::or_op);
  EXPECT_EQ(root.left->op, SpansetOp::and_op);
  EXPECT_EQ(root.left->right->op, SpansetOp::descendant);
  EXPECT_EQ(query->leaf_count, 4u);
}

TEST(TraceqlParser, MetricsArithmeticAndStages) {
  Result<Query> query = parse("({} | rate() > 6) * 100 - 3 / 2 | topk(2) >= 1");
  ASSERT_TRUE(query.ok()) << query.error().message;
  ASSERT_NE(query->metrics, nullptr);
  EXPECT_EQ(query->metrics->op, FieldOp::subtract);
  EXPECT_EQ(query->metrics->right->number, 1);  // 3 / 2 of integers is cut
  ASSERT_EQ(query->metrics->stages.size(), 2u);
  EXPECT_EQ(query->metrics->stages[1].op, FieldOp::greater_equal);
  EXPECT_EQ(query->metrics->left->left->stages[0].threshold, 6);
}

TEST(TraceqlParser, ErrorsSayWhere) {
  EXPECT_EQ(message_of("{ .a < }"),
            "parse error at line 1, col 8: unexpected \"}\", expected an attribute or a value");
  EXPECT_EQ(message_of("{ duraton > 1s }"),
            "parse error at line 1, col 3: unexpected \"duraton\", expected an attribute or a value, did you "
            "mean duration?");
  EXPECT_EQ(
      message_of("{ tier = 1 }"),
      "parse error at line 1, col 3: unexpected \"tier\", expected an attribute or a value; attributes begin "
      "with a dot or a scope: .key, span.key, resource.key");
  EXPECT_EQ(message_of("{ .a = 1 }\n | count()"),
            "parse error at line 1, col 1: an aggregate must be compared with a value");
  EXPECT_EQ(message_of("{ span. }"), "parse error at line 1, col 8: expected an attribute name");
  EXPECT_EQ(message_of("{ .a = \"x }"), "parse error at line 1, col 8: string without end");
  EXPECT_EQ(
      message_of(""),
      "parse error at line 1, col 1: unexpected end of query, expected a spanset, an aggregate or a number");
}

// "code line:column offset" of the error.
std::string place_of(std::string_view text) {
  Result<Query> query = prepare(text);
  if (query.ok()) return "ok";
  const Error& error = query.error();
  if (!error.position) return "nowhere";
  return std::string(error_code_name(error.code)) + " " + std::to_string(error.position->line) + ":" +
         std::to_string(error.position->column) + " " + std::to_string(error.position->offset);
}

TEST(TraceqlParser, EveryErrorHasItsPlace) {
  EXPECT_EQ(place_of("{ .a = 1 }\n  | maxx(.b) > 1"), "parse_error 2:5 15");
  EXPECT_EQ(place_of("{ .a = 1 } | max(.b) >"), "parse_error 1:23 22");
  EXPECT_EQ(place_of("/* one\ntwo */ { .a == 1 }"), "parse_error 2:13 19");
  EXPECT_EQ(place_of("{ .a = \"\\q\" }"), "parse_error 1:9 8");
  EXPECT_EQ(place_of("{ .a = `x"), "parse_error 1:8 7");
  EXPECT_EQ(place_of("{ span:nope = 1 }"), "parse_error 1:3 2");
  EXPECT_EQ(place_of("{} | rate() by (name, 1)"), "parse_error 1:23 22");
  EXPECT_EQ(place_of("{} | quantile_over_time(duration, x)"), "parse_error 1:35 34");
  EXPECT_EQ(place_of("{} with(a=b)"), "parse_error 1:11 10");
  EXPECT_EQ(place_of("({} | rate()) + 5s"), "parse_error 1:17 16");
  EXPECT_EQ(place_of("{ .a = 1 } | { name }"), "invalid_argument 1:14 13");
  EXPECT_EQ(place_of("{ .a = 1 && name = 2 }"), "invalid_argument 1:18 17");
  EXPECT_EQ(place_of("{ name =~ \"(\" }"), "invalid_argument 1:11 10");
  EXPECT_EQ(place_of("{} | rate() | topk(0)"), "invalid_argument 1:15 14");
  EXPECT_EQ(place_of("{} | rate() | topk(1) | bottomk(0)"), "invalid_argument 1:25 24");
  EXPECT_EQ(place_of("{} | compare({.a}, 0)"), "invalid_argument 1:6 5");
  EXPECT_EQ(place_of("{} | by(1)"), "invalid_argument 1:6 5");
}

TEST(TraceqlParser, WhatTheGrammarRefuses) {
  for (const char* text : {"true",
                           "{ .a",
                           "{} | coalesce(",
                           "coalesce()",
                           "{} + {}",
                           "{} = {}",
                           "{} > 1",
                           "{} | count()",
                           "{} | by()",
                           "2 > 1",
                           "{} | rate() + 1",
                           "1 + {} | rate()",
                           "({} | rate()) ^ ({} | rate())",
                           "{} | topk(3)",
                           "({} | rate()) > (1s + 1s)",
                           "({} | rate()) * 1s",
                           "{} | rate() == 1",
                           "{ trace:kind = server }",
                           "max(.a) > \"x\"",
                           "count() > 1 && {}",
                           "({} | count())",
                           "({} | count()) * 2 > 1",
                           "{} with(a=1) | rate()",
                           "{} | rate() with()",
                           "{ .a = 12345678901234567890 }",
                           "{ .a = 1x }",
                           "{} | quantile_over_time(duration)",
                           "{} | max_over_time(1 + .a)",
                           "{ a.b = 1 }",
                           "-count() > 1",
                           "{ .a >> .b }"}) {
    EXPECT_EQ(code_of(text), ErrorCode::parse_error) << text << " " << message_of(text);
  }
}

TEST(TraceqlParser, WhatTypesRefuse) {
  for (const char* text : {"{ status }",
                           "{ name }",
                           "{ 1 }",
                           "{ 1 + .a }",
                           "{ .a + \"x\" = 1 }",
                           "{ duration = \"x\" }",
                           "{ status > ok }",
                           "{ true < false }",
                           "{ name =~ 1 }",
                           "{ name =~ \"(\" }",
                           "{ name = nil }",
                           "{ resource.service.name != nil }",
                           "{ -name = 1 }",
                           "{ !duration = 1 }",
                           "{} | by(1)",
                           "{} | max(1) > 2",
                           "{} | max(name) > 2",
                           "max(1) > max(.a)",
                           "{} | rate() | topk(0)",
                           "{} | quantile_over_time(duration, 2)",
                           "{} | max_over_time(name)",
                           "{} | compare({status=error}, 0)",
                           "{} | compare({status=error}, 5, 9, 8)",
                           "{} | compare({status=error}) > 1",
                           "{ .a > nil }"}) {
    EXPECT_EQ(code_of(text), ErrorCode::invalid_argument) << text << " " << message_of(text);
  }
}

TEST(TraceqlParser, WhatTempoParsesAndRefusesIsAccepted) {
  for (const char* text :
       {"{ parent.a = 1 }", "{ parent = nil }", "{ parent.resource.service.name != nil }",
        "{} | max(.a) > min(.a)", "{} | max(.a) - 1 > 2", "({} | count()) > ({} | count())"}) {
    EXPECT_EQ(message_of(text), "") << text;
  }
  EXPECT_EQ(code_of("{ parent.duration = `x` }"), ErrorCode::invalid_argument) << "the parent's duration";
}

TEST(TraceqlParser, CommonMistakesAreAnsweredWithWhatToWrite) {
  EXPECT_EQ(message_of("{ .a == 1 }"),
            "parse error at line 1, col 6: unexpected \"==\": values are compared by \"=\"");
  EXPECT_EQ(
      message_of("{ childCount > 1 }"),
      "parse error at line 1, col 3: unexpected \"childCount\", expected an attribute or a value, did you "
      "mean span:childCount?");
  EXPECT_EQ(message_of("{ .a = 1 &&\n name = 2 }"),
            "invalid TraceQL query at line 2, col 7: (name = 2) compares different types");
}

TEST(TraceqlParser, ANumberMayBeginWithItsPoint) {
  EXPECT_EQ(message_of("{} | quantile_over_time(duration, .99, .5)"), "");
  EXPECT_EQ(message_of("{ span.ratio > .25 }"), "");
  EXPECT_EQ(message_of("{ .5xx = 1 }"), "");
}

TEST(TraceqlParser, DepthAndLengthAreBounded) {
  std::string deep = "{ " + std::string(5000, '(') + ".a" + std::string(5000, ')') + " }";
  EXPECT_EQ(code_of(deep), ErrorCode::parse_error);
  std::string chain = "{ .a";
  for (int i = 0; i < 5000; ++i) chain += i % 2 == 0 ? " && .b" : " || .b";
  EXPECT_EQ(code_of(chain + " }"), ErrorCode::parse_error);
  std::string list = "{ .a = 0";
  for (int i = 0; i < 5000; ++i) list += " || .a = 1";
  EXPECT_TRUE(prepare(list + " }").ok());
  EXPECT_EQ(code_of("{ .a = `" + std::string(200'000, 'x') + "` }"), ErrorCode::parse_error);
  std::string nested(3000, '(');
  EXPECT_EQ(code_of(nested + "{}"), ErrorCode::parse_error);
}

}  // namespace
}  // namespace obelisk::traceql
