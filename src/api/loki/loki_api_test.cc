// The shapes and traps of Loki's API, asked for as Grafana and logcli ask.
#include <set>

#include "api/loki/stream_lookup.h"
#include "api/loki/test_loki_api.h"

namespace obelisk::loki {
namespace {

class QueryApi : public LokiApiTest {
 protected:
  QueryApi() {
    Labels web{{"app", "web"}, {"env", "prod"}}, api{{"app", "api"}, {"env", "prod"}};
    write({{web, 10, "level=info took=12ms", {}},
           {web, 20, "level=error took=1.5s", {{"trace.id", "t1"}}},
           {api, 30, R"({"level":"warn","size":3})", {}},
           {api, 40, "plain \"text\"\n", {}}});
  }
};

TEST_F(QueryApi, StreamsHaveStringTimesNewestFirst) {
  EXPECT_EQ(
      without_stats(query("query_range", "{env=\"prod\"}",
                          "&limit=3&direction=BACKWARD&start=1700000000&end=1700000100&step=15000ms")),
      R"({"status":"success","data":{"resultType":"streams","result":[)"
      R"({"stream":{"app":"api","env":"prod"},"values":[["1700000040000000000","plain \"text\"\n"],["1700000030000000000","{\"level\":\"warn\",\"size\":3}"]]},)"
      R"({"stream":{"app":"web","env":"prod","trace_id":"t1"},"values":[["1700000020000000000","level=error took=1.5s"]]}]}})");
  std::string stats = json(query("query_range", "{app=\"web\"} |= \"error\"", "&start=1700000000"));
  EXPECT_NE(stats.find("\"totalEntriesReturned\":1"), std::string::npos);
  EXPECT_NE(stats.find("\"totalLinesProcessed\":1"), std::string::npos)
      << "the line filter is the store's work";
}

TEST_F(QueryApi, CategorisedLabelsGoWithEachEntry) {
  HttpHeaders headers{{"x-loki-response-encoding-flags", "categorize-labels"}};
  EXPECT_EQ(
      without_stats(query("query_range", "{app=\"web\"} | logfmt | level=\"error\"", "&start=1700000000"),
                    headers),
      R"({"status":"success","data":{"resultType":"streams","encodingFlags":["categorize-labels"],"result":[)"
      R"({"stream":{"app":"web","env":"prod"},"values":[["1700000020000000000","level=error took=1.5s",)"
      R"({"structuredMetadata":{"trace_id":"t1"},"parsed":{"level":"error","took":"1.5s"}}]]}]}})");
  EXPECT_EQ(
      without_stats(query("query_range", "vector(1)", "&start=1700000000&end=1700000001&step=1"), headers),
      R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1700000000,"1"],[1700000001,"1"]]}]}})");
}

TEST_F(QueryApi, GrafanasHealthCheck) {
  EXPECT_EQ(
      without_stats(query("query", "vector(1)+vector(1)", "&direction=backward&time=4000000000")),
      R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[4000000000,"2"]}]}})");
  EXPECT_EQ(without_stats(query("query", "1+1", "&time=1700000000.5")),
            R"({"status":"success","data":{"resultType":"scalar","result":[1700000000.5,"2"]}})");
}

TEST_F(QueryApi, MatricesHaveFloatSecondsAndGaps) {
  EXPECT_EQ(
      without_stats(query("query_range", "sum by (app) (count_over_time({env=\"prod\"}[10s]))",
                          "&start=2023-11-14T22:13:30Z&end=1700000030000000000&step=10")),
      R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{"app":"api"},"values":[[1700000030,"1"]]},)"
      R"({"metric":{"app":"web"},"values":[[1700000010,"1"],[1700000020,"1"]]}]}})");
}

TEST_F(QueryApi, FormsWorkLikeQueryStrings) {
  HttpHeaders form{{"content-type", "application/x-www-form-urlencoded"}};
  auto sink = send("POST", "/loki/api/v1/query", form,
                   "query=" + percent_encode("count_over_time({app=\"api\"}[1m])") + "&time=1700000050");
  ASSERT_TRUE(sink->answer);
  EXPECT_NE(sink->answer->body.find(R"("value":[1700000050,"2"])"), std::string::npos) << sink->answer->body;
}

