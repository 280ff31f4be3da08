// Goal: Jaeger's structured filters find the spans that their semantics say. Method: each filter becomes
// TraceQL, which is searched for over a few spans in a memory store; the two encodings give the same tree.
#include "api/jaeger/structured_filter.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <protozero/pbf_writer.hpp>

#include "query/traceql/engine.h"
#include "query/traceql/test_traces.h"
#include "storage/memory/memory_store.h"

namespace obelisk::jaeger {
namespace {

constexpr std::string_view kTraces = R"(
trace a1
  a shop "POST /orders" 0ms 600ms server span.code=502 span.zone="eu" resource.region="west" error message="card declined"
trace b2
  b stock lookup 10s 20ms client span.code=200 resource.zone="us" span.text="No refund, by Policy!" event:retry@5ms event.n=2
trace c3
  c shop notify 20s 5ms producer span.flag=true span.text="policy: refund it" span.code="502"
)";

class StructuredFilter : public testing::Test {
 protected:
  StructuredFilter() {
    WriteRequest request;
    request.batches.push_back(traceql::test_batch(kTraces));
    EXPECT_TRUE(append_and_wait(store_, std::move(request)).ok());
  }

  // The traces' first letters, or the error.
  std::string find(std::string_view json) {
    Result<FilterNode> filter = filter_of_json(json);
    if (!filter.ok()) return filter.error().message;
    Result<std::string> condition = condition_of_filter(*filter);
    if (!condition.ok()) return condition.error().message;
    Budget budget;
    Cancel cancel;
    QueryContext context{store_, kDefaultTenant, store_.snapshot(kDefaultTenant).value(), budget, cancel};
    Result<traceql::SearchResult> found = traceql::search(context, "{ " + *condition + " }", {});
    if (!found.ok()) return *condition + ": " + found.error().message;
    std::string names;
    for (const traceql::FoundTrace& trace : found->traces) names += "abc"[(trace.id.bytes[15] >> 4) - 10];
    std::sort(names.begin(), names.end());
    return names;
  }
  static std::string call(std::string_view op, std::string_view first, std::string_view second = "") {
    return fmt::format(R"({{"op":"{}","args":[{}{}{}]}})", op, first, second.empty() ? "" : ",", second);
  }
  static std::string attr(std::string_view key, std::string_view level = "") {
    return fmt::format(R"({{"attr":{{"key":"{}","level":"{}"}}}})", key, level);
  }
  static std::string field(std::string_view level, std::string_view name) {
    return fmt::format(R"({{"field":{{"name":"{}","level":"{}"}}}})", name, level);
  }
  static std::string scalar(std::string_view value, std::string_view type = "") {
    return fmt::format(R"({{"scalar":{{"value":"{}","type":"{}"}}}})", value, type);
  }
  static std::string list(std::string_view values, std::string_view type = "") {
    return fmt::format(R"({{"list":{{"values":[{}],"type":"{}"}}}})", values, type);
  }
  static std::string inner(std::string_view call) { return fmt::format(R"({{"call":{}}})", call); }

