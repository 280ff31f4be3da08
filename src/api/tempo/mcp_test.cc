// Goal: an assistant that speaks the Model Context Protocol finds the tools, gets what the HTTP API would
// answer, and learns what it did wrong. Method: messages over the route, traces in a memory store.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include "api/request/recording_sinks.h"
#include "api/tempo/mcp_tools.h"
#include "api/tempo/tempo_api.h"
#include "base/json_writer.h"
#include "pipeline/pipeline.h"
#include "query/traceql/test_traces.h"
#include "storage/memory/memory_store.h"

namespace obelisk {
namespace {

constexpr std::string_view kTraces = R"(
trace aa
  a order "POST /orders" 0ms 622ms server span.http.status_code=502 error
    b inventory slow_lookup 37ms 298ms internal
trace bb
  c order "POST /orders" 10s 20ms server
)";

class McpTest : public testing::Test {
 protected:
  McpTest() {
    register_tempo_api(router_, grpc_router_, context_);
    WriteRequest request;
    request.batches.push_back(traceql::test_batch(kTraces));
    EXPECT_TRUE(append_and_wait(store_, std::move(request)).ok());
  }

  HttpResponse send(std::string body) {
    return answer_of(router_, "POST", "/api/mcp", {{"accept", "application/json, text/event-stream"}},
                     std::move(body));
  }
  std::string ask(std::string_view method, std::string_view params = "{}") {
    HttpResponse response =
        send(fmt::format(R"({{"jsonrpc":"2.0","id":7,"method":"{}","params":{}}})", method, params));
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(find_header(response.headers, "content-type"), "application/json");
    simdjson::dom::parser parser;
    EXPECT_EQ(parser.parse(response.body).error(), simdjson::SUCCESS) << response.body;
    return response.body;
  }
  // The text that a tool gives; with `wrong` what it complains of.
  std::string tool(std::string_view name, std::string_view arguments, bool wrong = false) {
    std::string body = ask("tools/call", fmt::format(R"({{"name":"{}","arguments":{}}})", name, arguments));
    simdjson::dom::parser parser;
    simdjson::dom::element root = parser.parse(body);
    std::string_view text;
    bool is_error = !wrong;
    EXPECT_EQ(root["result"]["content"].at(0)["text"].get(text), simdjson::SUCCESS) << body;
    EXPECT_EQ(root["result"]["isError"].get(is_error), simdjson::SUCCESS) << body;
    EXPECT_EQ(is_error, wrong) << body;
    return std::string(text);
  }