TEST_F(QueryApi, ErrorsAreTextWithLokisWords) {
  EXPECT_NE(error(query("query", "{app=\"web\"}"), 400)
                .find("log queries are not supported as an instant query type"),
            std::string::npos);
  EXPECT_NE(error(query("query_range", "{app=\"web\"} |= "), 400)
                .find("parse error at line 1, col 16: syntax error: unexpected $end"),
            std::string::npos);
  EXPECT_NE(error(query("query_range", "rate({app=\"web\"}[1m])", "&start=1&end=1000000&step=1"), 400)
                .find("exceeded maximum resolution of 11,000 points"),
            std::string::npos);
  EXPECT_NE(
      error(query("query_range", "{app=\"web\"}", "&limit=5001"), 400)
          .find("max entries limit per query exceeded, limit > max_entries_limit_per_query (5001 > 5000)"),
      std::string::npos);
  EXPECT_NE(error(query("query_range", "{app=\"web\"}", "&start=1700000100&end=1700000000"), 400)
                .find("end timestamp must not be before or equal to start time"),
            std::string::npos);
  EXPECT_NE(error(query("query_range", "{app=\"web\"}", "&direction=up"), 400).find("invalid direction 'up'"),
            std::string::npos);
  EXPECT_NE(error(query("query_range", "{app=\"web\"}", "&start=yesterday"), 400).find("invalid start"),
            std::string::npos);
  EXPECT_NE(
      error(query("query_range", "{app=\"web\"}", "&step=0"), 400).find("zero or negative query resolution"),
      std::string::npos);
  EXPECT_NE(
      error(query("query_range", "{app=\"web\"}", "&limit=0"), 400).find("limit must be a positive value"),
      std::string::npos);
  for (const char* range :
       {"&start=-9223372036854775808&end=9223372036854775807", "&start=9999999999", "&since=9e18",
        "&start=0&end=9000000000", "&start=-9000000000&end=-8999999999&since=-9e9"}) {
    auto sink = send("GET", query("query_range", "rate({app=\"web\"}[200y] offset 90y)", range));
    ASSERT_TRUE(sink->answer);
    EXPECT_EQ(sink->answer->status, 400) << range << sink->answer->body;
  }
  EXPECT_NE(error("/loki/api/v1/query_range", 400).find("query"), std::string::npos);
  EXPECT_NE(
      error(query("query", "sum_over_time({app=\"web\"} | logfmt | unwrap level [1m])", "&time=1700000050"),
            400)
          .find("SampleExtractionErr"),
      std::string::npos);
}

TEST_F(QueryApi, SeriesLimit) {
  std::vector<LogLine> lines;
  for (int i = 0; i < 501; ++i) lines.push_back({Labels{{"many", std::to_string(i)}}, 50, "x", {}});
  write(lines);
  EXPECT_NE(error(query("query", "count_over_time({many=~\".+\"}[1m])", "&time=1700000060"), 400)
                .find("maximum number of series (500) reached"),
            std::string::npos);
  EXPECT_NE(
      json(query("query", "sum(count_over_time({many=~\".+\"}[1m]))", "&time=1700000060")).find("\"501\""),
      std::string::npos);
}