  MemoryStore store_;
};

TEST_F(StructuredFilter, AttributesByLevelAndType) {
  EXPECT_EQ(find(call("eq", attr("code"), scalar("502"))), "ac");
  EXPECT_EQ(find(call("eq", attr("code"), scalar("502", "int"))), "a");
  EXPECT_EQ(find(call("eq", attr("code"), scalar("502", "string"))), "c");
  EXPECT_EQ(find(call("eq", attr("zone"), scalar("us"))), "b");
  EXPECT_EQ(find(call("eq", attr("zone", "span"), scalar("us"))), "");
  EXPECT_EQ(find(call("eq", attr("zone", "resource"), scalar("us"))), "b");
  EXPECT_EQ(find(call("eq", attr("flag"), scalar("true", "bool"))), "c");
  EXPECT_EQ(find(call("gte", attr("code"), scalar("200"))), "ab");
  EXPECT_EQ(find(call("gt", attr("code"), scalar("200"))), "a");
  EXPECT_EQ(find(call("lt", scalar("200"), attr("code"))), "a");
  EXPECT_EQ(find(call("eq", attr("n", "event"), scalar("2"))), "b");
}

TEST_F(StructuredFilter, NegationsNeedAValue) {
  EXPECT_EQ(find(call("ne", attr("zone"), scalar("eu"))), "b");
  EXPECT_EQ(find(call("not", inner(call("eq", attr("zone"), scalar("eu"))))), "bc");
  EXPECT_EQ(find(call("not_in", attr("code"), list(R"("200","201")"))), "ac");
  EXPECT_EQ(find(call("in", attr("code"), list(R"("200","502")", "int"))), "ab");
  EXPECT_EQ(find(call("exists", attr("zone"))), "ab");
  EXPECT_EQ(find(call("exists", field("span", "statusMessage"))), "a");
}

TEST_F(StructuredFilter, Fields) {
  EXPECT_EQ(find(call("eq", field("resource", "service"), scalar("shop"))), "ac");
  EXPECT_EQ(find(call("gt", field("span", "duration"), scalar("15ms"))), "ab");
  EXPECT_EQ(find(call("eq", field("span", "status"), scalar("error"))), "a");
  EXPECT_EQ(find(call("ne", field("span", "kind"), scalar("server"))), "bc");
  EXPECT_EQ(find(call("in", field("span", "name"), list(R"("notify","lookup")"))), "bc");
  EXPECT_EQ(find(call("gt", field("span", "name"), scalar("m"))), "c");
  EXPECT_EQ(find(call("eq", field("span", "traceID"), scalar("b2"))), "b");
  EXPECT_EQ(find(call("eq", field("event", "name"), scalar("retry"))), "b");
}

TEST_F(StructuredFilter, TextsAndWords) {
  EXPECT_EQ(find(call("regex", field("span", "name"), scalar("OST /o|ook"))), "ab");
  EXPECT_EQ(find(call("fulltext", attr("text"), list(R"("POLICY","refund")"))), "bc");
  EXPECT_EQ(find(call("phrase", attr("text"), list(R"("policy","refund")"))), "c");
  EXPECT_EQ(find(call("fulltext", attr("text"), list(R"("fund")"))), "");
}

TEST_F(StructuredFilter, ConditionsAreComposed) {
  std::string shop = inner(call("eq", field("resource", "service"), scalar("shop")));
  std::string slow = inner(call("gte", field("span", "duration"), scalar("100ms")));
  EXPECT_EQ(find(call("and", shop, slow)), "a");
  EXPECT_EQ(find(call("or", inner(call("not", shop)), slow)), "ab");
  EXPECT_EQ(find(call("some", R"({"nested":{"level":"event"}})",
                      inner(call("eq", attr("n", "event"), scalar("2"))))),
            "b");
}

TEST_F(StructuredFilter, WhatIsWrongIsNamed) {
  auto says = [&](const std::string& json, std::string_view what) {
    EXPECT_NE(find(json).find(what), std::string::npos) << json << ": " << find(json);
  };
  says("[", "JSON object");
  says(R"({"op":"eq"})", "args");
  says(call("like", attr("a"), scalar("b")), "unknown operator");
  says(call("eq", attr("a", "planet"), scalar("b")), "unknown level");
  says(call("eq", field("span", "colour"), scalar("b")), "has no field");
  says(call("gt", field("span", "startTime"), scalar("b")),
       "unsupported in a filter: the field span.startTime");
  says(call("gt", field("span", "duration"), scalar("5")), "no duration");
  says(call("gt", field("span", "status"), scalar("ok")), "no order");
  says(call("eq", attr("a"), scalar("x", "int")), "no number");
  says(call("eq", scalar("1"), scalar("1")), "unsupported");
  says(call("eq", field("span", "duration"), field("span", "name")), "different kinds");
  says(call("in", attr("a"), list("")), "at least one");
  says(call("regex", attr("a"), scalar("(")), "invalid filter");
  says(call("regex", attr("a"), scalar("a)(b")), "invalid filter");
  says(call("phrase", attr("a"), list(R"("two words")")), "no word");
  says(call("and", attr("a"), attr("b")), "takes conditions");
  says(call("some", R"({"nested":{"level":"event"}})",
            inner(call("and", inner(call("exists", attr("a", "event"))),
                       inner(call("exists", attr("b", "event")))))),
       "more than one comparison");
  std::string deep = call("exists", attr("a"));
  for (int i = 0; i < 100; ++i) deep = call("not", inner(deep));
  says(deep, "too deep");
}

// exists(attr x at span) and in(span.name, [p, q]) under one `and`.
TEST_F(StructuredFilter, TheEncodingsAgree) {
  using Writer = protozero::pbf_writer;
  auto text_message = [](std::initializer_list<std::pair<uint32_t, std::string>> fields) {
    std::string out;
    Writer writer(out);
    for (const auto& [tag, text] : fields) writer.add_string(tag, text);
    return out;
  };
  auto message = [](uint32_t tag, const std::string& of) {
    std::string out;
    Writer(out).add_message(tag, of);
    return out;
  };
  std::string exists = text_message({{1, "exists"}, {2, message(1, text_message({{1, "x"}, {2, "span"}}))}});
  std::string in = text_message({{1, "in"},
                                 {2, message(2, text_message({{1, "name"}, {2, "span"}}))},
                                 {2, message(5, text_message({{1, "p"}, {1, "q"}, {2, "string"}}))}});
  std::string both = text_message({{1, "and"}, {2, message(6, exists)}, {2, message(6, in)}});
  Result<FilterNode> read = filter_of_protobuf(both);
  ASSERT_TRUE(read.ok()) << read.error().message;
  Result<FilterNode> json =
      filter_of_json(call("and", inner(call("exists", attr("x", "span"))),
                          inner(call("in", field("span", "name"), list(R"("p","q")", "string")))));
  ASSERT_TRUE(json.ok());
  EXPECT_EQ(*condition_of_filter(*read), *condition_of_filter(*json));
  EXPECT_FALSE(filter_of_protobuf("\x0a\xff").ok());
}

}  // namespace
}  // namespace obelisk::jaeger
