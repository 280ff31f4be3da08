// Goal: Jaeger over HTTP as its UI asks: the Monitor page's metrics against counts made by hand, both
// spellings of the stable API's parameters, and parameters that make no sense.
#include <gtest/gtest.h>

#include <fmt/format.h>
#include <protozero/pbf_reader.hpp>

#include "api/jaeger/jaeger_api.h"
#include "api/jaeger/structured_filter.h"
#include "api/request/multi_tenant_reader.h"
#include "api/request/recording_sinks.h"
#include "base/text.h"
#include "pipeline/pipeline.h"
#include "query/traceql/test_traces.h"
#include "storage/memory/memory_store.h"

namespace obelisk {
namespace {

using traceql::kTestEpoch;

// Of shop: two calls in the first minute, of which one fails, none in the second, one exactly at its end.
constexpr std::string_view kTraces = R"(
trace aa
  a shop "POST /orders" 1s 100ms server
    b shop charge 1s 50ms client
      c pay "POST /charges" 1s 40ms server
trace bb
  d shop "POST /orders" 30s 400ms server error
trace cc
  e shop "GET /health" 2m 1ms server
)";

class JaegerHttp : public testing::Test {
 protected:
  JaegerHttp() {
    register_jaeger_ui_api(router_, context_, archive_, "");
    register_jaeger_v3_api(router_, context_);
    register_jaeger_grpc(grpc_, context_, archive_);
    WriteRequest request;
    request.batches.push_back(traceql::test_batch(kTraces));
    EXPECT_TRUE(append_and_wait(store_, std::move(request)).ok());
  }

  HttpResponse get(const std::string& target) { return answer_of(router_, "GET", target, {}, ""); }
  // Of the two minutes, a point and a window a minute.
  HttpResponse metrics(const std::string& kind, const std::string& more) {
    int64_t end = (kTestEpoch + 120 * kNanosPerSecond) / kNanosPerMilli;
    return get(
        fmt::format("/api/metrics/{}?endTs={}&lookback=120000&step=60000&ratePer=60000{}", kind, end, more));
  }
  static std::string point(std::string_view value, int minute) {
    return fmt::format(R"({{"gaugeValue":{{"doubleValue":{}}},"timestamp":"{}"}})", value,
                       format_rfc3339(kTestEpoch + minute * 60 * kNanosPerSecond));
  }