TEST_F(QueryApi, LimitsOfTenants) {
  std::vector<LogLine> lines;
  for (int i = 0; i < 50; ++i) lines.push_back({Labels{{"app", "long"}}, i, "line " + std::to_string(i), {}});
  write(lines);
  std::string all = "&start=1700000000&end=1700000100";
  std::string sum = "sum(count_over_time({app=\"long\"} |= \"line\" [1m]))";
  json(query("query", sum, "&time=1700000060"));
  context_.log_limits.tenants[kDefaultTenant].lines_read_max = 40;
  EXPECT_EQ(
      error(query("query", sum, "&time=1700000060"), 400),
      "the query would read too many lines (query: 54, limit: 40); consider adding more specific stream "
      "selectors or reduce the time range of the query\n");
  EXPECT_NE(error(query("query_range", "{app=\"long\"} |= \"absent\"", all), 400).find("too many lines"),
            std::string::npos);
  EXPECT_NE(error(query("patterns", "{app=\"long\"}", all), 400).find("too many lines"), std::string::npos);
  // Others read as before.
  context_.log_limits.tenants = {{"other", context_.log_limits.tenants[kDefaultTenant]}};
  json(query("query", sum, "&time=1700000060"));

  LogQueryLimits& limits = context_.log_limits.all;
  limits.length_nanos_max = 60 * kNanosPerSecond;
  EXPECT_EQ(error(query("query_range", "{app=\"long\"}", all), 400),
            "the query time range exceeds the limit (query length: 1m40s, limit: 1m0s)\n");
  error("/loki/api/v1/labels?start=1700000000&end=1700000100", 400);
  limits = {};
  limits.lookback_nanos_max = 60 * kNanosPerSecond;  // now is second 100
  std::string seen = json(query("query_range", "{app=\"long\"}", all));
  EXPECT_EQ(seen.find("line 39"), std::string::npos) << seen;
  EXPECT_NE(seen.find("line 40"), std::string::npos) << seen;
  EXPECT_NE(error(query("query_range", "{app=\"long\"}", "&start=1700000000&end=1700000020"), 400)
                .find("max_query_lookback (1m0s)"),
            std::string::npos);
  error(query("query", sum, "&time=1700000030"), 400);
  limits = {};
  limits.entries_max = 10;
  limits.series_max = 1;
  EXPECT_NE(error(query("query_range", "{app=\"long\"}", "&limit=11"), 400).find("(11 > 10)"),
            std::string::npos);
  EXPECT_NE(text("/config/tenant/v1/limits").find("max_entries_limit_per_query: 10\nmax_query_series: 1\n"),
            std::string::npos);
  EXPECT_NE(json("/loki/api/v1/drilldown-limits").find("\"max_query_series\":1,"), std::string::npos);
}

TEST(LogLimits, OfSeveralTenantsTheTightest) {
  LogLimits limits;
  limits.all.bytes_read_max = 5;
  limits.tenants["a"] = {100, 50, 0, 7, 0, 3};
  limits.tenants["b"] = {10, 500, 9, 0, 4, 0};
  LogQueryLimits both = limits.of("a|b");
  EXPECT_EQ(both.entries_max, 10u);
  EXPECT_EQ(both.series_max, 50u);
  EXPECT_EQ(both.length_nanos_max, 9);
  EXPECT_EQ(both.lookback_nanos_max, 7);
  EXPECT_EQ(both.bytes_read_max, 4u);
  EXPECT_EQ(both.lines_read_max, 3u);
  EXPECT_EQ(limits.of("c").bytes_read_max, 5u);
  EXPECT_EQ(limits.of("a|c").bytes_read_max, 5u);
}

TEST_F(QueryApi, LabelsAndSeries) {
  std::string range = "?start=1700000000000000000&end=1700000100000000000";
  EXPECT_EQ(json("/loki/api/v1/labels" + range), R"({"status":"success","data":["app","env"]})");
  EXPECT_EQ(json("/loki/api/v1/label" + range), R"({"status":"success","data":["app","env"]})");
  EXPECT_EQ(json("/loki/api/v1/label/app/values" + range), R"({"status":"success","data":["api","web"]})");
  EXPECT_EQ(json("/loki/api/v1/label/app/values" + range + "&query=" + percent_encode("{app=~\"w.+\"}")),
            R"({"status":"success","data":["web"]})");
  EXPECT_EQ(json("/loki/api/v1/label/app/values?start=1700000000&end=1700000015"),
            R"({"status":"success","data":["web"]})");
  EXPECT_EQ(json("/loki/api/v1/series" + range + "&match[]=" + percent_encode("{app=\"web\"}") +
                 "&match[]=" + percent_encode("{env=\"prod\"}")),
            R"({"status":"success","data":[{"app":"api","env":"prod"},{"app":"web","env":"prod"}]})");
  EXPECT_EQ(json("/loki/api/v1/detected_labels" + range),
            R"({"detectedLabels":[{"label":"app","cardinality":2},{"label":"env","cardinality":1}]})");
  EXPECT_NE(error("/loki/api/v1/series" + range + "&match[]=" + percent_encode("{app=\"web\"} | json"), 400)
                .find("unexpected |"),
            std::string::npos);
}