  MemoryStore store_;
  ManualClock clock_{{traceql::kTestEpoch + 60 * kNanosPerSecond}};
  Intake intake_{store_, clock_};
  Pipeline pipeline_{intake_};
  ApiContext context_{store_, pipeline_, clock_, {}, false, 64u << 20, "0.1.0", "abc"};
  Router router_;
  GrpcRouter grpc_router_;
};

TEST_F(McpTest, AClientIsGreetedInAVersionItKnows) {
  EXPECT_NE(ask("initialize", R"({"protocolVersion":"2025-03-26","capabilities":{}})")
                .find(R"("id":7,"result":{"protocolVersion":"2025-03-26")"),
            std::string::npos);
  std::string newest = ask("initialize", R"({"protocolVersion":"2999-01-01"})");
  EXPECT_NE(newest.find(R"("protocolVersion":"2025-06-18")"), std::string::npos) << newest;
  EXPECT_NE(newest.find(R"("capabilities":{"tools":{)"), std::string::npos) << newest;
  HttpResponse noted = send(R"({"jsonrpc":"2.0","method":"notifications/initialized"})");
  EXPECT_EQ(noted.status, 202);
  EXPECT_EQ(noted.body, "");
  EXPECT_NE(ask("ping").find(R"("result":{})"), std::string::npos);
}

TEST_F(McpTest, ToolsSayWhatTheyTake) {
  std::string tools = ask("tools/list");
  for (std::string_view name :
       {"traceql-search", "traceql-metrics-instant", "traceql-metrics-range", "get-trace", "trace-diff",
        "get-attribute-names", "get-attribute-values", "docs-traceql"})
    EXPECT_NE(tools.find(fmt::format(R"("name":"{}")", name)), std::string::npos) << name;
  EXPECT_NE(tools.find(R"("required":["query"])"), std::string::npos) << tools;
}

TEST_F(McpTest, ToolsAnswerAsTheApiDoes) {
  std::string found = tool("traceql-search", R"({"query":"{ status = error }"})");
  EXPECT_NE(found.find(R"("traceID":"000000000000000000000000000000aa")"), std::string::npos) << found;
  EXPECT_EQ(found.find("bb\""), std::string::npos) << found;
  std::string slow = tool("traceql-search", R"({"query":"{}","order":"duration","limit":1})");
  EXPECT_NE(slow.find("000000aa"), std::string::npos) << slow;
  std::string count = tool("traceql-metrics-instant", R"x({"query":"{} | count_over_time()"})x");
  EXPECT_NE(count.find(R"("value":3)"), std::string::npos) << count;
  std::string range = tool("traceql-metrics-range", R"x({"query":"{} | rate()","step":"10m"})x");
  EXPECT_NE(range.find(R"("samples":[)"), std::string::npos) << range;
  EXPECT_NE(tool("get-trace", R"({"trace_id":"aa"})").find("slow_lookup"), std::string::npos);
  EXPECT_EQ(tool("get-trace", R"({"trace_id":"aa","query":"{ status = error }"})").find("slow_lookup"),
            std::string::npos);
  EXPECT_NE(tool("trace-diff", R"({"base_trace_id":"aa","compare_trace_id":"bb"})").find("slow_lookup"),
            std::string::npos);
  EXPECT_NE(tool("get-attribute-names", R"({"scope":"span"})").find("http.status_code"), std::string::npos);
  std::string values =
      tool("get-attribute-values", R"({"name":"resource.service.name","filter-query":"{ status = error }"})");
  EXPECT_NE(values.find("order"), std::string::npos) << values;
  EXPECT_EQ(values.find("inventory"), std::string::npos) << values;
  for (std::string_view part : {"basic", "aggregates", "structural", "metrics"})
    EXPECT_GT(tool("docs-traceql", fmt::format(R"({{"name":"{}"}})", part)).size(), 200u);
}

TEST_F(McpTest, ATimeIsWrittenInAnyWay) {
  std::string before = R"({"query":"{}","start":"2000-01-01T00:00:00Z","end":"2000-01-02T00:00:00Z"})";
  EXPECT_EQ(tool("traceql-search", before).find("traceID"), std::string::npos);
  int64_t now = clock_.now().value / kNanosPerSecond;
  std::string seconds = fmt::format(R"({{"query":"{{}}","start":{},"end":"{}"}})", now - 100, now);
  EXPECT_NE(tool("traceql-search", seconds).find("traceID"), std::string::npos);
}

TEST_F(McpTest, WhatIsWrongIsSaid) {
  EXPECT_NE(tool("traceql-search", R"({"query":"{ .a = }"})", true).find("parse error"), std::string::npos);
  EXPECT_NE(tool("get-trace", R"({"trace_id":"cc"})", true).find("not found"), std::string::npos);
  EXPECT_NE(tool("docs-traceql", R"({"name":"poems"})", true).find("structural"), std::string::npos);
  EXPECT_NE(
      ask("tools/call", R"({"name":"traceql-search"})").find(R"("code":-32602,"message":"the argument)"),
      std::string::npos);
  EXPECT_NE(ask("tools/call", R"({"name":"traceql-search","arguments":{"query":"{}","q":"x"}})")
                .find("has no argument"),
            std::string::npos);
  EXPECT_NE(ask("tools/call", R"({"name":"rm"})").find("unknown tool"), std::string::npos);
  EXPECT_NE(ask("resources/list").find("-32601"), std::string::npos);
  EXPECT_EQ(send("{").status, 400);
  EXPECT_NE(send("{}").body.find("-32600"), std::string::npos);
  EXPECT_NE(send("[]").body.find("-32600"), std::string::npos);
  EXPECT_NE(send(R"({"jsonrpc":"2.0","id":{},"method":"ping"})").body.find("-32600"), std::string::npos);
}

TEST_F(McpTest, ABatchIsAnsweredMessageByMessage) {
  HttpResponse batch =
      send(R"([{"jsonrpc":"2.0","id":"a","method":"ping"},{"jsonrpc":"2.0","method":"notifications/x"},)"
           R"({"jsonrpc":"2.0","id":2,"method":"nothing"}])");
  EXPECT_EQ(batch.body.find(R"([{"jsonrpc":"2.0","id":"a","result":{}},{"jsonrpc":"2.0","id":2,"error")"), 0u)
      << batch.body;
}

}  // namespace
}  // namespace obelisk
