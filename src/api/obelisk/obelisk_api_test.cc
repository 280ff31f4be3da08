// From a trace to its log lines and exemplars.
#include "api/obelisk/obelisk_api.h"

#include <gtest/gtest.h>

#include <optional>

#include "pipeline/pipeline.h"
#include "storage/memory/memory_store.h"

namespace obelisk {
namespace {

class RecordingSink : public ResponseSink {
 public:
  void send_response(HttpResponse response) override { answer = std::move(response); }
  void send_head(int, HttpHeaders) override {}
  void send_chunk(std::string, WriteDone) override {}
  void send_end() override {}
  void abort() override {}
  Result<std::shared_ptr<WebSocket>> upgrade(const HttpRequest&, WebSocketHandlers) override {
    return make_error(ErrorCode::unsupported, "no");
  }
  std::optional<HttpResponse> answer;
};

class ObeliskApiTest : public testing::Test {
 protected:
  ObeliskApiTest() { register_obelisk_api(router_, context_); }

  HttpResponse get(std::string target) {
    HttpRequest request;
    request.method = "GET";
    request.target = target;
    Result<TargetParts> parts = split_target(target);
    request.path = parts->path;
    request.query = parts->query;
    auto sink = std::make_shared<RecordingSink>();
    router_.route(std::make_shared<HttpExchange>(std::move(request), sink));
    return sink->answer.value_or(HttpResponse{0, {}, {}});
  }

  void write(Batch batch) {
    WriteRequest request;
    request.batches.push_back(std::move(batch));
    ASSERT_TRUE(append_and_wait(store_, std::move(request)).ok());
  }

  void add_log(BatchBuilder& rows, int64_t time, std::string_view line, std::string_view trace,
               int64_t span = 0) {
    rows.add_row({time});
    rows.set_string(Scope::fixed, column::kLine, line);
    if (!trace.empty()) rows.set_trace_id(Scope::fixed, column::kTraceId, *TraceId::from_hex(trace));
    if (span != 0) rows.set_int(Scope::fixed, column::kSpanId, span);
  }

  MemoryStore store_;
  ManualClock clock_{{1000}};
  Intake intake_{store_, clock_};
  Pipeline pipeline_{intake_};
  ApiContext context_{store_, pipeline_, clock_, {}, false, 64u << 20, "0.1.0", "abc"};
  Router router_;
};

TEST_F(ObeliskApiTest, LogsOfATraceOverAllStreams) {
  BatchBuilder rows(Table::logs);
  rows.begin_group_copy(Labels{{"service", "order"}}.view());
  add_log(rows, 30, "payment \"failed\"", "ab", 7);
  rows.set_string(Scope::attribute, "item", "popular");
  rows.set_int(Scope::attribute, "quantity", 9);
  rows.set_string(Scope::fixed, column::kSeverityText, "ERROR");
  add_log(rows, 20, "other trace", "cd");
  add_log(rows, 25, "no trace", "");
  rows.begin_group_copy(Labels{{"service", "stock"}}.view());
  add_log(rows, 10, "reserved", "ab");
  write(rows.finish());
  EXPECT_EQ(
      get("/obelisk/api/v1/traces/AB/logs").body,
      R"({"traceId":"000000000000000000000000000000ab","logs":[)"
      R"({"timeUnixNano":"10","line":"reserved","labels":{"service":"stock"},"attributes":{}},)"
      R"({"timeUnixNano":"30","line":"payment \"failed\"","spanId":"0000000000000007","severityText":"ERROR",)"
      R"("labels":{"service":"order"},"attributes":{"item":"popular","quantity":"9"}}],"truncated":false,"complete":true})");
  EXPECT_EQ(
      get("/obelisk/api/v1/traces/ab/logs?limit=1").body,
      R"({"traceId":"000000000000000000000000000000ab","logs":[)"
      R"({"timeUnixNano":"10","line":"reserved","labels":{"service":"stock"},"attributes":{}}],"truncated":true,"complete":true})");
  EXPECT_EQ(get("/obelisk/api/v1/traces/ef/logs").body,
            R"({"traceId":"000000000000000000000000000000ef","logs":[],"truncated":false,"complete":true})");
}

TEST_F(ObeliskApiTest, ExemplarsThatPointToATrace) {
  BatchBuilder rows(Table::exemplars);
  rows.begin_group_copy(Labels{{"__name__", "latency_bucket"}, {"le", "1"}}.view());
  rows.add_row({50});
  rows.set_float(Scope::fixed, column::kValue, 0.622);
  rows.set_trace_id(Scope::fixed, column::kTraceId, *TraceId::from_hex("ab"));
  rows.set_string(Scope::attribute, "traceID", "ab");
  rows.add_row({60});
  rows.set_float(Scope::fixed, column::kValue, 0.1);
  rows.set_trace_id(Scope::fixed, column::kTraceId, *TraceId::from_hex("cd"));
  write(rows.finish());
  EXPECT_EQ(
      get("/obelisk/api/v1/traces/ab/exemplars").body,
      R"({"traceId":"000000000000000000000000000000ab","exemplars":[{"timeUnixNano":"50","value":0.622,)"
      R"("series":{"__name__":"latency_bucket","le":"1"},"attributes":{"traceID":"ab"}}],"truncated":false,"complete":true})");
}

TEST_F(ObeliskApiTest, ErrorsAreJson) {
  HttpResponse response = get("/obelisk/api/v1/traces/xyz/logs");
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(
      response.body,
      R"({"code":"invalid_argument","message":"invalid trace id: 1 to 32 hexadecimal digits, not all zero, are one"})");
  EXPECT_EQ(get("/obelisk/api/v1/traces/ab/logs?limit=0").status, 400);
  EXPECT_EQ(get("/obelisk/api/v1/traces/ab/exemplars?limit=50001").status, 400);
  context_.multi_tenancy = true;
  EXPECT_EQ(get("/obelisk/api/v1/traces/ab/logs").status, 401);
}

}  // namespace
}  // namespace obelisk
