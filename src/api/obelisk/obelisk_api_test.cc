// From a trace to its log lines and exemplars.
#include "api/obelisk/obelisk_api.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <optional>

#include "api/request/recording_sinks.h"
#include "pipeline/pipeline.h"
#include "storage/memory/memory_store.h"

namespace obelisk {
namespace {

class ObeliskApiTest : public testing::Test {
 protected:
  ObeliskApiTest() { register_obelisk_api(router_, context_); }

  HttpResponse get(std::string target) { return send("GET", std::move(target)); }
  HttpResponse send(std::string method, std::string target, HttpHeaders headers = {}, std::string body = "") {
    return answer_of(router_, std::move(method), target, std::move(headers), std::move(body));
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

TEST_F(ObeliskApiTest, TheServiceGraphOfAWindow) {
  BatchBuilder rows(Table::spans);
  auto add_span = [&](int64_t id, int64_t parent, int64_t kind, int64_t millis, std::string_view service) {
    rows.add_row({1000});
    rows.set_trace_id(Scope::fixed, column::kTraceId, *TraceId::from_hex("aa"));
    rows.set_int(Scope::fixed, column::kSpanId, id);
    if (parent != 0) rows.set_int(Scope::fixed, column::kParentSpanId, parent);
    rows.set_int(Scope::fixed, column::kKind, kind);
    rows.set_int(Scope::fixed, column::kDuration, millis * kNanosPerMilli);
    rows.set_string(Scope::resource, "service.name", service);
  };
  add_span(1, 0, 3, 20, "shop");
  add_span(2, 1, 2, 15, "bank");
  write(rows.finish());
  HttpResponse response = get("/obelisk/api/v1/service-graph?start=0&end=1");
  EXPECT_EQ(response.status, 200);
  EXPECT_NE(
      response.body.find(R"("edges":[{"client":"shop","server":"bank","connectionType":"","requests":"1",)"
                         R"("failed":"0","serverP50Nanos":"15000000")"),
      std::string::npos)
      << response.body;
  response = get("/obelisk/api/v1/service-graph?start=0&end=1&q=%7B%20duration%20%3E%201s%20%7D");
  EXPECT_NE(response.body.find(R"("edges":[])"), std::string::npos) << response.body;
  EXPECT_EQ(get("/obelisk/api/v1/service-graph?start=9&end=1").status, 400);
  EXPECT_EQ(get("/obelisk/api/v1/service-graph?q=%7B").status, 400);
}

TEST_F(ObeliskApiTest, NewKindsOfLines) {
  constexpr int64_t kHour = 3600 * kNanosPerSecond;
  BatchBuilder rows(Table::logs);
  rows.begin_group_copy(Labels{{"service", "order"}}.view());
  add_log(rows, 10 * kHour, "served 1", "");
  add_log(rows, 20 * kHour, "served 2", "");
  add_log(rows, 30 * kHour, "served 3", "");
  add_log(rows, 30 * kHour + 5, "cannot reach 10.0.0.1", "");
  add_log(rows, 30 * kHour + 6, "cannot reach 10.0.0.2", "");
  rows.begin_group_copy(Labels{{"service", "stock"}}.view());
  add_log(rows, 30 * kHour, "cannot reach 10.0.0.9", "");
  write(rows.finish());
  std::string path = "/obelisk/api/v1/new-patterns?query=%7Bservice=%22order%22%7D";
  std::string window = fmt::format("&start={}&end={}", 30 * kHour, 31 * kHour);
  EXPECT_EQ(
      get(path + window + "&since=12h").body,
      R"({"total":"1","patterns":[{"pattern":"cannot reach <_>","firstSeen":"108000000000005","lines":"2",)"
      R"("stream":{"service":"order"},"example":"cannot reach 10.0.0.1"}]})");
  EXPECT_NE(get(path + window + "&since=5h&limit=1").body.find(R"("total":"2")"), std::string::npos);
  for (const char* wrong : {"&since=0s", "&since=x", "&limit=0", "&limit=5000"})
    EXPECT_EQ(get(path + window + wrong).status, 400) << wrong;
  for (const char* query : {"", "%7Ba=%22b%22%7D%7C=%22x%22", "rate(%7Ba=%22b%22%7D%5B1m%5D)", "%7B"})
    EXPECT_EQ(get(std::string("/obelisk/api/v1/new-patterns?query=") + query).status, 400) << query;
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

TEST_F(ObeliskApiTest, ParseSaysOkForAllLanguages) {
  for (const char* query :
       {"language=promql&query=sum(rate(up[5m]))", "language=logql&query=%7Ba=%22b%22%7D%20%7C=%20%22x%22",
        "language=traceql&query=%7B%20name=%22x%22%20%7D"}) {
    HttpResponse response = get(std::string("/obelisk/api/v1/parse?") + query);
    EXPECT_EQ(response.status, 200) << query;
    EXPECT_EQ(response.body, R"({"ok":true})") << query;
  }
}

// Byte offsets of the token that is wrong, line and column counted from 1.
TEST_F(ObeliskApiTest, ParsePointsAtTheMistake) {
  struct Case {
    const char* language;
    const char* query;
    const char* place;
  };
  for (const Case& c : {
           Case{"promql", "sum(rate(up))", R"("begin":9,"end":11,"line":1,"column":10)"},
           Case{"promql", "up +\n +nosuch(up)", R"("begin":7,"end":13,"line":2,"column":3)"},
           Case{"promql", "sum(up", R"("begin":6,"end":6,"line":1,"column":7)"},
           Case{"logql", "{a=\"b\"} |= bad", R"("begin":11,"end":14,"line":1,"column":12)"},
           Case{"traceql", "{ nosuch = 1 }", R"("begin":2,"end":8,"line":1,"column":3)"},
       }) {
    Parameters parameters;
    parameters.add("language", c.language);
    parameters.add("query", c.query);
    HttpResponse response =
        send("POST", "/obelisk/api/v1/parse", {{"content-type", "application/x-www-form-urlencoded"}},
             parameters.encode());
    EXPECT_EQ(response.status, 200);
    EXPECT_TRUE(response.body.starts_with(R"({"ok":false,"error":{"code":"parse_error","message":")"))
        << response.body;
    EXPECT_NE(response.body.find(c.place), std::string::npos) << c.query << ": " << response.body;
  }
}

TEST_F(ObeliskApiTest, ParseRefusesUnknownLanguagesAndLongQueries) {
  EXPECT_EQ(get("/obelisk/api/v1/parse?language=sql&query=x").status, 400);
  EXPECT_EQ(get("/obelisk/api/v1/parse?query=x").status, 400);
  EXPECT_EQ(get("/obelisk/api/v1/parse?language=promql&query=" + std::string(200'000, 'x')).status, 413);
}

class RunningQueriesTest : public ObeliskApiTest {
 protected:
  std::shared_ptr<QueryRun> begin(std::string target, std::string id, std::string tenant = "") {
    HttpRequest request;
    request.method = "GET";
    Result<TargetParts> parts = split_target(target);
    request.path = parts->path;
    request.query = parts->query;
    if (!id.empty()) request.headers.emplace_back("x-obelisk-query-id", id);
    if (!tenant.empty()) request.headers.emplace_back("x-scope-orgid", tenant);
    exchange_ = std::make_shared<HttpExchange>(std::move(request), std::make_shared<RecordingSink>());
    exchanges_.push_back(exchange_);
    Result<std::shared_ptr<QueryRun>> run = begin_query(context_, exchange_);
    refusal_ = run.ok() ? "" : run.error().message;
    return run.ok() ? *run : nullptr;
  }

  HttpExchangePtr exchange_;
  std::vector<HttpExchangePtr> exchanges_;
  std::string refusal_;
};

TEST_F(RunningQueriesTest, ListedWhileTheyRun) {
  EXPECT_EQ(get("/obelisk/api/v1/queries").body, R"({"queries":[]})");
  {
    std::shared_ptr<QueryRun> run = begin("/loki/api/v1/query_range?query=%7Ba%3D%22b%22%7D", "mine-1");
    ASSERT_TRUE(run);
    note_scan_price({100, 2000});
    note_read({40, 700});
    ASSERT_TRUE(run->budget.charge(512).ok());
    std::string body = get("/obelisk/api/v1/queries").body;
    EXPECT_NE(body.find(R"({"id":"mine-1","tenant":"anonymous","language":"logql",)"
                        R"("path":"/loki/api/v1/query_range","query":"{a=\"b\"}","elapsedSeconds":)"),
              std::string::npos)
        << body;
    EXPECT_NE(body.find(R"("rowsRead":"40","bytesRead":"700","rowsPriced":"100","bytesPriced":"2000",)"
                        R"("memoryBytes":"512"})"),
              std::string::npos)
        << body;
    EXPECT_EQ(get("/obelisk/api/v1/queries?id=other").body, R"({"queries":[]})");
  }
  EXPECT_EQ(get("/obelisk/api/v1/queries").body, R"({"queries":[]})");
}

TEST_F(RunningQueriesTest, ARealScanCountsWhatItReads) {
  BatchBuilder rows(Table::logs);
  rows.begin_group_copy(Labels{{"a", "b"}}.view());
  for (int i = 0; i < 10; ++i) add_log(rows, i, "line", "");
  write(rows.finish());
  std::shared_ptr<QueryRun> run = begin("/loki/api/v1/query_range?query=x", "");
  Scan scan;
  scan.table = Table::logs;
  scan.all_columns = true;
  Result<std::unique_ptr<Cursor>> cursor = open_scan(store_, run->at, scan, run->budget, run->cancel);
  ASSERT_TRUE(cursor.ok());
  ASSERT_TRUE((*cursor)->next().ok());
  EXPECT_EQ(run->progress->read().rows, 10u);
  EXPECT_EQ(run->progress->priced().rows, 10u);
}

TEST_F(RunningQueriesTest, CancelledByIdAndByTheConnection) {
  std::shared_ptr<QueryRun> first = begin("/api/v1/query?query=up", "one");
  std::shared_ptr<QueryRun> second = begin("/api/search?q=%7B%7D", "");
  EXPECT_EQ(send("DELETE", "/obelisk/api/v1/queries/nosuch").status, 404);
  EXPECT_TRUE(first->cancel.check().ok());
  HttpResponse response = send("DELETE", "/obelisk/api/v1/queries/one");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, R"({"id":"one","cancelled":true})");
  ASSERT_FALSE(first->cancel.check().ok());
  EXPECT_EQ(first->cancel.check().error().code, ErrorCode::cancelled);
  EXPECT_TRUE(second->cancel.check().ok());
  exchange_->signal().fire();
  EXPECT_FALSE(second->cancel.check().ok());
}

TEST_F(RunningQueriesTest, IdsAreCheckedAndTenantsApart) {
  std::shared_ptr<QueryRun> run = begin("/api/v1/query?query=up", "one");
  EXPECT_FALSE(begin("/api/v1/query?query=up", "one"));
  EXPECT_EQ(refusal_, "X-Obelisk-Query-Id: the query one still runs");
  EXPECT_FALSE(begin("/api/v1/query?query=up", "a b"));
  EXPECT_FALSE(begin("/api/v1/query?query=up", std::string(65, 'a')));
  run.reset();
  run = begin("/api/v1/query?query=up", "one");
  ASSERT_TRUE(run);  // the id is free again
  context_.multi_tenancy = true;
  std::shared_ptr<QueryRun> other = begin("/api/v1/query?query=up", "one", "acme");
  ASSERT_TRUE(other);
  EXPECT_EQ(send("DELETE", "/obelisk/api/v1/queries/one", {{"x-scope-orgid", "acme"}}).status, 200);
  EXPECT_FALSE(other->cancel.check().ok());
  EXPECT_TRUE(run->cancel.check().ok());
  EXPECT_EQ(send("GET", "/obelisk/api/v1/queries").status, 401);
}

}  // namespace
}  // namespace obelisk
