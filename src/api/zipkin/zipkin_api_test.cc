// Spans sent as Zipkin sends them are found again as Zipkin and as Jaeger ask for them.
#include "api/zipkin/zipkin_api.h"

#include <gtest/gtest.h>

#include "api/jaeger/jaeger_api.h"
#include "api/push/foreign_spans.h"
#include "api/request/recording_sinks.h"
#include "pipeline/pipeline.h"
#include "storage/memory/memory_store.h"

namespace obelisk {
namespace {

constexpr int64_t kNow = 1'700'000'000 * kNanosPerSecond;
constexpr const char* kSpans = R"([
 {"traceId":"000000000000000000000000000000aa","id":"1","kind":"SERVER","name":"post /orders","timestamp":1699999990000000,
  "duration":300000,"localEndpoint":{"serviceName":"order"},"tags":{"http.status_code":"502","env":"test"},
  "annotations":[{"timestamp":1699999990100000,"value":"retry"}]},
 {"traceId":"000000000000000000000000000000aa","id":"2","parentId":"1","kind":"CLIENT","name":"charge",
  "timestamp":1699999990010000,"duration":1000,"localEndpoint":{"serviceName":"order"},
  "remoteEndpoint":{"serviceName":"payment","ipv4":"10.0.0.7","port":8003}},
 {"traceId":"bb","id":"3","kind":"SERVER","name":"get /health","timestamp":1699999991000000,"duration":50,
  "localEndpoint":{"serviceName":"payment"}}])";

class ZipkinApi : public testing::Test {
 protected:
  ZipkinApi() {
    register_foreign_spans(router_, grpc_router_, context_);
    register_zipkin_api(router_, context_);
    register_jaeger_ui_api(router_, context_, archive_, "/jaeger");
    register_jaeger_v3_api(router_, context_);
    EXPECT_EQ(send("POST", "/api/v2/spans", kSpans).status, 202);
  }

  HttpResponse send(std::string method, const std::string& target, std::string body = "",
                    std::string type = "application/json") {
    return answer_of(router_, std::move(method), target, {{"content-type", std::move(type)}},
                     std::move(body));
  }
  std::string get(const std::string& target) {
    HttpResponse response = send("GET", target);
    EXPECT_EQ(response.status, 200) << target << " " << response.body;
    return response.body;
  }
  int status(const std::string& target) { return send("GET", target).status; }
  static bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }

  MemoryStore store_;
  jaeger::TraceArchive archive_{store_};
  ManualClock clock_{{kNow}};
  Intake intake_{store_, clock_};
  Pipeline pipeline_{intake_};
  ApiContext context_{store_, pipeline_, clock_, {}, false, 64u << 20, "0.1.0", "abc"};
  Router router_;
  GrpcRouter grpc_router_;
};

TEST_F(ZipkinApi, NamesAndTraces) {
  EXPECT_EQ(get("/api/v2/services"), R"(["order","payment"])");
  EXPECT_EQ(get("/zipkin/api/v2/spans?serviceName=order"), R"(["charge","post /orders"])");
  EXPECT_EQ(get("/api/v2/remoteServices?serviceName=order"), R"(["payment"])");
  EXPECT_EQ(get("/api/v2/autocompleteValues?key=env"), R"(["test"])");
  std::string trace = get("/api/v2/trace/aa");
  EXPECT_TRUE(has(trace, R"("id":"0000000000000001","kind":"SERVER","name":"post /orders")")) << trace;
  EXPECT_TRUE(has(trace, R"("remoteEndpoint":{"serviceName":"payment","ipv4":"10.0.0.7","port":8003})"))
      << trace;
  EXPECT_TRUE(has(trace, R"("annotations":[{"timestamp":1699999990100000,"value":"retry"}])")) << trace;
  EXPECT_EQ(status("/api/v2/trace/cc"), 404);
  EXPECT_EQ(status("/api/v2/trace/xyz"), 400);
  EXPECT_EQ(status("/api/v2/spans"), 400);
}

TEST_F(ZipkinApi, TheUiIsToldWhatItMayOffer) {
  EXPECT_TRUE(has(get("/zipkin/config.json"), R"("searchEnabled":true,"dependency":{"enabled":true,)"));
  EXPECT_EQ(status("/api/v2/traces?minDuration=10&maxDuration=9"), 400);
}

