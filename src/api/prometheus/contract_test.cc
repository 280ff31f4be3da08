// Goal: every endpoint of Prometheus' machine-readable API description answers in its shape.
// Method: walks the description (conformance/prometheus-api/openapi_3.2.yaml, skipped where it is absent),
// asks each path with parameters that exist in a small store, and holds the answer against the schema named
// there.
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "api/prometheus/prometheus_api.h"
#include "ingest/intake.h"
#include "pipeline/pipeline.h"
#include "storage/memory/memory_store.h"

namespace obelisk {
namespace {

class Sink : public ResponseSink {
 public:
  void send_response(HttpResponse response) override { answer = std::move(response); }
  void send_head(int status, HttpHeaders headers) override {
    answer = HttpResponse();
    answer->status = status;
    answer->headers = std::move(headers);
  }
  void send_chunk(std::string chunk, WriteDone) override { answer->body += chunk; }
  void send_end() override {}
  void abort() override {}
  Result<std::shared_ptr<WebSocket>> upgrade(const HttpRequest&, WebSocketHandlers) override {
    return make_error(ErrorCode::unsupported, "no");
  }
  std::optional<HttpResponse> answer;
};

// As much of JSON Schema as the description uses. A number of the document that the YAML reader sees as text
// (quoted in the JSON) keeps the tag "!", by which strings are told from numbers.
class SchemaCheck {
 public:
  explicit SchemaCheck(const YAML::Node& document) : document_(document) {}

  // The first thing that is wrong, or nothing.
  std::string check(const YAML::Node& value, const YAML::Node& schema, const std::string& place) const {
    if (schema["$ref"]) {
      std::string name = schema["$ref"].as<std::string>();
      return check(value, document_["components"]["schemas"][name.substr(name.rfind('/') + 1)], place);
    }
    for (const char* choice : {"anyOf", "oneOf"}) {
      if (!schema[choice]) continue;
      std::string last;
      for (const YAML::Node& one : schema[choice]) {
        last = check(value, one, place);
        if (last.empty()) return "";
      }
      return place + ": fits no choice; the last said: " + last;
    }
    if (schema["enum"]) {
      for (const YAML::Node& one : schema["enum"]) {
        if (value.IsScalar() && one.Scalar() == value.Scalar()) return "";
      }
      return place + ": not one of the allowed values: " + YAML::Dump(value);
    }
    if (!schema["type"]) return "";
    std::string type = schema["type"].as<std::string>();
    if (type == "object") return check_object(value, schema, place);
    if (type == "array") return check_array(value, schema, place);
    if (!value.IsScalar()) return place + ": expected " + type;
    bool quoted = value.Tag() == "!";
    if (type == "string") return quoted ? "" : place + ": expected a string, got " + value.Scalar();
    if (quoted) return place + ": expected " + type + ", got the string " + value.Scalar();
    if (type == "boolean" && value.Scalar() != "true" && value.Scalar() != "false")
      return place + ": expected a boolean, got " + value.Scalar();
    if (type == "integer" && value.Scalar().find_first_not_of("-0123456789") != std::string::npos)
      return place + ": expected an integer, got " + value.Scalar();
    return "";
  }

 private:
  std::string check_object(const YAML::Node& value, const YAML::Node& schema,
                           const std::string& place) const {
    if (!value.IsMap()) return place + ": expected an object";
    for (const YAML::Node& name : schema["required"]) {
      if (!value[name.Scalar()]) return place + ": lacks " + name.Scalar();
    }
    YAML::Node properties = schema["properties"];
    YAML::Node others = schema["additionalProperties"];
    for (const auto& entry : value) {
      std::string name = entry.first.Scalar();
      std::string wrong;
      if (properties && properties[name]) {
        wrong = check(entry.second, properties[name], place + "." + name);
      } else if (others && others.IsScalar() && others.Scalar() == "false") {
        wrong = place + ": has " + name + ", which is not described";
      } else if (others && others.IsMap()) {
        wrong = check(entry.second, others, place + "." + name);
      }
      if (!wrong.empty()) return wrong;
    }
    return "";
  }