  MemoryStore store_;
  MultiTenantReader reader_{store_};
  jaeger::TraceArchive archive_{store_, 100};
  ManualClock clock_{{kTestEpoch + 180 * kNanosPerSecond}};
  Intake intake_{store_, clock_};
  Pipeline pipeline_{intake_};
  ApiContext context_{reader_, pipeline_, clock_, {}, false, 64u << 20, "0.1.0", "abc"};
  GrpcRouter grpc_;
  Router router_;
};

TEST_F(JaegerHttp, RatesOfCalls) {
  HttpResponse response = metrics("calls", "&service=shop");
  ASSERT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(response.body,
            R"({"name":"service_call_rate","type":"GAUGE","help":"calls/sec, grouped by service","metrics":[)"
            R"({"labels":[{"name":"service_name","value":"shop"}],"metricPoints":[)" +
                point("0", 0) + "," + point("0.03333333333333333", 1) + "," +
                point("0.016666666666666666", 2) + "]}]}");
}

TEST_F(JaegerHttp, RatesByOperationAndKind) {
  std::string body = metrics("calls", "&service=shop&service=pay&groupByOperation=true").body;
  EXPECT_NE(body.find("service_operation_call_rate"), std::string::npos);
  EXPECT_NE(
      body.find(R"([{"name":"service_name","value":"pay"},{"name":"operation","value":"POST /charges"}])"),
      std::string::npos);
  EXPECT_NE(body.find(R"({"name":"operation","value":"GET /health"})"), std::string::npos);
  EXPECT_EQ(body.find("charge\""), std::string::npos);  // a client's
  body = metrics("calls", "&service=shop&groupByOperation=1&spanKind=client").body;
  EXPECT_NE(body.find(R"({"name":"operation","value":"charge"})"), std::string::npos);
  EXPECT_EQ(body.find("orders"), std::string::npos);
}

// A window that is no multiple of the step, and one longer than the range.
TEST_F(JaegerHttp, WindowsAreOfAnyLength) {
  int64_t end = (kTestEpoch + 120 * kNanosPerSecond) / kNanosPerMilli;
  auto last_rate = [&](int64_t window) {
    std::string body =
        get(fmt::format("/api/metrics/calls?service=shop&endTs={}&lookback=60000&step=60000&ratePer={}", end,
                        window))
            .body;
    size_t at = body.rfind("doubleValue\":");
    return std::stod(body.substr(at + 13));
  };
  EXPECT_DOUBLE_EQ(last_rate(90'000), 1.0 / 90);  // the call 90 s before the end is not in it
  EXPECT_DOUBLE_EQ(last_rate(95'000), 2.0 / 95);
  EXPECT_DOUBLE_EQ(last_rate(600'000), 3.0 / 600);
}

// The newest spans are in the last point, wherever in a step the range ends.
TEST_F(JaegerHttp, TheLastPointIsAtTheEndOfTheRange) {
  int64_t end = (kTestEpoch + 41 * kNanosPerSecond) / kNanosPerMilli + 7;
  std::string body =
      get(fmt::format("/api/metrics/calls?service=shop&endTs={}&lookback=120000&step=60000&ratePer=60000",
                      end))
          .body;
  auto point_at = [](std::string_view value, int64_t second) {
    return fmt::format(R"({{"gaugeValue":{{"doubleValue":{}}},"timestamp":"{}"}})", value,
                       format_rfc3339(kTestEpoch + second * kNanosPerSecond));
  };
  EXPECT_NE(body.find("[" + point_at("0", -79) + "," + point_at("0", -19) + "," +
                      point_at("0.03333333333333333", 41) + "]"),
            std::string::npos)
      << body;
}

TEST_F(JaegerHttp, SharesOfErrors) {
  std::string body = metrics("errors", "&service=shop").body;
  EXPECT_NE(
      body.find(R"("metricPoints":[)" + point(R"("NaN")", 0) + "," + point("0.5", 1) + "," + point("0", 2)),
      std::string::npos)
      << body;
  EXPECT_NE(metrics("errors", "&service=pay").body.find(point("0", 1)),
            std::string::npos);  // no error at all
  EXPECT_NE(metrics("errors", "&service=nobody").body.find(R"("metrics":[])"), std::string::npos);
}

TEST_F(JaegerHttp, QuantilesOfDurationsInMilliseconds) {
  HttpResponse response = metrics("latencies", "&service=shop&quantile=0.95");
  ASSERT_EQ(response.status, 200) << response.body;
  EXPECT_NE(response.body.find(R"("help":"0.95th quantile latency, grouped by service")"), std::string::npos);
  // The upper bound of the power of two (of ns) that 400 ms and 1 ms lie in.
  EXPECT_NE(response.body.find(point("536.870912", 1) + "," + point("1.048576", 2)), std::string::npos)
      << response.body;
  EXPECT_NE(response.body.find(point(R"("NaN")", 0)), std::string::npos);
}

TEST_F(JaegerHttp, BadMonitorParametersAreRefusedByName) {
  EXPECT_EQ(get("/api/metrics/minstep").body, R"({"data":1,"total":0,"limit":0,"offset":0,"errors":null})");
  for (const char* bad :
       {"calls?endTs=1", "calls?service=", "calls?service=a&groupByOperation=x",
        "calls?service=a&spanKind=big", "calls?service=a&endTs=-5", "calls?service=a&endTs=99999999999999999",
        "calls?service=a&lookback=0", "calls?service=a&step=0", "calls?service=a&ratePer=x",
        "calls?service=a&step=7&ratePer=600000", "calls?service=a&endTs=4", "latencies?service=a",
        "latencies?service=a&quantile=1.5", "latencies?service=a&quantile=nan",
        "errors?service=a&step=1&lookback=999999999999"}) {
    HttpResponse response = get(std::string("/api/metrics/") + bad);
    EXPECT_EQ(response.status, 400) << bad << ": " << response.body;
    EXPECT_NE(response.body.find(R"("errors":[{"code":400)"), std::string::npos) << bad;
  }
  EXPECT_EQ(get("/api/metrics/other?service=a").status, 404);
}

TEST_F(JaegerHttp, TheStableApiReadsBothSpellings) {
  std::string old_range = "start_time_min=2023-11-14T22:00:00Z&query.start_time_max=2023-11-14T23:00:00Z";
  std::string new_range = "startTimeMin=2023-11-14T22:00:00Z&query.startTimeMax=2023-11-14T23:00:00Z";
  HttpResponse by_old =
      get("/api/v3/trace-summaries?query.service_name=pay&query.num_traces=5&query." + old_range);
  HttpResponse by_new =
      get("/api/v3/trace-summaries?query.serviceName=pay&query.searchDepth=5&query." + new_range);
  EXPECT_EQ(by_old.status, 200);
  EXPECT_EQ(by_old.body, by_new.body);
  EXPECT_EQ(by_new.body.find(R"({"summaries":[{"traceId":"000000000000000000000000000000aa")"), 0u)
      << by_new.body;
  // Both: the new one goes before.
  std::string both =
      get("/api/v3/trace-summaries?query.service_name=nobody&query.serviceName=pay&query." + new_range).body;
  EXPECT_EQ(both, by_new.body);
  EXPECT_EQ(get("/api/v3/operations?service=shop&spanKind=client").body,
            R"({"operations":[{"name":"charge","spanKind":"client"}]})");
  EXPECT_EQ(get("/api/v3/dependencies?startTime=2023-11-14T22:00:00Z&endTime=2023-11-14T23:00:00Z").body,
            R"({"dependencies":[{"parent":"shop","child":"pay","callCount":"1"}]})");
  EXPECT_NE(get("/api/v3/traces?query.pagination.pageSize=3&query." + new_range).body.find("pagination"),
            std::string::npos);
}

TEST_F(JaegerHttp, CapabilitiesNameWhatFiltersAreServed) {
  std::string body = get("/api/v3/capabilities").body;
  EXPECT_EQ(
      body.find(
          R"({"search":{"withoutServiceName":true,"sameSpanConjunction":true,"filter":{"levels":["span",)"),
      0u)
      << body;
  for (const char* op : {"not_in", "fulltext", "some"})
    EXPECT_NE(body.find(fmt::format("\"{}\"", op)), std::string::npos);
  auto sink = call_grpc(grpc_, "/jaeger.api_v3.Capabilities/GetCapabilities", "");
  ASSERT_EQ(sink->status, GrpcStatus::ok);
  ASSERT_EQ(sink->messages.size(), 1u);
  protozero::pbf_reader response(sink->messages[0]);
  ASSERT_TRUE(response.next(1));
  protozero::pbf_reader search = response.get_message();
  ASSERT_TRUE(search.next(1));
  EXPECT_TRUE(search.get_bool());
  ASSERT_TRUE(search.next(3));
  protozero::pbf_reader filter = search.get_message();
  size_t names = 0;
  while (filter.next()) {
    EXPECT_NE(body.find("\"" + filter.get_string() + "\""), std::string::npos);
    ++names;
  }
  EXPECT_EQ(names, std::size(jaeger::kFilterLevels) + std::size(jaeger::kFilterOperators));
}

TEST_F(JaegerHttp, DependenciesOfOneService) {
  std::string range =
      fmt::format("endTs={}&lookback=600000", (kTestEpoch + 600 * kNanosPerSecond) / kNanosPerMilli);
  EXPECT_NE(get("/api/dependencies?service=pay&" + range).body.find("shop"), std::string::npos);
  EXPECT_NE(get("/api/dependencies?service=nobody&" + range).body.find(R"("data":[])"), std::string::npos);
}

TEST_F(JaegerHttp, DurationsOfASearchAreInOrder) {
  HttpResponse response = get("/api/traces?service=shop&minDuration=2s&maxDuration=1s");
  EXPECT_EQ(response.status, 400);
  EXPECT_NE(response.body.find("maxDuration"), std::string::npos);
  EXPECT_EQ(get("/api/traces?service=shop&minDuration=1s&maxDuration=1s").status, 200);
}

}  // namespace
}  // namespace obelisk