TEST_F(ZipkinApi, SearchesByEveryCondition) {
  auto found = [&](const std::string& query) {
    std::string body = get("/api/v2/traces?" + query);
    return std::string(has(body, "post /orders") ? "a" : "") + (has(body, "get /health") ? "b" : "");
  };
  EXPECT_EQ(found(""), "ab");
  EXPECT_EQ(found("serviceName=payment"), "b");
  EXPECT_EQ(found("serviceName=order&spanName=charge"), "a");
  EXPECT_EQ(found("remoteServiceName=payment"), "a");
  EXPECT_EQ(found("minDuration=200000"), "a");
  EXPECT_EQ(found("maxDuration=60"), "b");
  EXPECT_EQ(found("annotationQuery=error"), "a");
  EXPECT_EQ(found("annotationQuery=http.status_code%3D502%20and%20env%3Dtest"), "a");
  EXPECT_EQ(found("annotationQuery=retry"), "a");
  EXPECT_EQ(found("annotationQuery=nothing"), "");
  EXPECT_EQ(found("limit=1"), "b");
  EXPECT_EQ(found("endTs=1699999990500"), "a");
  EXPECT_EQ(found("lookback=9500&endTs=1700000000000"), "b");
  EXPECT_EQ(status("/api/v2/traces?limit=x"), 400);
}

TEST_F(ZipkinApi, JaegersApisGiveTheSameSpans) {
  EXPECT_TRUE(has(get("/jaeger/api/services"), R"("data":["order","payment"],"total":2)"));
  EXPECT_TRUE(has(get("/jaeger/api/services/order/operations"), R"("data":["charge","post /orders"])"));
  EXPECT_TRUE(has(get("/jaeger/api/operations?service=order&spanKind=server"),
                  R"([{"name":"post /orders","spanKind":"server"}])"));
  std::string trace = get("/jaeger/api/traces/aa");
  EXPECT_TRUE(has(trace,
                  R"("references":[{"refType":"CHILD_OF","traceID":"000000000000000000000000000000aa",)"
                  R"("spanID":"0000000000000001"}])"))
      << trace;
  EXPECT_TRUE(has(trace, R"("processes":{"p1":{"serviceName":"order","tags":[]}})")) << trace;
  EXPECT_TRUE(has(trace, R"({"key":"error","type":"bool","value":true})")) << trace;
  auto count = [&](const std::string& query) {
    std::string body = get("/jaeger/api/traces?service=order&end=1700000000000000&" + query);
    return has(body, R"("total":1)") ? 1 : has(body, R"("total":0)") ? 0 : -1;
  };
  EXPECT_EQ(count("tags=%7B%22http.status_code%22%3A%22502%22%7D"), 1);
  EXPECT_EQ(count("tag=http.status_code:500"), 0);
  EXPECT_EQ(count("tag=error:true&tag=span.kind:server"), 1);
  EXPECT_EQ(count("minDuration=250ms"), 1);
  EXPECT_EQ(count("minDuration=1s"), 0);
  EXPECT_EQ(count("operation=charge"), 1);
  HttpResponse missing = send("GET", "/jaeger/api/traces");
  EXPECT_EQ(missing.status, 400);
  EXPECT_TRUE(has(missing.body, R"("errors":[{"code":400,"msg":)")) << missing.body;
  EXPECT_EQ(status("/jaeger/api/traces/cc"), 404);
  EXPECT_EQ(get("/api/v3/services"), R"({"services":["order","payment"]})");
  EXPECT_TRUE(has(get("/api/v3/traces/aa"), R"({"result":{"resourceSpans":[)"));
  EXPECT_TRUE(has(get("/api/v3/traces?query.service_name=order&query.start_time_min=2023-11-14T00:00:00Z&"
                      "query.start_time_max=2023-11-15T00:00:00Z"),
                  "post /orders"));
}

TEST_F(ZipkinApi, DependenciesAreCountedFromStoredSpans) {
  EXPECT_EQ(get("/api/v2/dependencies?endTs=1700000000000"),
            R"([{"parent":"order","child":"payment","callCount":1,"errorCount":0}])");
  EXPECT_EQ(get("/api/v2/dependencies?endTs=1600000000000"), "[]");
  EXPECT_TRUE(has(get("/jaeger/api/dependencies?endTs=1700000000000&lookback=60000"),
                  R"("data":[{"parent":"order","child":"payment","callCount":1}])"));
  EXPECT_EQ(status("/api/v2/dependencies?lookback=0"), 400);
}

TEST_F(ZipkinApi, WhatCannotBeKeptIsSaid) {
  EXPECT_EQ(send("POST", "/api/v2/spans", "{").status, 400);
  EXPECT_EQ(send("POST", "/api/v2/spans", "", "application/x-thrift").status, 415);
  HttpResponse none = send("POST", "/api/v2/spans", R"([{"id":"1"}])");
  EXPECT_EQ(none.status, 400);
  EXPECT_TRUE(has(none.body, "traceId")) << none.body;
  HttpResponse some =
      send("POST", "/api/v2/spans", R"([{"id":"1"},{"traceId":"dd","id":"1","timestamp":1699999999000000}])");
  EXPECT_EQ(some.status, 202);
  EXPECT_TRUE(has(some.body, "1 spans were rejected")) << some.body;
  EXPECT_EQ(status("/api/v2/trace/dd"), 200);
  EXPECT_EQ(send("POST", "/api/traces", "xx", "application/x-thrift").status, 400);
}

}  // namespace
}  // namespace obelisk