  std::string check_array(const YAML::Node& value, const YAML::Node& schema, const std::string& place) const {
    if (!value.IsSequence()) return place + ": expected an array";
    if (schema["minItems"] && value.size() < schema["minItems"].as<size_t>()) return place + ": too short";
    if (schema["maxItems"] && value.size() > schema["maxItems"].as<size_t>()) return place + ": too long";
    for (size_t i = 0; i < value.size() && schema["items"]; ++i) {
      std::string wrong = check(value[i], schema["items"], place + "[" + std::to_string(i) + "]");
      if (!wrong.empty()) return wrong;
    }
    return "";
  }

  const YAML::Node& document_;
};

class ContractTest : public testing::Test {
 protected:
  ContractTest() {
    board_->raise("Configuration reload has failed.", clock_.now());
    PrometheusProviders providers;
    providers.notifications = board_;
    providers.admin.enabled = true;
    providers.admin.erase_series = [this](const Tenant& tenant, Expr where, TimeRange range) -> Result<void> {
      Scan what;
      what.tenant = tenant;
      what.table = Table::samples;
      what.range = range;
      what.where = std::move(where);
      Result<EraseReport> report = store_.erase(what);
      return report.ok() ? Result<void>() : Result<void>(report.error());
    };
    providers.admin.clean_tombstones = [] { return Result<void>(); };
    providers.admin.snapshot = [](bool) -> Result<std::string> { return std::string("20260102T030405Z-1"); };
    providers.blocks = [](const Tenant&) {
      return std::vector<StoredBlock>{
          {"metrics-1", {UnixNanos{0}, UnixNanos{1'000'000}}, 20, 2, 4, 1, 300'000}};
    };
    router_ = std::make_unique<Router>();
    register_prometheus_api(*router_, context_, std::move(providers));
    BatchBuilder samples(Table::samples);
    for (const char* instance : {"a", "b"}) {
      add_group(samples, Labels{{"__name__", "up"}, {"job", "shop"}, {"instance", instance}});
      for (int64_t i = 0; i <= 10; ++i) {
        samples.add_row(UnixNanos::from_millis(i * 15'000));
        samples.set_float(Scope::fixed, column::kValue, static_cast<double>(i));
      }
    }
    BatchBuilder exemplars(Table::exemplars);
    add_group(exemplars, Labels{{"__name__", "up"}, {"job", "shop"}});
    exemplars.add_row(UnixNanos::from_millis(30'250));
    exemplars.set_float(Scope::fixed, column::kValue, 0.25);
    exemplars.set_string(Scope::attribute, "trace_id", "566acdc19b877beb6c75892a54376696");
    BatchBuilder metadata(Table::metadata);
    metadata.add_row({1});
    metadata.set_string(Scope::fixed, column::kMetricFamily, "up");
    metadata.set_string(Scope::fixed, column::kMetricType, "gauge");
    metadata.set_string(Scope::fixed, column::kHelp, "Whether it answers");
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

  HttpResponse send(std::string method, std::string path, const Parameters& parameters) {
    HttpRequest request;
    request.method = std::move(method);
    request.target = std::move(path);
    if (request.method == "GET") {
      std::string query = parameters.encode();
      if (!query.empty()) request.target += "?" + query;
    } else {
      request.headers = {{"content-type", "application/x-www-form-urlencoded"}};
      request.body = parameters.encode();
    }
    Result<TargetParts> parts = split_target(request.target);
    request.path = parts->path;
    request.query = parts->query;
    auto sink = std::make_shared<Sink>();
    exchanges_.push_back(std::make_shared<HttpExchange>(std::move(request), sink));
    router_->route(exchanges_.back());
    return sink->answer.value_or(HttpResponse());
  }

  static Parameters sample_parameters(const std::string& path) {
    Parameters parameters;
    auto add = [&](const char* name, const char* value) { parameters.add(name, value); };
    bool of_query = path.find("query") != std::string::npos;
    if (of_query) add("query", "up{job=\"shop\"}");
    if (path == "/query") add("time", "100");
    if (path == "/query" || path == "/query_range") add("stats", "all");
    if (path == "/query_range" || path == "/query_exemplars") {
      add("start", "0");
      add("end", "120");
    }
    if (path == "/query_range") add("step", "15");
    if (path == "/series" || path == "/admin/tsdb/delete_series") add("match[]", "up{instance=\"b\"}");
    if (path == "/search/label_values") add("label", "instance");
    if (path == "/search/metric_names") add("search[]", "u");
    return parameters;
  }

  ManualClock clock_{UnixNanos::from_millis(150'000)};
  MemoryStore store_;
  Intake intake_{store_, clock_};
  Pipeline pipeline_{intake_};
  ApiContext context_{store_, pipeline_, clock_, {}, false, 1 << 20, "0.1.0", "abc"};
  std::unique_ptr<Router> router_;
  std::shared_ptr<NotificationBoard> board_ = std::make_shared<NotificationBoard>();
  std::vector<HttpExchangePtr> exchanges_;
};

// Pushing and remote reading are served by api/push, these by what knows the targets.
bool is_served_elsewhere(const std::string& path) {
  static const std::set<std::string> kElsewhere = {"/read",
                                                   "/write",
                                                   "/otlp/v1/metrics",
                                                   "/targets/metadata",
                                                   "/targets/relabel_steps",
                                                   "/scrape_pools/config"};
  return kElsewhere.contains(path);
}

TEST_F(ContractTest, EveryEndpointAnswersInItsShape) {
  const char* root = std::getenv("OBELISK_SHARED");
  std::filesystem::path file = std::filesystem::path(root != nullptr ? root : "../shared") / "conformance" /
                               "prometheus-api" / "openapi_3.2.yaml";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << file << " is not there";
  YAML::Node document = YAML::LoadFile(file.string());
  SchemaCheck schemas(document);
  size_t checked = 0;
  for (const auto& entry : document["paths"]) {
    std::string path = entry.first.Scalar();
    if (is_served_elsewhere(path)) continue;
    for (const auto& operation : entry.second) {
      std::string method = operation.first.Scalar();
      for (char& c : method) c = static_cast<char>(c - 'a' + 'A');
      std::string asked = path == "/label/{name}/values" ? "/label/instance/values" : path;
      HttpResponse response = send(method, "/api/v1" + asked, sample_parameters(path));
      std::string place = method + " " + path;
      ++checked;
      // Prometheus itself answers these without a body, whatever its description says.
      if (path == "/admin/tsdb/delete_series" || path == "/admin/tsdb/clean_tombstones") {
        EXPECT_EQ(response.status, 204) << place;
        continue;
      }
      EXPECT_EQ(response.status, 200) << place << " " << response.body;
      const auto& content = operation.second["responses"]["200"]["content"];
      std::string media = content.begin()->first.as<std::string>();
      EXPECT_EQ(find_header(response.headers, "content-type"), media) << place;
      if (media != "application/json") {
        EXPECT_FALSE(response.body.empty()) << place;
        continue;
      }
      YAML::Node body = YAML::Load(response.body);
      EXPECT_EQ(schemas.check(body, content.begin()->second["schema"], "body"), "") << place << "\n"
                                                                                    << response.body;
    }
  }
  EXPECT_GE(checked, 40u);
}

TEST_F(ContractTest, OurOwnDescriptionNamesWhatIsServed) {
  HttpResponse response = send("GET", "/api/v1/openapi.yaml", {});
  YAML::Node document = YAML::Load(response.body);
  size_t checked = 0;
  for (const auto& entry : document["paths"]) {
    std::string path = entry.first.Scalar();
    for (const auto& operation : entry.second) {
      std::string method = operation.first.Scalar();
      for (char& c : method) c = static_cast<char>(c - 'a' + 'A');
      std::string asked = path == "/label/{name}/values" ? "/label/instance/values" : path;
      int status = send(method, "/api/v1" + asked, sample_parameters(path)).status;
      EXPECT_TRUE(status == 200 || status == 204) << method << " " << path << " " << status;
      ++checked;
    }
  }
  EXPECT_GE(checked, 30u);
}

TEST_F(ContractTest, ErasedSeriesAreGoneAndTheAdminApiHasASwitch) {
  Parameters match;
  match.add("match[]", "up{instance=\"b\"}");
  EXPECT_EQ(send("POST", "/api/v1/admin/tsdb/delete_series", match).status, 204);
  std::string values = send("GET", "/api/v1/label/instance/values", {}).body;
  EXPECT_EQ(values, R"({"status":"success","data":["a"]})");
  EXPECT_EQ(send("POST", "/api/v1/admin/tsdb/delete_series", {}).status, 400);
  router_ = std::make_unique<Router>();
  register_prometheus_api(*router_, context_, PrometheusProviders());
  HttpResponse refused = send("POST", "/api/v1/admin/tsdb/delete_series", match);
  EXPECT_EQ(refused.status, 503);
  EXPECT_NE(refused.body.find("admin APIs disabled"), std::string::npos);
}

TEST_F(ContractTest, SearchFindsPartsAndLooseMatches) {
  Parameters search;
  search.add("label", "instance");
  search.add("search[]", "a");
  search.add("include_score", "true");
  EXPECT_EQ(send("GET", "/api/v1/search/label_values", search).body,
            "{\"results\":[{\"value\":\"a\",\"score\":1}]}\n{\"status\":\"success\",\"has_more\":false}\n");
  Parameters loose;
  loose.add("search[]", "ist");  // i..s..t of instance, and nothing else
  EXPECT_EQ(send("POST", "/api/v1/search/label_names", loose).body,
            "{\"results\":[{\"name\":\"instance\"}]}\n{\"status\":\"success\",\"has_more\":false}\n");
  Parameters few;
  few.add("limit", "1");
  few.add("sort_dir", "dsc");
  EXPECT_EQ(send("GET", "/api/v1/search/label_names", few).body,
            "{\"results\":[{\"name\":\"job\"}]}\n{\"status\":\"success\",\"has_more\":true}\n");
  for (auto [name, value] :
       {std::pair("fuzz_threshold", "101"), std::pair("fuzz_alg", "soundex"), std::pair("sort_by", "age"),
        std::pair("limit", "0"), std::pair("case_sensitive", "maybe"), std::pair("batch_size", "x")}) {
    Parameters bad;
    bad.add(name, value);
    EXPECT_EQ(send("GET", "/api/v1/search/metric_names", bad).status, 400) << name;
  }
}

TEST_F(ContractTest, NotificationsAreListedAndPushed) {
  HttpResponse live = send("GET", "/api/v1/notifications/live", {});
  EXPECT_EQ(live.status, 200);
  EXPECT_NE(live.body.find("data: {\"text\":\"Configuration reload has failed.\""), std::string::npos);
  for (size_t i = 1; i < NotificationBoard::kListenersMax; ++i) {
    EXPECT_EQ(send("GET", "/api/v1/notifications/live", {}).status, 200);
  }
  EXPECT_EQ(send("GET", "/api/v1/notifications/live", {}).status, 204) << "one too many";
  board_->clear("Configuration reload has failed.", clock_.now());
  EXPECT_EQ(send("GET", "/api/v1/notifications", {}).body, R"({"status":"success","data":[]})");
  for (const HttpExchangePtr& exchange : exchanges_) exchange->signal().fire();
  EXPECT_EQ(send("GET", "/api/v1/notifications/live", {}).status, 200) << "those who left make room";
}

TEST_F(ContractTest, ExplainNamesTheMatcherThatRemovedEverything) {
  auto explain = [&](const char* query) {
    Parameters parameters;
    parameters.add("query", query);
    parameters.add("time", "100");
    return send("GET", "/obelisk/api/v1/explain", parameters).body;
  };
  std::string wrong_job = explain("rate(up{job=\"shpo\"}[1m])");
  EXPECT_NE(wrong_job.find("2 series without job=\\\"shpo\\\"; job is \\\"shop\\\" there"), std::string::npos)
      << wrong_job;
  std::string no_metric = explain("sum(upp)");
  EXPECT_NE(no_metric.find("no series at all has __name__=\\\"upp\\\""), std::string::npos) << no_metric;
  std::string too_late = explain("up offset 1h");
  EXPECT_NE(too_late.find("2 series match, but none has a sample after"), std::string::npos) << too_late;
  std::string join = explain("up{instance=\"a\"} + up{instance=\"b\"}");
  EXPECT_NE(join.find("no label set is on both sides"), std::string::npos) << join;
  std::string filter = explain("up > 100");
  EXPECT_NE(filter.find("2 series came in and none came out"), std::string::npos) << filter;
  std::string full = explain("sum(up)");
  EXPECT_NE(full.find("\"whyEmpty\":[]"), std::string::npos) << full;
  EXPECT_NE(full.find("\"kind\":\"selector\""), std::string::npos) << full;
}

}  // namespace
}  // namespace obelisk
