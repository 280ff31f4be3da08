// The shapes and traps of Tempo's API, asked for as Grafana asks.
#include "api/tempo/tempo_api.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <protozero/pbf_writer.hpp>

#include "api/request/recording_sinks.h"
#include "api/tempo/tempo_protobuf.h"
#include "pipeline/pipeline.h"
#include "query/traceql/test_traces.h"
#include "storage/memory/memory_store.h"
#include "wire/otlp_traces.h"

namespace obelisk {
namespace {

using traceql::kTestEpoch;
using traceql::test_batch;

constexpr std::string_view kTraces = R"(
trace 566acdc19b877beb6c75892a54376696
  a order "POST /orders" 0ms 622ms server span.http.status_code=502 resource.region="eu" error
    b inventory slow_lookup 37ms 298ms internal span.inventory.demand="high" span.ratio=0.5
trace 2a
  c order "GET /health" 10s 1500us server ok
)";

class TempoApiTest : public testing::Test {
 protected:
  TempoApiTest() {
    register_tempo_api(router_, grpc_router_, context_);
    WriteRequest request;
    request.batches.push_back(test_batch(kTraces));
    EXPECT_TRUE(append_and_wait(store_, std::move(request)).ok());
  }

  HttpResponse get(std::string target, HttpHeaders headers = {}, std::string method = "GET",
                   std::string body = "") {
    return answer_of(router_, std::move(method), target, std::move(headers), std::move(body));
  }
  // A 200 answer's JSON, checked to be JSON.
  std::string json(std::string target) {
    HttpResponse response = get(target);
    EXPECT_EQ(response.status, 200) << target << " " << response.body;
    EXPECT_EQ(find_header(response.headers, "content-type"), "application/json");
    simdjson::dom::parser parser;
    EXPECT_EQ(parser.parse(response.body).error(), simdjson::SUCCESS) << response.body;
    return response.body;
  }
  std::string error(std::string target, int status) {
    HttpResponse response = get(target);
    EXPECT_EQ(response.status, status) << target << " " << response.body;
    return response.body;
  }
  std::shared_ptr<RecordingGrpcSink> call(std::string_view method, std::string message) {
    return call_grpc(grpc_router_, "/tempopb.StreamingQuerier/" + std::string(method), std::move(message));
  }
  std::string call_once(std::string_view method, std::string message) {
    auto sink = call(method, std::move(message));
    EXPECT_EQ(sink->status, GrpcStatus::ok) << sink->text;
    EXPECT_EQ(sink->messages.size(), 1u);
    return sink->messages.empty() ? "" : sink->messages[0];
  }

