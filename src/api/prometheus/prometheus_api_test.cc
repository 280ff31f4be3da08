// The shapes, statuses and traps of Prometheus' API, asked for as Grafana asks.
#include "api/prometheus/prometheus_api.h"

#include <gtest/gtest.h>

#include <optional>

#include "api/prometheus/escaped_name.h"
#include "api/request/recording_sinks.h"
#include "ingest/intake.h"
#include "pipeline/pipeline.h"
#include "storage/memory/memory_store.h"

namespace obelisk {
namespace {

struct Reply {
  int status = 0;
  std::string body;
};

class PrometheusApiTest : public testing::Test {
 protected:
  PrometheusApiTest() : PrometheusApiTest(PrometheusProviders()) {}
  explicit PrometheusApiTest(PrometheusProviders providers) {
    register_prometheus_api(router_, context_, std::move(providers));
    BatchBuilder samples(Table::samples);
    for (const char* instance : {"a", "b"}) {
      add_group(samples, Labels{{"__name__", "up"}, {"job", "shop"}, {"instance", instance}});
      for (int64_t i = 0; i <= 10; ++i) {
        samples.add_row(UnixNanos::from_millis(i * 15'000));
        samples.set_float(Scope::fixed, column::kValue, instance[0] == 'a' ? static_cast<double>(i) : 1);
      }
    }
    add_group(samples, Labels{{"__name__", "http.latency"}, {"label.x", "y"}});
    samples.add_row(UnixNanos::from_millis(1000));
    Histogram histogram;
    histogram.count = 5;
    histogram.sum = 6.5;
    histogram.zero_count = 1;
    histogram.zero_threshold = 0.001;
    histogram.positive_spans = {{0, 2}};
    histogram.positive_counts = {1, 3};
    std::string bytes = encode_histogram(histogram);
    samples.set_string(Scope::fixed, column::kHistogram, samples.arena().copy(bytes), ColumnType::bytes);

    BatchBuilder exemplars(Table::exemplars);
    add_group(exemplars, Labels{{"__name__", "latency_bucket"}, {"job", "shop"}, {"le", "0.5"}});
    exemplars.add_row(UnixNanos::from_millis(30'250));
    exemplars.set_float(Scope::fixed, column::kValue, 0.25);
    exemplars.set_string(Scope::attribute, "trace_id", "566acdc19b877beb6c75892a54376696");

    BatchBuilder metadata(Table::metadata);
    for (const char* help : {"old", "Whether the target answers"}) {
      metadata.add_row({help[0] == 'o' ? 1 : 2});
      metadata.set_string(Scope::fixed, column::kMetricFamily, "up");
      metadata.set_string(Scope::fixed, column::kMetricType, "gauge");
      metadata.set_string(Scope::fixed, column::kHelp, help);
    }
    WriteRequest request;
    request.batches.push_back(samples.finish());
    request.batches.push_back(exemplars.finish());
    request.batches.push_back(metadata.finish());
    EXPECT_TRUE(append_and_wait(store_, std::move(request)).ok());
  }

  static void add_group(BatchBuilder& builder, const Labels& labels) {
    std::vector<LabelRef> view = labels.view();
    builder.begin_group_copy(view);
  }

  Reply send(HttpRequest request) {
    Result<TargetParts> parts = split_target(request.target);
    request.path = parts->path;
    request.query = parts->query;
    auto sink = std::make_shared<RecordingSink>();
    router_.route(std::make_shared<HttpExchange>(std::move(request), sink));
    EXPECT_TRUE(sink->answer.has_value());
    if (!sink->answer) return {};
    EXPECT_EQ(find_header(sink->answer->headers, "content-type"), "application/json");
    return {sink->answer->status, sink->answer->body};
  }
  Reply get(std::string path, Parameters parameters = {}) {
    HttpRequest request;
    request.method = "GET";
    request.target = path + (parameters.empty() ? "" : "?" + parameters.encode());
    return send(std::move(request));
  }
  Reply post(std::string path, const Parameters& parameters) {
    HttpRequest request;
    request.method = "POST";
    request.target = std::move(path);
    request.headers = {{"content-type", "application/x-www-form-urlencoded"}};
    request.body = parameters.encode();
    return send(std::move(request));
  }
  static Parameters with(std::initializer_list<std::pair<const char*, const char*>> entries) {
    Parameters parameters;
    for (const auto& [name, value] : entries) parameters.add(name, value);
    return parameters;
  }

  ManualClock clock_{UnixNanos::from_millis(150'000)};
  MemoryStore store_;
  Intake intake_{store_, clock_};
  Pipeline pipeline_{intake_};
  ApiContext context_{store_, pipeline_, clock_, {}, false, 1 << 20, "0.1.0", "abc"};
  Router router_;
};

TEST_F(PrometheusApiTest, GrafanaHealthCheck) {
  Reply reply = post("/api/v1/query", with({{"query", "1+1"}, {"time", "4"}}));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, R"({"status":"success","data":{"resultType":"scalar","result":[4,"2"]}})");
  Reply build = get("/api/v1/status/buildinfo");
  EXPECT_EQ(build.status, 200);
  EXPECT_NE(build.body.find("\"version\":\"3.5.0+obelisk.0.1.0\""), std::string::npos);
  EXPECT_EQ(build.body.find("features"), std::string::npos) << "Grafana would take it for Mimir";
}

TEST_F(PrometheusApiTest, InstantQueries) {
  Reply reply =
      get("/api/v1/query", with({{"query", "up{instance=\"a\"}"}, {"time", "1970-01-01T00:00:45Z"}}));
  EXPECT_EQ(reply.body,
            R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"up",)"
            R"("instance":"a","job":"shop"},"value":[45,"3"]}]}})");
  Reply now = get("/api/v1/query", with({{"query", "count(up)"}}));
  EXPECT_NE(now.body.find(R"("value":[150,"2"])"), std::string::npos) << now.body;
  Reply text = get("/api/v1/query", with({{"query", "\"x\""}, {"time", "1.5"}}));
  EXPECT_NE(text.body.find(R"("resultType":"string","result":[1.500,"x"])"), std::string::npos) << text.body;
  Reply matrix = get("/api/v1/query", with({{"query", "up{instance=\"a\"}[30s]"}, {"time", "30"}}));
  EXPECT_NE(matrix.body.find(R"("resultType":"matrix")"), std::string::npos);
  EXPECT_NE(matrix.body.find(R"("values":[[15,"1"],[30,"2"]])"), std::string::npos)
      << "left open: " << matrix.body;
}

TEST_F(PrometheusApiTest, NativeHistogramsAndQuotedNames) {
  Reply reply =
      get("/api/v1/query", with({{"query", "{\"http.latency\", \"label.x\"=\"y\"}"}, {"time", "2"}}));
  EXPECT_NE(reply.body.find(R"("histogram":[2,{"count":"5","sum":"6.5","buckets":[[3,"-0.001","0.001","1"],)"
                            R"([0,"0.5","1","1"],[0,"1","2","3"]]}])"),
            std::string::npos)
      << reply.body;
}

TEST_F(PrometheusApiTest, RangeQueries) {
  Parameters parameters =
      with({{"query", "sum(up)"}, {"start", "0"}, {"end", "30.5"}, {"step", "15"}, {"stats", "all"}});
  for (const Reply& reply :
       {get("/api/v1/query_range", parameters), post("/api/v1/query_range", parameters)}) {
    EXPECT_EQ(reply.status, 200);
    EXPECT_NE(reply.body.find(
                  R"("resultType":"matrix","result":[{"metric":{},"values":[[0,"1"],[15,"2"],[30,"3"]]}])"),
              std::string::npos)
        << reply.body;
    EXPECT_NE(reply.body.find(R"("samples":{"totalQueryableSamplesPerStep":[[0,2],[15,2],[30,2]],)"
                              R"("totalQueryableSamples":6,"samplesRead":)"),
              std::string::npos)
        << reply.body;
  }
  Reply total =
      get("/api/v1/query_range",
          with({{"query", "sum(up)"}, {"start", "0"}, {"end", "30"}, {"step", "15"}, {"stats", "true"}}));
  EXPECT_NE(total.body.find(R"("samples":{"totalQueryableSamples":6,)"), std::string::npos) << total.body;
  Reply many =
      get("/api/v1/query_range", with({{"query", "up"}, {"start", "0"}, {"end", "12000"}, {"step", "1"}}));
  EXPECT_EQ(many.status, 400);
  EXPECT_NE(many.body.find("exceeded maximum resolution of 11,000 points"), std::string::npos) << many.body;
  Reply backwards =
      get("/api/v1/query_range", with({{"query", "up"}, {"start", "10"}, {"end", "0"}, {"step", "1"}}));
  EXPECT_EQ(backwards.status, 400);
  EXPECT_NE(backwards.body.find("end timestamp must not be before start time"), std::string::npos);
  EXPECT_EQ(
      get("/api/v1/query_range", with({{"query", "up"}, {"start", "0"}, {"end", "1"}, {"step", "0"}})).status,
      400);
  EXPECT_EQ(get("/api/v1/query_range", with({{"query", "up"}, {"start", "0"}, {"end", "1"}})).status, 400);
  EXPECT_EQ(
      get("/api/v1/query_range", with({{"query", "up[5m]"}, {"start", "0"}, {"end", "1"}, {"step", "1"}}))
          .status,
      400);
}

TEST_F(PrometheusApiTest, ErrorsHaveTheEnvelopeAndTheStatus) {
  Reply parse = get("/api/v1/query", with({{"query", "sum(up"}}));
  EXPECT_EQ(parse.status, 400);
  EXPECT_EQ(
      parse.body,
      R"({"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": 1:7: parse error: )"
      R"(unclosed left parenthesis"})");
  Reply execution = get("/api/v1/query", with({{"query", "up * on(job) up"}}));
  EXPECT_EQ(execution.status, 422);
  EXPECT_NE(execution.body.find(R"("errorType":"execution")"), std::string::npos);
  Reply time = get("/api/v1/query", with({{"query", "up"}, {"time", "yesterday"}}));
  EXPECT_EQ(time.status, 400);
  EXPECT_NE(time.body.find(R"(invalid parameter \"time\": Invalid time value for 'time': cannot parse )"
                           R"(\"yesterday\" to a valid timestamp)"),
            std::string::npos);
  Reply start =
      get("/api/v1/query_range", with({{"query", "up"}, {"start", "x"}, {"end", "1"}, {"step", "1"}}));
  EXPECT_NE(start.body.find(R"(invalid parameter \"start\": cannot parse \"x\" to a valid timestamp)"),
            std::string::npos);
  Reply limit = get("/api/v1/labels", with({{"limit", "many"}}));
  EXPECT_NE(limit.body.find(R"(invalid parameter \"limit\": strconv.Atoi: parsing \"many\": invalid syntax)"),
            std::string::npos)
      << limit.body;
  EXPECT_NE(
      get("/api/v1/metadata", with({{"limit", "many"}})).body.find(R"("error":"limit must be a number")"),
      std::string::npos);
  EXPECT_EQ(get("/api/v1/metadata", with({{"limit", "0"}})).body, R"({"status":"success","data":{}})");
  EXPECT_NE(get("/api/v1/status/tsdb", with({{"limit", "0"}})).body.find("limit must be a positive number"),
            std::string::npos);
  EXPECT_EQ(get("/api/v1/labels", with({{"start", "2"}, {"end", "1"}})).body,
            R"({"status":"success","data":[]})");
  EXPECT_NE(get("/api/v1/query_exemplars", with({{"query", "up"}, {"start", "2"}, {"end", "1"}}))
                .body.find(R"("error":"end timestamp must not be before start timestamp")"),
            std::string::npos);
  EXPECT_NE(
      get("/api/v1/query", with({{"query", ""}}))
          .body.find(R"(invalid parameter \"query\": unknown position: parse error: no expression found)"),
      std::string::npos);
  EXPECT_NE(
      get("/api/v1/series", with({{"match[]", "{}"}}))
          .body.find(R"(invalid parameter \"match[]\": match[] must contain at least one non-empty matcher)"),
      std::string::npos);
  EXPECT_NE(get("/api/v1/query", with({{"query", "1e-7"}, {"time", "1"}})).body.find(R"([1,"0.0000001"])"),
            std::string::npos)
      << "a scalar has no exponent";
  Reply missing = get("/api/v1/nothing/here");
  EXPECT_EQ(missing.status, 404);
  EXPECT_NE(missing.body.find(R"("status":"error","errorType":"not_found")"), std::string::npos);
  Reply late = get("/api/v1/query", with({{"query", "up"}, {"timeout", "1ns"}}));
  EXPECT_EQ(late.status, 400) << "1ns is no Prometheus duration";
  Reply timeout = get("/api/v1/query", with({{"query", "up"}, {"timeout", "0.000000001"}}));
  EXPECT_EQ(timeout.status, 503);
  EXPECT_NE(timeout.body.find(R"("errorType":"timeout")"), std::string::npos) << timeout.body;
}

TEST_F(PrometheusApiTest, WarningsInfosLimitAndLookback) {
  Reply info = get("/api/v1/query", with({{"query", "rate(up[1m])"}, {"limit", "1"}}));
  EXPECT_NE(info.body.find(R"("infos":["PromQL info: metric might not be a counter)"), std::string::npos)
      << info.body;
  EXPECT_NE(info.body.find(R"("warnings":["results truncated due to limit"])"), std::string::npos);
  Reply old =
      get("/api/v1/query", with({{"query", "count(up)"}, {"time", "200"}, {"lookback_delta", "30s"}}));
  EXPECT_NE(old.body.find(R"("result":[])"), std::string::npos);
  EXPECT_EQ(get("/api/v1/query", with({{"query", "up"}, {"lookback_delta", "-1"}})).status, 400);
  EXPECT_EQ(get("/api/v1/query", with({{"query", "up"}, {"limit", "-1"}})).status, 400);
}

TEST_F(PrometheusApiTest, AnAnswerExplainsItselfWhenAsked) {
  Reply plain = get("/api/v1/query", with({{"query", "sum(up)"}, {"time", "60"}}));
  EXPECT_EQ(plain.body.find("\"explain\""), std::string::npos);
  Reply told = get("/api/v1/query", with({{"query", "sum(up)"}, {"time", "60"}, {"explain", ""}}));
  EXPECT_EQ(told.status, 200);
  EXPECT_NE(told.body.find(R"-("explain":{"whyEmpty":[],"nodes":[{"expression":"sum(up)","kind":"agg)-"),
            std::string::npos)
      << told.body;
  Reply empty = get(
      "/api/v1/query_range",
      with({{"query", "rate(upp[1m])"}, {"start", "0"}, {"end", "60"}, {"step", "15"}, {"explain", "true"}}));
  EXPECT_NE(empty.body.find(R"("result":[])"), std::string::npos);
  EXPECT_NE(empty.body.find(R"-("whyEmpty":["upp[1m]: no series at all has )-"), std::string::npos)
      << empty.body;
  EXPECT_EQ(get("/api/v1/query", with({{"query", "sum("}, {"explain", "true"}})).status, 400);
  EXPECT_EQ(get("/api/v1/query", with({{"query", "up"}, {"tiers", "some"}})).status, 400);
  EXPECT_EQ(get("/api/v1/query", with({{"query", "up"}, {"tiers", "off"}})).status, 200);
}

TEST_F(PrometheusApiTest, SeriesLabelsAndValues) {
  Reply series =
      get("/api/v1/series", with({{"match[]", "up{instance=\"b\"}"}, {"match[]", "{\"http.latency\"}"}}));
  EXPECT_EQ(series.body, R"({"status":"success","data":[{"__name__":"http.latency","label.x":"y"},)"
                         R"({"__name__":"up","instance":"b","job":"shop"}]})");
  EXPECT_EQ(get("/api/v1/series").status, 400);
  EXPECT_EQ(get("/api/v1/series", with({{"match[]", "{x=\"\"}"}})).status, 400);
  EXPECT_EQ(get("/api/v1/labels").body,
            R"({"status":"success","data":["__name__","instance","job","label.x"]})");
  EXPECT_EQ(
      get("/api/v1/labels", with({{"match[]", "up"}, {"limit", "2"}})).body,
      R"({"status":"success","data":["__name__","instance"],"warnings":["results truncated due to limit"]})");
  EXPECT_EQ(get("/api/v1/label/instance/values").body, R"({"status":"success","data":["a","b"]})");
  EXPECT_EQ(get("/api/v1/label/U__label_2e_x/values").body, R"({"status":"success","data":["y"]})");
  EXPECT_EQ(get("/api/v1/label/instance/values", with({{"start", "1000"}, {"end", "2000"}})).body,
            R"({"status":"success","data":[]})");
}

TEST_F(PrometheusApiTest, EscapedNames) {
  using prometheus_api::unescape_label_name;
  EXPECT_EQ(unescape_label_name("plain"), "plain");
  EXPECT_EQ(unescape_label_name("U__http_2e_status"), "http.status");
  EXPECT_EQ(unescape_label_name("U__a__b"), "a_b");
  EXPECT_EQ(unescape_label_name("U___263a_"), "\xE2\x98\xBA");
  EXPECT_EQ(unescape_label_name("U__broken_2e"), "U__broken_2e");
  EXPECT_EQ(unescape_label_name("U___d800_"), "U___d800_") << "half a surrogate pair is no character";
}

TEST_F(PrometheusApiTest, MetadataIsTheLastOfASource) {
  EXPECT_EQ(
      get("/api/v1/metadata").body,
      R"({"status":"success","data":{"up":[{"type":"gauge","help":"Whether the target answers","unit":""}]}})");
  EXPECT_EQ(get("/api/v1/metadata", with({{"metric", "down"}})).body, R"({"status":"success","data":{}})");
}

TEST_F(PrometheusApiTest, ExemplarsOfTheSelectorsOfAnExpression) {
  Parameters parameters = with({{"query", "histogram_quantile(0.9, sum by(le) (rate(latency_bucket[5m])))"},
                                {"start", "0"},
                                {"end", "60"}});
  EXPECT_EQ(
      get("/api/v1/query_exemplars", parameters).body,
      R"({"status":"success","data":[{"seriesLabels":{"__name__":"latency_bucket","job":"shop","le":"0.5"},)"
      R"("exemplars":[{"labels":{"trace_id":"566acdc19b877beb6c75892a54376696"},"value":"0.25","timestamp":30.250}]}]})");
  EXPECT_EQ(get("/api/v1/query_exemplars", with({{"query", "1"}, {"start", "0"}, {"end", "60"}})).body,
            R"({"status":"success","data":[]})");
  EXPECT_EQ(get("/api/v1/query_exemplars", with({{"query", "x{"}, {"start", "0"}, {"end", "60"}})).status,
            400);
}

TEST_F(PrometheusApiTest, FormatAndParse) {
  EXPECT_EQ(get("/api/v1/format_query", with({{"query", "sum by(job)(rate( up [5m]))"}})).body,
            R"json({"status":"success","data":"sum by (job) (rate(up[5m]))"})json");
  Reply parsed = get("/api/v1/parse_query", with({{"query", "-up offset 5m"}}));
  EXPECT_NE(parsed.body.find(
                R"("type":"unaryExpr","op":"-","expr":{"type":"vectorSelector","name":"up","matchers":)"
                R"([{"name":"__name__","value":"up","type":"="}],"offset":300000)"),
            std::string::npos)
      << parsed.body;
  EXPECT_NE(parsed.body.find(R"("position":{"start":1,"end":13})"), std::string::npos) << parsed.body;
}

TEST_F(PrometheusApiTest, EmptyProvidersAnswerEmptyLists) {
  EXPECT_EQ(get("/api/v1/rules").body, R"({"status":"success","data":{"groups":[]}})");
  EXPECT_EQ(get("/api/v1/alerts").body, R"({"status":"success","data":{"alerts":[]}})");
  EXPECT_EQ(
      get("/api/v1/targets").body,
      R"({"status":"success","data":{"activeTargets":[],"droppedTargets":[],"droppedTargetCounts":{}}})");
  EXPECT_EQ(get("/api/v1/alertmanagers").body,
            R"({"status":"success","data":{"activeAlertmanagers":[],"droppedAlertmanagers":[]}})");
  EXPECT_EQ(get("/api/v1/status/config").body, R"({"status":"success","data":{"yaml":""}})");
  EXPECT_EQ(get("/api/v1/status/flags").status, 200);
  EXPECT_EQ(get("/api/v1/status/runtimeinfo").status, 200);
  Reply tsdb = get("/api/v1/status/tsdb");
  EXPECT_NE(tsdb.body.find(R"("numSeries":3)"), std::string::npos) << tsdb.body;
  EXPECT_NE(tsdb.body.find(R"("seriesCountByMetricName":[{"name":"up","value":2})"), std::string::npos);
}

TEST_F(PrometheusApiTest, TenantsAreAskedForWhenThereAreSome) {
  context_.multi_tenancy = true;
  EXPECT_EQ(get("/api/v1/query", with({{"query", "1"}})).status, 401);
  EXPECT_EQ(get("/api/v1/rules").status, 401);
}

PrometheusProviders rules_and_targets() {
  PrometheusProviders providers;
  providers.rule_groups = [] {
    rules::RuleStatus alert;
    alert.rule.kind = rules::Rule::Kind::alerting;
    alert.rule.name = "TooSlow";
    alert.rule.expression = "up == 0";
    alert.rule.for_nanos = 60 * kNanosPerSecond;
    alert.rule.labels = {{"severity", "page"}};
    alert.health = rules::RuleHealth::ok;
    alert.last_evaluation = UnixNanos::from_millis(60'000);
    rules::Alert active;
    active.labels = Labels{{"alertname", "TooSlow"}, {"severity", "page"}};
    active.phase = rules::AlertPhase::firing;
    active.value = 1;
    active.active_at = UnixNanos::from_millis(30'000);
    alert.alerts.push_back(active);
    rules::RuleStatus record;
    record.rule.name = "job:up:sum";
    record.rule.expression = "sum by (job) (up)";
    rules::RuleGroupStatus first;
    first.name = "a";
    first.file = "f.yml";
    first.interval_nanos = 15 * kNanosPerSecond;
    first.rules = {alert};
    rules::RuleGroupStatus second = first;
    second.name = "b";
    second.rules = {record};
    return std::vector<rules::RuleGroupStatus>{second, first};
  };
  providers.targets = [] {
    scrape::TargetStatus target;
    target.job_name = "shop";
    target.labels = Labels{{"job", "shop"}};
    target.scrape_url = "http://127.0.0.1:1/metrics";
    target.last_error = "connection refused";
    target.health = scrape::TargetHealth::down;
    target.interval_nanos = 15 * kNanosPerSecond;
    target.families =
        std::make_shared<const std::vector<scrape::FamilyMetadata>>(std::vector<scrape::FamilyMetadata>{
            {"m_total", "counter", "Help.", "bytes"}, {"n", "gauge", "", ""}});
    return std::vector<scrape::TargetStatus>{target};
  };
  providers.scrape_jobs = [] {
    auto config = collect::parse_prometheus_config(
        "scrape_configs:\n- job_name: shop\n  basic_auth: {username: u, password: hidden}\n  "
        "relabel_configs:\n"
        "  - {source_labels: [a], target_label: b}\n  - {source_labels: [b], regex: x, action: drop}\n"
        "  - {target_label: c, replacement: y}\n",
        "p.yml");
    scrape::JobStatus job;
    job.config = std::make_shared<const scrape::ScrapeConfig>(config->jobs.at(0));
    job.dropped_targets = {Labels{{"__address__", "dropped:1"}}};
    job.dropped_count = 7;
    return std::vector<scrape::JobStatus>{job};
  };
  return providers;
}

class PrometheusApiWithRulesTest : public PrometheusApiTest {
 protected:
  PrometheusApiWithRulesTest() : PrometheusApiTest(rules_and_targets()) {}
};

TEST_F(PrometheusApiWithRulesTest, RulesAndAlerts) {
  Reply all = get("/api/v1/rules");
  EXPECT_NE(
      all.body.find(
          R"({"name":"a","file":"f.yml","rules":[{"state":"firing","name":"TooSlow","query":"up == 0","duration":60)"),
      std::string::npos)
      << all.body;
  EXPECT_NE(all.body.find(R"("state":"firing","activeAt":"1970-01-01T00:00:30Z","value":"1e+00")"),
            std::string::npos);
  EXPECT_NE(all.body.find(R"("health":"unknown")"), std::string::npos);
  Reply records = get("/api/v1/rules", with({{"type", "record"}}));
  EXPECT_EQ(records.body.find("TooSlow"), std::string::npos);
  EXPECT_NE(records.body.find("job:up:sum"), std::string::npos);
  EXPECT_EQ(get("/api/v1/rules", with({{"type", "x"}})).status, 400);
  EXPECT_EQ(get("/api/v1/rules", with({{"match[]", "{severity=\"page\"}"}})).body.find("job:up:sum"),
            std::string::npos);
  EXPECT_EQ(get("/api/v1/rules", with({{"exclude_alerts", "true"}})).body.find("activeAt"),
            std::string::npos);
  EXPECT_NE(get("/api/v1/alerts").body.find(R"({"alerts":[{"labels":{"alertname":"TooSlow")"),
            std::string::npos);
}

TEST_F(PrometheusApiWithRulesTest, DroppedTargetsAndPools) {
  std::string any = get("/api/v1/targets").body;
  EXPECT_NE(
      any.find(R"("droppedTargets":[{"discoveredLabels":{"__address__":"dropped:1"},"scrapePool":"shop"}])"),
      std::string::npos)
      << any;
  EXPECT_NE(any.find(R"("droppedTargetCounts":{"shop":7})"), std::string::npos);
  EXPECT_NE(get("/api/v1/targets", with({{"state", "active"}})).body.find(R"("droppedTargets":[])"),
            std::string::npos);
  EXPECT_NE(get("/api/v1/targets", with({{"scrapePool", "other"}}))
                .body.find(R"("activeTargets":[],"droppedTargets":[])"),
            std::string::npos);
  EXPECT_NE(get("/api/v1/scrape_pools").body.find(R"({"scrapePools":["shop"]})"), std::string::npos);
  std::string config = get("/api/v1/scrape_pools/config", with({{"scrapePool", "shop"}})).body;
  EXPECT_NE(config.find("job_name: shop"), std::string::npos) << config;
  EXPECT_EQ(config.find("hidden"), std::string::npos);
  EXPECT_EQ(get("/api/v1/scrape_pools/config", with({{"scrapePool", "none"}})).status, 404);
  EXPECT_EQ(get("/api/v1/scrape_pools/config").status, 400);
}

TEST_F(PrometheusApiWithRulesTest, TargetMetadata) {
  std::string all = get("/api/v1/targets/metadata").body;
  EXPECT_NE(
      all.find(
          R"({"target":{"job":"shop"},"metric":"m_total","type":"counter","help":"Help.","unit":"bytes"})"),
      std::string::npos)
      << all;
  std::string one =
      get("/api/v1/targets/metadata", with({{"metric", "n"}, {"match_target", "{job=\"shop\"}"}})).body;
  EXPECT_NE(one.find(R"("data":[{"target":{"job":"shop"},"type":"gauge","help":"","unit":""}])"),
            std::string::npos)
      << one;
  EXPECT_NE(
      get("/api/v1/targets/metadata", with({{"match_target", "{job=\"x\"}"}})).body.find(R"("data":[])"),
      std::string::npos);
  EXPECT_EQ(get("/api/v1/targets/metadata", with({{"match_target", "{"}})).status, 400);
}

TEST_F(PrometheusApiWithRulesTest, RelabelSteps) {
  std::string steps =
      get("/api/v1/targets/relabel_steps", with({{"scrapePool", "shop"}, {"labels", R"({"a":"x"})"}})).body;
  EXPECT_NE(
      steps.find(
          R"-({"rule":{"source_labels":["a"],"separator":";","regex":"(.*)","target_label":"b",)-"
          R"-("replacement":"$1","action":"replace"},"output":{"a":"x","b":"x"},"keep":true},{"rule":)-"),
      std::string::npos)
      << steps;
  EXPECT_NE(steps.find(R"("output":{},"keep":false}]})"), std::string::npos) << steps;
  EXPECT_EQ(get("/api/v1/targets/relabel_steps", with({{"scrapePool", "shop"}})).status, 400);
  EXPECT_EQ(get("/api/v1/targets/relabel_steps", with({{"scrapePool", "shop"}, {"labels", "[1]"}})).status,
            400);
}

TEST_F(PrometheusApiWithRulesTest, RulePagesContinueAfterTheToken) {
  Reply first = get("/api/v1/rules", with({{"group_limit", "1"}}));
  size_t at = first.body.find(R"("groupNextToken":")");
  ASSERT_NE(at, std::string::npos) << first.body;
  EXPECT_EQ(first.body.find("job:up:sum"), std::string::npos);
  std::string token = first.body.substr(at + 18, 16);
  Reply second = get("/api/v1/rules", with({{"group_limit", "1"}, {"group_next_token", token.c_str()}}));
  EXPECT_NE(second.body.find("job:up:sum"), std::string::npos) << second.body;
  EXPECT_EQ(second.body.find("groupNextToken"), std::string::npos);
  EXPECT_EQ(get("/api/v1/rules", with({{"group_limit", "1"}, {"group_next_token", "00"}})).status, 400);
}

TEST_F(PrometheusApiWithRulesTest, Targets) {
  Reply reply = get("/api/v1/targets");
  EXPECT_NE(reply.body.find(R"("scrapePool":"shop","scrapeUrl":"http://127.0.0.1:1/metrics")"),
            std::string::npos)
      << reply.body;
  EXPECT_NE(reply.body.find(R"("lastError":"connection refused","lastScrape":"0001-01-01T00:00:00Z")"),
            std::string::npos);
  EXPECT_NE(reply.body.find(R"("health":"down","scrapeInterval":"15s")"), std::string::npos);
  EXPECT_EQ(get("/api/v1/targets", with({{"state", "dropped"}})).body.find("scrapeUrl"), std::string::npos);
  EXPECT_NE(get("/api/v1/targets", with({{"state", "sleeping"}}))
                .body.find(R"("activeTargets":[],"droppedTargets":[])"),
            std::string::npos)
      << "as the reference: none selects nothing";
  EXPECT_NE(get("/api/v1/scrape_pools").body.find(R"({"scrapePools":["shop"]})"), std::string::npos);
}

}  // namespace
}  // namespace obelisk