TEST_F(QueryApi, VolumesAreExact) {
  std::string range = "&start=1700000000&end=1700000100";
  EXPECT_EQ(
      without_stats(query("index/volume", "{env=\"prod\"}", range + "&targetLabels=app")),
      R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{"app":"web"},"value":[1700000100,"41"]},)"
      R"({"metric":{"app":"api"},"value":[1700000100,"38"]}]}})");
  EXPECT_EQ(
      without_stats(query("index/volume", "{env=\"prod\"}", range)),
      R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{"env":"prod"},"value":[1700000100,"79"]}]}})");
  EXPECT_EQ(
      without_stats(query("index/volume", "{env=\"prod\"}", range + "&aggregateBy=labels&limit=1")),
      R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{"app":""},"value":[1700000100,"79"]}]}})");
  EXPECT_NE(error(query("index/volume", "{env=\"prod\"}", range + "&aggregateBy=app"), 400)
                .find("invalid aggregation option"),
            std::string::npos);
  EXPECT_EQ(
      without_stats(
          query("index/volume_range", "{app=\"web\"}", "&start=1700000000&end=1700000030&step=15s")),
      R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{"app":"web"},"values":[[1700000015,"20"],[1700000030,"21"]]}]}})");
  EXPECT_NE(
      json(query("index/stats", "{app=\"web\"}", range)).find("{\"streams\":1,\"chunks\":0,\"entries\":2,"),
      std::string::npos);
  EXPECT_EQ(json(query("index/stats", "{app=\"none\"}", range)),
            R"({"streams":0,"chunks":0,"entries":0,"bytes":0})");
}

TEST_F(QueryApi, ManyStreamsComeInPages) {
  std::vector<LogLine> lines{{Labels{{"job", "many"}}, 1, "x", {}},
                             {Labels{{"job", "many"}, {"zone", "z"}}, 1, "x", {}}};
  for (int i = 0; i < 10; ++i)
    lines.push_back(
        {Labels{{"job", "many"}, {"pod", std::to_string(i)}, {"zone", i < 5 ? "a" : "b"}}, i, "x", {}});
  write(lines);
  Result<std::shared_ptr<QueryRun>> run = enter_query(context_, kDefaultTenant, {}, 0);
  ASSERT_TRUE(run.ok());
  LokiCall call{context_, nullptr, Parameters(), *run, {}};
  TimeRange range{{kTestEpoch * kNanosPerSecond}, {(kTestEpoch + 100) * kNanosPerSecond}};
  Result<Scan> streams = stream_scan(call, *selector_matchers("{job=\"many\"}"), range);
  ASSERT_TRUE(streams.ok());
  std::multiset<Labels> seen;
  std::vector<size_t> sizes, left;
  auto visit = [&](const std::vector<Labels>& page, size_t pages_left) {
    seen.insert(page.begin(), page.end());
    sizes.push_back(page.size());
    left.push_back(pages_left);
  };
  ASSERT_TRUE(visit_streams(call, *streams, visit, 4).ok());
  EXPECT_EQ(sizes, (std::vector<size_t>{2, 4, 4, 2}));  // without a pod, then by pods
  EXPECT_EQ(left, (std::vector<size_t>{3, 2, 1, 0}));
  EXPECT_EQ(seen.size(), 12u);
  EXPECT_EQ(std::set<Labels>(seen.begin(), seen.end()).size(), 12u);
}

TEST_F(QueryApi, DetectedFields) {
  std::string range = "&start=1700000000&end=1700000100";
  EXPECT_EQ(
      json(query("detected_fields", "{env=\"prod\"}", range)),
      R"({"fields":[{"label":"level","type":"string","cardinality":3,"parsers":["json","logfmt"],"jsonPath":["level"]},)"
      R"({"label":"size","type":"int","cardinality":1,"parsers":["json"],"jsonPath":["size"]},)"
      R"({"label":"took","type":"duration","cardinality":2,"parsers":["logfmt"]},)"
      R"({"label":"trace_id","type":"string","cardinality":1,"parsers":null}],"limit":1000})");
  EXPECT_EQ(json(query("detected_field/level/values", "{app=\"web\"}", range)),
            R"({"values":["error","info"],"limit":1000})");
  EXPECT_NE(error(query("detected_fields", "rate({app=\"web\"}[1m])", range), 400).find("only log selector"),
            std::string::npos);
}