  MemoryStore store_;
  ManualClock clock_{{kTestEpoch + 60 * kNanosPerSecond}};
  Intake intake_{store_, clock_};
  Pipeline pipeline_{intake_};
  ApiContext context_{store_, pipeline_, clock_, {}, false, 64u << 20, "0.1.0", "abc"};
  Router router_;
  GrpcRouter grpc_router_;
};

std::string encoded(std::string_view query) {
  return percent_encode(query);
}

TEST_F(TempoApiTest, SearchHasTemposShape) {
  std::string body = json("/api/search?limit=5&spss=1&q=" +
                          encoded("{ span.http.status_code = 502 } | select(resource.region)"));
  EXPECT_EQ(
      body,
      R"({"traces":[{"traceID":"566acdc19b877beb6c75892a54376696","rootServiceName":"order","rootTraceName":"POST /orders",)"
      R"("startTimeUnixNano":"1700000040000000000","durationMs":622,)"
      R"("spanSet":{"spans":[{"spanID":"0000000000000061","name":"POST /orders","startTimeUnixNano":"1700000040000000000",)"
      R"("durationNanos":"622000000","attributes":[{"key":"http.status_code","value":{"intValue":"502"}},{"key":"region","value":{"stringValue":"eu"}}]}],"matched":1},)"
      R"("spanSets":[{"spans":[{"spanID":"0000000000000061","name":"POST /orders","startTimeUnixNano":"1700000040000000000",)"
      R"("durationNanos":"622000000","attributes":[{"key":"http.status_code","value":{"intValue":"502"}},{"key":"region","value":{"stringValue":"eu"}}]}],"matched":1}],)"
      R"("serviceStats":{"inventory":{"spanCount":1},"order":{"spanCount":1,"errorCount":1}}}],)"
      R"("metrics":{"inspectedTraces":1,"inspectedBytes":"0","inspectedSpans":"2","totalBlocks":0,"completedJobs":1,"totalJobs":1,"totalBlockBytes":"0"}})");
  body = json("/api/search?q=" +
              encoded("{ duration > 1ms } | by(resource.service.name) | avg(duration) > 1ms"));
  EXPECT_NE(
      body.find(
          R"x("attributes":[{"key":"by(resource.service.name)","value":{"stringValue":"order"}},{"key":"avg(duration)","value":{"stringValue":"1.5ms"}}])x"),
      std::string::npos);
  EXPECT_LT(body.find("GET /health"), body.find("POST /orders"));  // most recent first
  EXPECT_NE(json("/api/search").find("GET /health"), std::string::npos);
  EXPECT_EQ(json("/api/search?q=" + encoded("{ name = \"nothing\" }")).find(R"({"traces":[],)"), 0u);
}

TEST_F(TempoApiTest, SearchByTagsAndDuration) {
  auto found = [&](std::string parameters) {
    std::string body = json("/api/search?" + parameters);
    return std::string(body.find("POST /orders") != std::string::npos ? "orders " : "") +
           (body.find("GET /health") != std::string::npos ? "health" : "");
  };
  EXPECT_EQ(found("tags=" + encoded("service.name=ORD")), "orders health");
  EXPECT_EQ(found("tags=" + encoded("service.name=order name=\"post /\"")), "orders ");
  EXPECT_EQ(found("tags=" + encoded("http.status_code=502")), "orders ");
  EXPECT_EQ(found("tags=" + encoded("error=true")), "orders ");
  EXPECT_EQ(found("tags=" + encoded("service.name=o.der")), "");
  EXPECT_EQ(found("minDuration=100ms"), "orders ");
  EXPECT_EQ(found("maxDuration=100ms"), "health");
  EXPECT_EQ(found("start=1700000045&end=1700000060"), "health");
  EXPECT_EQ(found("start=1700000040&end=1700000045"), "orders ");
  EXPECT_EQ(found("start=1700000050&end=1700000050"), "health");  // end is a whole second
}

TEST_F(TempoApiTest, SearchRefusesWhatIsWrong) {
  EXPECT_EQ(error("/api/search?q=" + encoded("{ name = }"), 400),
            "parse error at line 1, col 10: unexpected \"}\", expected an attribute or a value\n");
  EXPECT_EQ(error("/api/search?limit=0", 400), "invalid limit: \"0\" is not a whole number of at least 1\n");
  EXPECT_EQ(error("/api/search?limit=1000000", 400), "invalid limit: 1000000 is above 262144\n");
  EXPECT_EQ(error("/api/search?spss=101", 400), "invalid spss: 101 is above 100\n");
  EXPECT_EQ(error("/api/search?start=9&end=8", 400), "invalid start: it lies after end\n");
  EXPECT_EQ(error("/api/search?start=1700000040000", 400),
            "invalid start: 1700000040000 seconds lie behind the year 2262\n");
  EXPECT_EQ(error("/api/v2/search/tags?end=9223372036854775807", 400),
            "invalid end: 9223372036854775807 seconds lie behind the year 2262\n");
  EXPECT_EQ(error("/api/search?start=x", 400), "invalid start: \"x\" is not a whole number of at least 0\n");
  EXPECT_EQ(error("/api/search?tags=lonely", 400), "invalid tags: expected name=value\n");
  EXPECT_EQ(error("/api/search?tags=" + encoded("a=1 b=2 a=3"), 400),
            "invalid tags: tag a has been set twice\n");
  EXPECT_EQ(error("/api/search?minDuration=2s&maxDuration=1s", 400),
            "invalid maxDuration: must be greater than minDuration\n");
  EXPECT_EQ(error("/api/search?q=" + encoded("{}") + "&minDuration=1s", 400),
            "invalid search: q cannot be combined with tags, minDuration or maxDuration\n");
  EXPECT_EQ(error("/api/search?minDuration=fast", 400),
            "invalid minDuration: expected a duration such as 250ms\n");
  EXPECT_EQ(error("/api/search?order=size", 400), "invalid order: time or duration\n");
}

TEST_F(TempoApiTest, TraceById) {
  std::string body = json("/api/traces/566acdc19b877beb6c75892a54376696");
  EXPECT_EQ(body.find(R"({"batches":[{"resource":{)"), 0u) << body;
  body = json("/api/v2/traces/566acdc19b877beb6c75892a54376696?start=1&end=2");
  EXPECT_EQ(body.find(R"({"trace":{"resourceSpans":[{)"), 0u) << body;
  EXPECT_NE(body.find(R"("status":"COMPLETE"})"), std::string::npos);
  EXPECT_NE(json("/api/traces/2a").find("GET /health"), std::string::npos);  // leading zeros may be left out
  EXPECT_EQ(error("/api/traces/1234", 404), "trace not found\n");
  EXPECT_EQ(error("/api/v2/traces/1234", 404), "trace not found\n");
  EXPECT_EQ(get("/api/traces/nonsense").status, 400);
  EXPECT_EQ(get("/api/traces/00").status, 400);
  EXPECT_EQ(get("/api/v2/traces/2a?span_pruning=maybe").status, 400);
  EXPECT_EQ(get("/api/v2/traces/2a?span_pruning=true&span_pruning_min_spans=1").status, 400);
  EXPECT_NE(json("/api/v2/traces/2a?span_pruning=false").find("GET /health"), std::string::npos);
}

size_t span_count_of(const std::string& traces_data) {
  Result<DecodedTraces> decoded = decode_otlp_traces(std::make_shared<const std::string>(traces_data));
  EXPECT_TRUE(decoded.ok());
  size_t count = 0;
  for (const Batch& batch : decoded->batches) count += batch.row_count;
  return count;
}

TEST_F(TempoApiTest, APartOfATrace) {
  auto names = [&](std::string_view query, const std::string& parameters) {
    std::string body =
        json("/api/v2/traces/566acdc19b877beb6c75892a54376696?q=" + encoded(query) + parameters);
    return std::string(body.find("POST /orders") != std::string::npos ? "a" : "") +
           (body.find("slow_lookup") != std::string::npos ? "b" : "");
  };
  EXPECT_EQ(names("{}", ""), "ab");
  EXPECT_EQ(names("{ name = \"slow_lookup\" }", ""), "b");
  EXPECT_EQ(names("{ name = \"slow_lookup\" }", "&keep_hierarchy=true"), "ab");
  EXPECT_EQ(names("{ name = \"slow_lookup\" }", "&ancestor_depth=1"), "ab");
  EXPECT_EQ(names("{ nestedSetParent = -1 }", ""), "a");
  EXPECT_EQ(names("{ nestedSetParent = -1 }", "&match_depth=-1"), "ab");
  EXPECT_EQ(names("{ nestedSetParent = -1 }", "&match_depth=1"), "ab");
  EXPECT_EQ(names("{ name = \"nothing\" }", ""), "");
  EXPECT_NE(error("/api/v2/traces/2a?q=" + encoded("{} | count() > 1"), 400).find("one spanset filter"),
            std::string::npos);
  EXPECT_NE(error("/api/v2/traces/2a?match_depth=x", 400).find("match_depth"), std::string::npos);
}

TEST_F(TempoApiTest, TraceByIdAsProtobuf) {
  HttpHeaders headers = {{"accept", "application/protobuf"}};
  HttpResponse response = get("/api/traces/566acdc19b877beb6c75892a54376696", headers);
  EXPECT_EQ(find_header(response.headers, "content-type"), "application/protobuf");
  EXPECT_EQ(span_count_of(response.body), 2u);
  response = get("/api/v2/traces/566acdc19b877beb6c75892a54376696", headers);
  EXPECT_EQ(span_count_of(field(response.body, 1)), 2u);  // TraceByIDResponse.trace
  EXPECT_EQ(get("/api/v2/traces/77", headers).status, 404);
}

TEST_F(TempoApiTest, Tags) {
  std::string metrics = R"("metrics":{"inspectedBytes":"0","totalJobs":1,"completedJobs":1}})";
  EXPECT_EQ(
      json("/api/search/tags"),
      R"({"tagNames":["http.status_code","inventory.demand","ratio","region","service.name"],)" + metrics);
  EXPECT_EQ(json("/api/v2/search/tags?scope=resource&limit=5000"),
            R"({"scopes":[{"name":"resource","tags":["region","service.name"]}],)" + metrics);
  std::string all = json("/api/v2/search/tags?limit=5000");
  EXPECT_NE(all.find(R"({"name":"intrinsic","tags":["duration",)"), std::string::npos);
  EXPECT_NE(all.find(R"({"name":"span","tags":["http.status_code","inventory.demand","ratio"]})"),
            std::string::npos);
  EXPECT_EQ(json("/api/search/tag/service.name/values"), R"({"tagValues":["order","inventory"],)" + metrics);
  EXPECT_EQ(json("/api/v2/search/tag/resource.service.name/values?q=" +
                 encoded("{ span.http.status_code = 502 && name = }")),
            R"({"tagValues":[{"type":"string","value":"order"}],)" + metrics);
  EXPECT_EQ(json("/api/v2/search/tag/span.http.status_code/values"),
            R"({"tagValues":[{"type":"int","value":"502"}],)" + metrics);
  EXPECT_NE(json("/api/v2/search/tag/status/values").find(R"({"type":"keyword","value":"error"})"),
            std::string::npos);
  EXPECT_EQ(json("/api/v2/search/tag/name/values?limit=1&start=1700000045&end=1700000100"),
            R"({"tagValues":[{"type":"string","value":"GET /health"}],)" + metrics);
  EXPECT_EQ(get("/api/v2/search/tags?scope=nonsense").status, 400);
}

TEST_F(TempoApiTest, MetricsOverARange) {
  EXPECT_EQ(
      json("/api/metrics/query_range?start=1700000040&end=1700000060&step=10s&exemplars=1&q=" +
           encoded("{} | max_over_time(duration) by (resource.service.name)")),
      R"({"series":[{"labels":[{"key":"resource.service.name","value":{"stringValue":"inventory"}}],)"
      R"("samples":[{"timestampMs":"1700000050000","value":0.298}],)"
      R"("exemplars":[{"labels":[{"key":"trace:id","value":{"stringValue":"566acdc19b877beb6c75892a54376696"}}],"value":0.298,"timestampMs":"1700000040037"}]},)"
      R"({"labels":[{"key":"resource.service.name","value":{"stringValue":"order"}}],)"
      R"("samples":[{"timestampMs":"1700000050000","value":0.622}],)"
      R"("exemplars":[{"labels":[{"key":"trace:id","value":{"stringValue":"566acdc19b877beb6c75892a54376696"}}],"value":0.622,"timestampMs":"1700000040000"}]}],)"
      R"("metrics":{"inspectedTraces":0,"inspectedBytes":"0","inspectedSpans":"3","totalBlocks":0,"completedJobs":1,"totalJobs":1,"totalBlockBytes":"0"},"status":"COMPLETE"})");
  // Nanoseconds, RFC 3339 and since.
  for (const char* range : {"start=1700000040000000000&end=1700000100000000000",
                            "start=2023-11-14T22:14:00Z&end=2023-11-14T22:15:00Z", "since=1m"}) {
    std::string body = json(std::string("/api/metrics/query_range?step=60&exemplars=0&q=") +
                            encoded("{} | count_over_time()") + "&" + range);
    EXPECT_NE(body.find(R"({"timestampMs":"1700000100000","value":3})"), std::string::npos) << range << body;
  }
  std::string limited =
      json("/api/metrics/query_range?since=1m&maxSeries=1&q=" + encoded("{} | rate() by (name)"));
  EXPECT_NE(limited.find(R"("status":"PARTIAL","message":"1 of 3 series are shown: the answer is limited")"),
            std::string::npos);
  EXPECT_EQ(error("/api/metrics/query_range?q=" + encoded("{}"), 400),
            "not a metrics query: end it in rate() or another metrics function\n");
  EXPECT_EQ(get("/api/metrics/query_range?step=-1&q=" + encoded("{} | rate()")).status, 400);
  EXPECT_EQ(get("/api/metrics/query_range?start=5&end=4&q=" + encoded("{} | rate()")).status, 400);
}

TEST_F(TempoApiTest, MetricsAtOnce) {
  EXPECT_EQ(
      json("/api/metrics/query?since=1m&q=" +
           encoded("{} | count_over_time() by (resource.service.name) | topk(1)")),
      R"({"series":[{"labels":[{"key":"resource.service.name","value":{"stringValue":"order"}}],"value":2}],)"
      R"("metrics":{"inspectedTraces":0,"inspectedBytes":"0","inspectedSpans":"3","totalBlocks":0,"completedJobs":1,"totalJobs":1,"totalBlockBytes":"0"},"status":"COMPLETE"})");
}

TEST_F(TempoApiTest, SmallCalls) {
  EXPECT_EQ(get("/api/echo").body, "echo\n");
  EXPECT_EQ(
      json("/api/status/buildinfo"),
      R"({"version":"3.0.0+obelisk.0.1.0","revision":"abc","branch":"","buildUser":"","buildDate":"","goVersion":""})");
  EXPECT_EQ(get("/api/overrides").status, 404);  // without a store for them
}

TEST_F(TempoApiTest, AnswersForLanguageModels) {
  HttpHeaders accept{{"accept", "application/vnd.grafana.llm"}};
  HttpResponse trace = get("/api/v2/traces/566acdc19b877beb6c75892a54376696", accept);
  EXPECT_EQ(trace.status, 200);
  EXPECT_EQ(find_header(trace.headers, "content-type"), "application/vnd.grafana.llm");
  EXPECT_EQ(
      trace.body,
      R"({"trace":{"traceId":"566acdc19b877beb6c75892a54376696","services":[{"serviceName":"order","resource":{"region":"eu"},)"
      R"("scopes":[{"spans":[{"spanId":"0000000000000061","name":"POST /orders","kind":"SPAN_KIND_SERVER",)"
      R"("startTimeUnixNano":"1700000040000000000","endTimeUnixNano":"1700000040622000000","durationMs":622,)"
      R"("attributes":{"http.status_code":502},"status":{"code":"STATUS_CODE_ERROR","message":""}}]}]},)"
      R"({"serviceName":"inventory","scopes":[{"spans":[{"spanId":"0000000000000062","name":"slow_lookup",)"
      R"("parentSpanId":"0000000000000061","kind":"SPAN_KIND_INTERNAL","startTimeUnixNano":"1700000040037000000",)"
      R"("endTimeUnixNano":"1700000040335000000","durationMs":298,"attributes":{"inventory.demand":"high","ratio":0.5},)"
      R"("status":{"code":"STATUS_CODE_UNSET","message":""}}]}]}]}})");
  HttpResponse values = get("/api/v2/search/tag/.http.status_code/values", accept);
  EXPECT_EQ(values.body, R"({"tagValues":{"int":["502"]}})");
}

TEST_F(TempoApiTest, ATracePruned) {
  std::string text = "trace 77\n  a order loop 0ms 100ms\n";
  for (int i = 1; i <= 6; ++i) text += fmt::format("    q{} db query {}ms 2ms\n", i, i);
  WriteRequest write;
  write.batches.push_back(test_batch(text));
  ASSERT_TRUE(append_and_wait(store_, std::move(write)).ok());
  EXPECT_EQ(span_count_of(field(get("/api/v2/traces/77", {{"accept", "application/protobuf"}}).body, 1)), 7u);
  std::string pruned = json("/api/v2/traces/77?span_pruning=true");
  EXPECT_NE(pruned.find(R"({"key":"aggregation.span_count","value":{"intValue":"6"}})"), std::string::npos)
      << pruned;
  EXPECT_NE(pruned.find(R"({"key":"aggregation.is_summary","value":{"boolValue":true}})"), std::string::npos);
  pruned = json("/api/v2/traces/77?span_pruning=true&span_pruning_min_spans=7&span_pruning_group_by=db.*");
  EXPECT_EQ(pruned.find("aggregation."), std::string::npos);
}

TEST_F(TempoApiTest, TwoTracesCompared) {
  WriteRequest write;
  write.batches.push_back(test_batch(R"(
trace b1
  a order "GET /" 0ms 100ms server span.user="x"
    b db query 10ms 20ms client
    c db old 40ms 5ms client
trace b2
  a order "GET /" 0ms 400ms server error span.user="y"
    b db query 10ms 320ms client
    d cache new 340ms 5ms client
)"));
  ASSERT_TRUE(append_and_wait(store_, std::move(write)).ok());
  auto diff = [&](const std::string& format) {
    HttpResponse response =
        get("/api/v2/traces/diff", {}, "POST",
            R"({"base":{"traceId":"b1"},"compare":{"traceId":"b2"},"format":")" + format + "\"}");
    EXPECT_EQ(response.status, 200) << response.body;
    simdjson::dom::parser parser;
    EXPECT_EQ(parser.parse(response.body).error(), simdjson::SUCCESS) << response.body;
    return response.body;
  };
  EXPECT_EQ(
      diff(""),
      R"({"version":"trace-patch-v0","base":{"traceId":"000000000000000000000000000000b1","spanCount":3},)"
      R"("compare":{"traceId":"000000000000000000000000000000b2","spanCount":3},)"
      R"("stats":{"spanCountA":3,"spanCountB":3,"matchedSpans":2,"modifiedSpans":2,"addedSpans":1,"removedSpans":1,)"
      R"("fieldChanges":3,"attributeChanges":1,"eventChanges":0,"truncated":false},"modified":[)"
      R"({"span":{"path":[0],"service":"order","name":"GET /","kind":"SPAN_KIND_SERVER"},"changes":[)"
      R"({"op":"modify","target":{"type":"field","name":"duration_nanos"},"before":100000000,"after":400000000},)"
      R"({"op":"modify","target":{"type":"field","name":"status"},"before":"STATUS_CODE_UNSET","after":"STATUS_CODE_ERROR"},)"
      R"({"op":"modify","target":{"type":"attribute","scope":"span","key":"user"},"before":"x","after":"y"}]},)"
      R"({"span":{"path":[0,0],"service":"db","name":"query","kind":"SPAN_KIND_CLIENT"},"changes":[)"
      R"({"op":"modify","target":{"type":"field","name":"duration_nanos"},"before":20000000,"after":320000000}]}],)"
      R"("added":[{"target":{"type":"span","parentPath":[0],"index":1},"span":{"path":[0,1],"service":"cache","name":"new",)"
      R"("kind":"SPAN_KIND_CLIENT","duration_nanos":5000000,"status":"STATUS_CODE_UNSET"}}],)"
      R"("removed":[{"target":{"type":"span","path":[0,1]},"span":{"path":[0,1],"service":"db","name":"old",)"
      R"("kind":"SPAN_KIND_CLIENT","duration_nanos":5000000,"status":"STATUS_CODE_UNSET"}}],"warnings":[]})");
  std::string summary = diff("trace-summary-v0-native");
  EXPECT_NE(
      summary.find(R"("signals":{"traceLatency":"increased","spanWork":"increased","errors":"increased",)"
                   R"("spanCount":"unchanged","structure":"changed"})"),
      std::string::npos)
      << summary;
  EXPECT_NE(summary.find(R"("changedServices":["cache","db","order"])"), std::string::npos) << summary;
  EXPECT_NE(
      summary.find(
          R"({"name":"order","spanWorkDeltaMs":300,"modified":1,"added":0,"removed":0,"newErrors":1,"resolvedErrors":0})"),
      std::string::npos)
      << summary;
  EXPECT_NE(summary.find(R"("durationDeltaMs":{"min":300,"max":300,"total":300})"), std::string::npos)
      << summary;
  std::string composed = diff("trace-summary-v0-composed");
  EXPECT_EQ(composed.find(
                R"({"version":"trace-summary-v0-composed","summary":{"version":"trace-summary-v0-native",)"),
            0u);
  EXPECT_NE(composed.find(R"("patch":{"version":"trace-patch-v0")"), std::string::npos);
  std::string tree = diff("obelisk-tree-v0");
  EXPECT_NE(tree.find(R"({"state":"added","depth":1,"parent":0,"service":"cache","name":"new",)"),
            std::string::npos)
      << tree;
  auto refused = [&](const std::string& body) { return get("/api/v2/traces/diff", {}, "POST", body); };
  EXPECT_EQ(refused(R"({"base":{"traceId":"b1"},"compare":{"traceId":"b9"}})").status, 404);
  EXPECT_EQ(refused(R"({"base":{"traceId":"b1"}})").status, 400);
  EXPECT_EQ(refused(R"({"base":{"traceId":"zz"},"compare":{"traceId":"b2"}})").status, 400);
  EXPECT_EQ(refused(R"({"base":{"traceId":"b1"},"compare":{"traceId":"b2"},"format":"x"})").status, 400);
  EXPECT_EQ(refused("not json").status, 400);
}

TEST_F(TempoApiTest, SearchesAndMetricsAsProtobuf) {
  HttpHeaders headers = {{"accept", "application/protobuf"}};
  HttpResponse response = get("/api/search?limit=1", headers);
  EXPECT_EQ(find_header(response.headers, "content-type"), "application/protobuf");
  EXPECT_EQ(field(field(response.body, 1), 3), "GET /health");
  response = get("/api/metrics/query_range?since=1m&exemplars=5&q=" + encoded("{} | max_over_time(duration)"),
                 headers);
  std::string series = field(response.body, 1);
  EXPECT_EQ(field(field(series, 1), 1), "__name__");
  EXPECT_EQ(field(field(field(series, 4), 1), 1), "trace:id");
  EXPECT_EQ(fields(get("/api/metrics/query?since=1m&q=" + encoded("{} | rate()"), headers).body, 1).size(),
            1u);
}

TEST_F(TempoApiTest, TenantsAreSeparate) {
  context_.multi_tenancy = true;
  EXPECT_EQ(get("/api/search").status, 401);
  EXPECT_EQ(get("/api/traces/2a", {{"x-scope-orgid", "other"}}).status, 404);
  EXPECT_EQ(call("Search", "")->status, GrpcStatus::unauthenticated);
}

TEST_F(TempoApiTest, StreamingSearch) {
  std::string request;
  protozero::pbf_writer writer(request);
  writer.add_string(8, "{ span.http.status_code = 502 }");
  writer.add_uint32(4, 10);
  writer.add_uint32(5, 1700000000);
  writer.add_uint32(6, 1700000100);
  std::string response = call_once("Search", request);
  std::string trace = field(response, 1);
  EXPECT_EQ(field(trace, 1), "566acdc19b877beb6c75892a54376696");
  EXPECT_EQ(field(trace, 2), "order");
  EXPECT_EQ(field(trace, 3), "POST /orders");
  std::string span = field(field(trace, 7), 1);
  EXPECT_EQ(field(span, 1), "0000000000000061");
  EXPECT_EQ(field(field(span, 5), 1), "http.status_code");
  EXPECT_EQ(fields(trace, 8).size(), 2u);
  // The old form: a map of tags.
  std::string entry;
  protozero::pbf_writer entry_writer(entry);
  entry_writer.add_string(1, "name");
  entry_writer.add_string(2, "health");
  std::string by_tags;
  protozero::pbf_writer(by_tags).add_message(1, entry);
  EXPECT_EQ(field(field(call_once("Search", by_tags), 1), 3), "GET /health");
  // Malformed bytes and queries.
  EXPECT_EQ(call("Search", "\x42\xff")->status, GrpcStatus::invalid_argument);
  std::string bad;
  protozero::pbf_writer(bad).add_string(8, "{ nonsense");
  auto sink = call("Search", bad);
  EXPECT_EQ(sink->status, GrpcStatus::invalid_argument);
  EXPECT_EQ(sink->text.find("parse error at line 1, col 3"), 0u) << sink->text;
}

TEST_F(TempoApiTest, LargeSearchesAreStreamedInPieces) {
  std::string text;
  for (int i = 1; i <= 3000; ++i) {
    text += "trace " + std::to_string(1000 + i) + "\n";
    text += "  z order \"" + std::string(300, 'x') + "\" " + std::to_string(i) + "ms 1ms\n";
  }
  WriteRequest write;
  write.batches.push_back(test_batch(text));
  ASSERT_TRUE(append_and_wait(store_, std::move(write)).ok());
  std::string request;
  protozero::pbf_writer(request).add_uint32(4, 5000);
  auto sink = call("Search", request);
  EXPECT_EQ(sink->status, GrpcStatus::ok);
  EXPECT_GT(sink->messages.size(), 2u);
  size_t traces = 0;
  for (const std::string& message : sink->messages) {
    EXPECT_LE(message.size(), 1u << 20);
    traces += fields(message, 1).size();
  }
  EXPECT_EQ(traces, 3002u);
}

TEST_F(TempoApiTest, LargeAnswersStreamInPackets) {
  traceql::MetricsResult result;
  result.step = kNanosPerSecond;
  result.point_count = 10;
  std::vector<traceql::TagValue> values;
  for (int i = 0; i < 100; ++i) {
    traceql::MetricsSeries series;
    series.labels.emplace_back("name", traceql::StoredValue::of_string(fmt::format("series {}", i)));
    series.values.assign(10, i);
    result.series.push_back(std::move(series));
    values.push_back({"string", fmt::format("value {}", i), 1});
  }
  for (size_t bytes_max : {size_t{1}, size_t{1000}, SIZE_MAX}) {
    size_t series = 0;
    std::vector<std::string> messages = tempo::encode_metrics_range_responses(result, bytes_max);
    for (const std::string& message : messages) {
      series += fields(message, 1).size();
      EXPECT_EQ(fields(message, 2).size(), 1u);  // each says what it cost
      EXPECT_TRUE(bytes_max != 1000 || message.size() < 1500) << message.size();
    }
    EXPECT_EQ(series, 100u);
    EXPECT_EQ(messages.size() == 1, bytes_max == SIZE_MAX);
    size_t texts = 0, typed = 0;
    for (const std::string& message : tempo::encode_tag_values_responses(values, {}, bytes_max))
      texts += fields(message, 1).size();
    for (const std::string& message : tempo::encode_typed_tag_values_responses(values, {}, bytes_max))
      typed += fields(message, 1).size();
    EXPECT_EQ(texts, 100u);
    EXPECT_EQ(typed, 100u);
  }
  EXPECT_EQ(tempo::encode_tag_values_responses({}, {}, 1).size(), 1u);
}

TEST_F(TempoApiTest, TagsAreProtobufWhereThatIsAccepted) {
  auto message = [&](std::string target) {
    HttpResponse response = get(std::move(target), {{"accept", "application/protobuf"}});
    EXPECT_EQ(response.status, 200) << response.body;
    EXPECT_EQ(find_header(response.headers, "content-type"), "application/protobuf");
    EXPECT_EQ(fields(response.body, 2).size(), 1u);  // what it cost
    return response.body;
  };
  EXPECT_EQ(
      fields(message("/api/search/tags"), 1),
      (std::vector<std::string>{"http.status_code", "inventory.demand", "ratio", "region", "service.name"}));
  std::string scope = field(message("/api/v2/search/tags?scope=resource"), 1);
  EXPECT_EQ(field(scope, 1), "resource");
  EXPECT_EQ(fields(scope, 2), (std::vector<std::string>{"region", "service.name"}));
  EXPECT_EQ(fields(message("/api/search/tag/service.name/values"), 1),
            (std::vector<std::string>{"order", "inventory"}));
  std::string value = field(message("/api/v2/search/tag/span.ratio/values"), 1);
  EXPECT_EQ(field(value, 1), "float");
  EXPECT_EQ(field(value, 2), "0.5");
}

TEST_F(TempoApiTest, StartAndEndOfATraceAreChecked) {
  std::string whole = json("/api/traces/2a");
  EXPECT_EQ(json("/api/traces/2a?start=1&end=2"), whole);
  EXPECT_EQ(json("/api/traces/2a?start=0&end="), whole);
  for (std::string wrong : {"start=x", "end=-1", "start=9&end=8"}) {
    error("/api/traces/2a?" + wrong, 400);
    error("/api/v2/traces/2a?" + wrong, 400);
  }
}

TEST_F(TempoApiTest, AStepOfZeroIsTheDefault) {
  std::string target = "/api/metrics/query_range?q=" + encoded("{} | rate()") + "&since=60s";
  EXPECT_EQ(json(target + "&step=0"), json(target));
}

TEST_F(TempoApiTest, StreamingTagsAndMetrics) {
  EXPECT_EQ(
      fields(call_once("SearchTags", ""), 1),
      (std::vector<std::string>{"http.status_code", "inventory.demand", "ratio", "region", "service.name"}));
  std::string scope;
  protozero::pbf_writer(scope).add_string(1, "resource");
  std::string found = field(call_once("SearchTagsV2", scope), 1);
  EXPECT_EQ(field(found, 1), "resource");
  EXPECT_EQ(fields(found, 2), (std::vector<std::string>{"region", "service.name"}));
  std::string tag;
  protozero::pbf_writer(tag).add_string(1, "resource.service.name");
  EXPECT_EQ(fields(call_once("SearchTagValues", tag), 1), (std::vector<std::string>{"order", "inventory"}));
  std::string value = field(call_once("SearchTagValuesV2", tag), 1);
  EXPECT_EQ(field(value, 1), "string");
  EXPECT_EQ(field(value, 2), "order");
  std::string metrics;
  protozero::pbf_writer writer(metrics);
  writer.add_string(1, "{} | count_over_time()");
  writer.add_uint64(2, static_cast<uint64_t>(kTestEpoch));
  writer.add_uint64(3, static_cast<uint64_t>(kTestEpoch + 60 * kNanosPerSecond));
  writer.add_uint64(4, static_cast<uint64_t>(60 * kNanosPerSecond));
  std::string series = field(call_once("MetricsQueryRange", metrics), 1);
  EXPECT_EQ(field(field(series, 1), 1), "__name__");
  std::string first = fields(series, 2).at(0);
  protozero::pbf_reader sample(first);
  ASSERT_TRUE(sample.next(1));
  EXPECT_EQ(sample.get_double(), 3);
  ASSERT_TRUE(sample.next(2));
  EXPECT_EQ(sample.get_int64(), kTestEpoch / kNanosPerMilli + 60'000);
  EXPECT_EQ(fields(call_once("MetricsQueryInstant", metrics), 1).size(), 1u);
}

}  // namespace
}  // namespace obelisk