TEST_F(QueryApi, FormatAndStatus) {
  EXPECT_EQ(json(query("format_query", "sum(rate({app=\"web\"}|=\"x\"[1m]))")),
            R"x({"status":"success","data":"sum(rate({app=\"web\"} |= \"x\" [1m]))"})x");
  auto invalid = send("GET", query("format_query", "sum(")).get()->answer;
  ASSERT_TRUE(invalid);
  EXPECT_EQ(invalid->status, 400);
  EXPECT_NE(invalid->body.find("\"status\":\"invalid-query\""), std::string::npos);
  EXPECT_NE(json("/loki/api/v1/status/buildinfo").find("\"version\":\"3."), std::string::npos);
  EXPECT_NE(json("/loki/api/v1/drilldown-limits").find("\"pattern_ingester_enabled\":true"),
            std::string::npos);
  EXPECT_NE(text("/config/tenant/v1/limits").find("max_query_series: 500"), std::string::npos);
  for (const char* path : {"/loki/api/v2alpha/tail", "/api/prom/query"}) error(path, 404);
}

TEST_F(QueryApi, PatternsCountEveryLine) {
  Labels web{{"app", "pay"}};
  write({{web, 100, "paid 12 EUR by alice", {{"detected_level", "info"}}},
         {web, 101, "paid 9 EUR by bob", {{"detected_level", "info"}}},
         {web, 131, "paid 7 EUR by carol", {{"detected_level", "info"}}},
         {web, 140, "refused", {}}});
  std::string range = "&start=1700000100&end=1700000160&step=30s";
  EXPECT_EQ(
      json(query("patterns", "{app=\"pay\"}", range)),
      R"({"status":"success","data":[{"pattern":"paid <_> EUR by <_>","level":"info","samples":[[1700000100,2],[1700000130,1]]},)"
      R"({"pattern":"refused","samples":[[1700000130,1]]}]})");
  EXPECT_EQ(json(query("patterns", "{app=\"pay\"} |= \"refused\"", range)),
            R"({"status":"success","data":[{"pattern":"refused","samples":[[1700000130,1]]}]})");
  // What is not shown is counted: all samples together are all lines.
  EXPECT_EQ(
      json(query("patterns", "{app=\"pay\"}", range + "&limit=1")),
      R"({"status":"success","data":[{"pattern":"paid <_> EUR by <_>","level":"info","samples":[[1700000100,2],[1700000130,1]]}],)"
      R"("others":{"lines":1,"patterns":1,"samples":[[1700000130,1]]},)"
      R"("warnings":["1 lines are in none of the 1 patterns: see others"]})");
  // What is found selects the lines it was found in.
  EXPECT_NE(json(query("query", "sum(count_over_time({app=\"pay\"} |> \"paid <_> EUR by <_>\" [1m]))",
                       "&time=1700000159"))
                .find(R"("value":[1700000159,"3"])"),
            std::string::npos);
  EXPECT_NE(error(query("patterns", "rate({app=\"pay\"}[1m])", range), 400).find("only log selector"),
            std::string::npos);
  EXPECT_NE(error(query("patterns", "{app=\"pay\"}", "&start=1700000100&end=1700009100&step=1s"), 400)
                .find("exceeded maximum resolution"),
            std::string::npos);
}

TEST_F(QueryApi, ShardsAndFormatsThatAreNotOurs) {
  std::string shards = json(
      query("index/shards", "{app=\"web\"}", "&start=1700000000&end=1700000100&targetBytesPerShard=100"));
  EXPECT_NE(shards.find(R"({"shards":[{"bounds":{"min":0,"max":18446744073709551615},"stats":{"streams":1,)"),
            std::string::npos)
      << shards;
  HttpHeaders parquet{{"accept", "application/vnd.apache.parquet"}};
  auto refused = send("GET", query("query_range", "{app=\"web\"}"), parquet)->answer;
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 400);
  EXPECT_NE(refused->body.find("parquet are not supported"), std::string::npos);
  EXPECT_EQ(json("/api/prom/label?start=1700000000&end=1700000100"), R"({"values":["app","env"]})");
  EXPECT_EQ(json("/api/prom/label/app/values?start=1700000000&end=1700000100"),
            R"({"values":["api","web"]})");
}

TEST_F(QueryApi, SeveralTenantsAtOnce) {
  context_.multi_tenancy = true;
  for (const char* tenant : {"red", "blue"}) {
    BatchBuilder builder(Table::logs);
    std::vector<LabelRef> labels{{"app", "web"}};
    for (int i = 0; i < 3; ++i) {
      builder.begin_group_copy(labels);
      builder.add_row({(kTestEpoch + 10 + i) * kNanosPerSecond});
      builder.set_string(Scope::fixed, column::kLine, builder.arena().copy(std::string(tenant) + " line"));
    }
    WriteRequest request;
    request.tenant = tenant;
    request.batches.push_back(builder.finish());
    ASSERT_TRUE(append_and_wait(store_, std::move(request)).ok());
  }
  HttpHeaders both{{"x-scope-orgid", "red|blue|red"}};
  std::string range = "&start=1700000000&end=1700000100";
  EXPECT_EQ(
      without_stats(query("query_range", "{app=\"web\"}", range + "&limit=3"), both),
      R"({"status":"success","data":{"resultType":"streams","result":[)"
      R"({"stream":{"__tenant_id__":"blue","app":"web"},"values":[["1700000012000000000","blue line"],["1700000011000000000","blue line"]]},)"
      R"({"stream":{"__tenant_id__":"red","app":"web"},"values":[["1700000012000000000","red line"]]}]}})");
  EXPECT_NE(json(query("query",
                       "sum by (__tenant_id__) (count_over_time({app=\"web\", __tenant_id__!=\"blue\"}[1m]))",
                       "&time=1700000050"),
                 both)
                .find(R"("result":[{"metric":{"__tenant_id__":"red"},"value":[1700000050,"3"]}])"),
            std::string::npos);
  EXPECT_EQ(json("/loki/api/v1/label/__tenant_id__/values?start=1700000000&end=1700000100", both),
            R"({"status":"success","data":["blue","red"]})");
  auto refused = send("GET", "/loki/api/v1/labels", {{"x-scope-orgid", "red|../x"}})->answer;
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 400);
}

TEST_F(QueryApi, RulesAreKeptAndEvaluated) {
  auto ask = [&](const char* method, const std::string& path, const std::string& body = "") {
    return send(method, path, {}, body)->answer.value_or(HttpResponse{0, {}, {}});
  };
  const std::string root = "/loki/api/v1/rules";
  EXPECT_EQ(ask("GET", root).status, 404);
  HttpResponse made = ask("POST", root + "/shop%2Fteam",
                          "name: errors\ninterval: 30s\nrules:\n- alert: Errors\n"
                          "  expr: sum by (app) (count_over_time({app=\"web\"} |= \"error\" [5m])) > 0\n"
                          "  labels: {severity: page}\n");
  EXPECT_EQ(made.status, 202) << made.body;
  EXPECT_EQ(made.body, R"({"status":"success","data":null,"errorType":"","error":""})");
  const std::string group =
      "name: \"errors\"\ninterval: 30s\nrules:\n- alert: \"Errors\"\n"
      "  expr: \"sum by (app) (count_over_time({app=\\\"web\\\"} |= \\\"error\\\" [5m])) > 0\"\n"
      "  labels:\n    \"severity\": \"page\"\n";
  EXPECT_EQ(ask("GET", root + "/shop%2Fteam/errors").body, group);
  EXPECT_EQ(ask("GET", root).body.substr(0, 40), "\"shop/team\":\n- name: \"errors\"\n  interval");
  EXPECT_EQ(ask("GET", "/api/prom/rules/shop%2Fteam").status, 200);
  rule_manager_.evaluate_all(clock_.now());
  std::string rules = json("/prometheus/api/v1/rules");
  EXPECT_NE(rules.find(R"("name":"errors","file":"shop/team")"), std::string::npos) << rules;
  EXPECT_NE(rules.find(R"("state":"firing","name":"Errors")"), std::string::npos) << rules;
  EXPECT_EQ(json("/prometheus/api/v1/rules?type=record").find("Errors"), std::string::npos);
  EXPECT_NE(json("/prometheus/api/v1/alerts")
                .find(R"("labels":{"alertname":"Errors","app":"web","severity":"page"})"),
            std::string::npos);
  HttpResponse bad = ask("POST", root + "/shop", "name: g\nrules: [{alert: A, expr: 'rate({app='}]\n");
  EXPECT_EQ(bad.status, 400);
  EXPECT_NE(bad.body.find("parse error"), std::string::npos) << bad.body;
  EXPECT_EQ(ask("DELETE", root + "/shop%2Fteam/none").status, 404);
  EXPECT_EQ(ask("DELETE", root + "/shop%2Fteam/errors").status, 202);
  EXPECT_EQ(ask("GET", root + "/shop%2Fteam").status, 404);
  EXPECT_EQ(json("/prometheus/api/v1/rules"),
            R"({"status":"success","data":{"groups":[]},"errorType":"","error":""})");
}

TEST_F(QueryApi, DeletesAreExact) {
  auto ask = [&](const char* method, const std::string& parameters) {
    return send(method, "/loki/api/v1/delete?" + parameters)->answer.value_or(HttpResponse{0, {}, {}});
  };
  auto lines = [&] {  // entries begin with their time
    std::string body = json(query("query_range", "{env=\"prod\"}", "&start=1700000000&end=1700000100"));
    size_t count = 0;
    for (size_t at = 0; (at = body.find("[\"17", at)) != std::string::npos; ++at) ++count;
    return count;
  };
  auto request = [&](const std::string& text, const std::string& rest = "&start=1700000000&end=1700000100") {
    return ask("POST", "query=" + percent_encode(text) + rest);
  };
  auto before = lines();
  EXPECT_EQ(request("{env=\"prod\"} |= \"level=error\"").status, 204);
  EXPECT_EQ(request("{app=\"api\"} != \"warn\"", "&start=1700000000&end=1700000040").status, 204);
  EXPECT_EQ(request("{app=\"web\"}").status, 204);
  simdjson::dom::parser parser;
  std::string listed = ask("GET", "").body;
  auto list = parser.parse(listed);
  ASSERT_EQ(list.error(), simdjson::SUCCESS);
  EXPECT_NE(
      listed.find(
          R"("start_time":1700000000,"end_time":1700000100,"query":"{app=\"web\"}","status":"received")"),
      std::string::npos)
      << listed;
  std::string third(list.at(2)["request_id"].get_string().value());
  deletes_->run_due();
  EXPECT_EQ(lines(), before) << "the cancel period has not passed";
  EXPECT_EQ(ask("DELETE", "request_id=" + third).status, 204);
  EXPECT_EQ(ask("DELETE", "request_id=nothing").status, 404);
  // Requests survive a restart.
  deletes_->stop();
  auto again = std::move(*DeleteService::open(disk_, store_, store_, clock_, {3600 * kNanosPerSecond, {}}));
  ASSERT_EQ(again->requests(kDefaultTenant).size(), 2u);
  clock_.advance(3600 * kNanosPerSecond);
  again->run_due();
  EXPECT_EQ(lines(), before - 2) << "the line at the end of the range counts";
  EXPECT_NE(
      json(query("query_range", "{env=\"prod\"}", "&start=1700000000&end=1700000100")).find("level=info"),
      std::string::npos);
  EXPECT_TRUE(again->requests(kDefaultTenant)[0].processed);
  EXPECT_FALSE(again->cancel(kDefaultTenant, again->requests(kDefaultTenant)[0].id, false).ok());
  EXPECT_TRUE(again->cancel(kDefaultTenant, again->requests(kDefaultTenant)[0].id, true).ok());

  EXPECT_EQ(request("{app=\"web\"} | json").status, 400);
  EXPECT_EQ(request("{app=\"web\"} |= ip(\"10.0.0.1\")").status, 400);
  EXPECT_EQ(request("rate({app=\"web\"}[1m])").status, 400);
  EXPECT_EQ(request("{app=\"web\"", "&start=1").status, 400);
  EXPECT_EQ(request("{app=\"web\"}", "").status, 400);
  EXPECT_EQ(request("{app=\"web\"}", "&start=1700000000&end=1900000000").status, 400);
}

TEST_F(QueryApi, RetentionBySelectorAndLevel) {
  Labels app{{"app", "old"}};
  write({{app, -86'400 * 3, "three days", {{"detected_level", "debug"}}},
         {app, -86'400 * 3 + 1, "three days", {{"detected_level", "error"}}},
         {app, 0, "now", {{"detected_level", "debug"}}}});
  DeleteService::Options options;
  options.retention = {
      {kDefaultTenant, "{app=\"old\"} | detected_level=\"debug\"", 86'400 * kNanosPerSecond}};
  auto retention = std::move(*DeleteService::open(disk_, store_, store_, clock_, options));
  retention->run_due();
  std::string left = json(query("query_range", "{app=\"old\"}", "&start=1699000000&end=1700000100"));
  EXPECT_NE(left.find("\"error\""), std::string::npos) << left;
  EXPECT_NE(left.find("now"), std::string::npos) << left;
  EXPECT_EQ(left.find("\"detected_level\":\"debug\"},\"values\":[[\"16997"), std::string::npos) << left;
}

TEST_F(QueryApi, DeletionByStructuredMetadata) {
  Labels plain{{"app", "meta"}}, labelled{{"app", "meta"}, {"user", "ann"}};
  write({{plain, 1, "of ann", {{"user", "ann"}, {"tier", "free"}}},
         {plain, 2, "of bob", {{"user", "bob"}, {"tier", "paid"}}},
         {plain, 3, "of cid", {{"user", "cid"}, {"tier", "free"}}},
         {plain, 4, "of nobody", {}},
         {labelled, 5, "of the stream", {{"user", "bob"}}}});
  auto left = [&] {
    std::string body = json(query("query_range", "{app=\"meta\"}", "&start=1700000000&end=1700000100"));
    std::string found;
    for (const char* line : {"of ann", "of bob", "of cid", "of nobody", "of the stream"})
      found += body.find(line) == std::string::npos ? '-' : line[3];
    return found;
  };
  DeleteService::Options options;
  auto deletes = std::move(*DeleteService::open(disk_, store_, store_, clock_, options));
  auto erase = [&](const std::string& what) {
    Result<std::string> id = deletes->add(kDefaultTenant, what, {{0}, {clock_.now()}});
    EXPECT_TRUE(id.ok()) << id.error().to_string();
    deletes->run_due();
    return left();
  };
  EXPECT_EQ(erase("{app=\"meta\"} | user=\"cid\" and tier=\"paid\""), "abcnt");
  EXPECT_EQ(erase("{app=\"meta\"} | user=\"bob\""), "a-cnt");       // the stream's label hides its metadata
  EXPECT_EQ(erase("{app=\"meta\"} | user!~\"ann|bob\""), "a--nt");  // no value: not deleted
  EXPECT_EQ(erase("{app=\"meta\"} | user=\"ann\", tier=\"free\" or tier=\"gold\""), "---nt");
  EXPECT_EQ(erase("{app=\"meta\"} | user=\"ann\""), "---n-");
  for (const char* refused : {"{app=\"meta\"} | n > 5", "{app=\"meta\"} | json | user=\"ann\"",
                              "{app=\"meta\"} | __error__=\"\"", "{app=\"meta\"} |> \"of <_>\""}) {
    Result<std::string> id = deletes->add(kDefaultTenant, refused, {{0}, {clock_.now()}});
    ASSERT_FALSE(id.ok()) << refused;
    EXPECT_NE(id.error().message.find("cannot delete by"), std::string::npos) << id.error().message;
  }
}

TEST_F(QueryApi, TenantsAreApart) {
  context_.multi_tenancy = true;
  error("/loki/api/v1/labels", 401);
  EXPECT_EQ(json("/loki/api/v1/labels", {{"x-scope-orgid", "other"}}), R"({"status":"success","data":[]})");
}

}  // namespace
}  // namespace obelisk::loki
