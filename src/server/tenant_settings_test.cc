// What tenants set for themselves: what the document means, and what is refused.
#include "server/tenant_settings.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "base/yaml.h"
#include "collect/config/redacted_yaml.h"
#include "server/default_config.h"

namespace obelisk::server {
namespace {

constexpr std::string_view kAll = R"({
  "forwarders": [],
  "cost_attribution": {"dimensions": {"resource.service.name": "service", "team": ""}},
  "metrics_generator": {
    "processors": ["span-metrics-count", "service-graphs"],
    "disable_collection": false,
    "collection_interval": "30s",
    "generate_native_histograms": "both",
    "ingestion_time_range_slack": "1m",
    "trace_id_label_name": "trace_id",
    "native_histogram_bucket_factor": 1.05,
    "native_histogram_max_bucket_number": 160,
    "native_histogram_min_reset_duration": "15m0s",
    "span_name_sanitization": "enabled",
    "processor": {
      "service_graphs": {"dimensions": ["zone"], "enable_client_server_prefix": true, "peer_attributes": ["peer"],
                         "histogram_buckets": [0.5, 1], "span_multiplier_key": "ratio"},
      "span_metrics": {"dimensions": ["route"], "intrinsic_dimensions": {"span_kind": false},
                       "dimension_mappings": [{"name": "where", "source_labels": ["a", "b"], "join": "/"}],
                       "filter_policies": [{"include": {"match_type": "regex",
                                                        "attributes": [{"key": "resource.x", "value": "y.*"}]}}],
                       "histogram_buckets": [1], "enable_target_info": true, "enable_instance_label": null},
      "host_info": {"host_identifiers": ["h"], "metric_name": "m"}
    }
  }
})";

TEST(TenantSettings, EveryKeyIsTakenOver) {
  GeneratorOptions of_all;
  of_all.span_metrics_options.bounds = {7};
  of_all.span_metrics_options.dimensions = {"of all"};
  Result<TenantSettings> settings = parse_overrides(kAll, of_all);
  ASSERT_TRUE(settings.ok()) << settings.error().to_string();
  const GeneratorOptions& generator = settings->generator;
  EXPECT_TRUE(generator.span_metrics && generator.service_graph);
  EXPECT_FALSE(generator.host_info);
  const SpanMetricsOptions& spans = generator.span_metrics_options;
  EXPECT_TRUE(spans.count);
  EXPECT_FALSE(spans.latency || spans.size || spans.span_kind);
  EXPECT_EQ(spans.bounds, (std::vector<double>{1}));
  EXPECT_EQ(spans.dimensions, (std::vector<std::string>{"route"}));
  EXPECT_EQ(spans.sanitization, SpanNameSanitization::enabled);
  EXPECT_EQ(spans.series.histograms, DerivedHistogramForm::both);
  EXPECT_EQ(generator.ingestion_slack_nanos, 60 * kNanosPerSecond);
  for (const DerivedSeries::Options* series : {&spans.series, &generator.service_graph_options.series}) {
    EXPECT_EQ(series->exemplar_label, "trace_id");
    EXPECT_EQ(series->native.schema, 4);
    EXPECT_EQ(series->native.buckets_max, 160u);
    EXPECT_EQ(series->native.reset_after_nanos, 900 * kNanosPerSecond);
  }
  EXPECT_EQ(spans.filter_policies.size(), 1u);
  EXPECT_EQ(spans.dimension_mappings.size(), 1u);
  EXPECT_TRUE(spans.target_info && spans.instance_label);
  const ServiceGraphOptions& graph = generator.service_graph_options;
  EXPECT_EQ(graph.bounds, (std::vector<double>{0.5, 1}));
  EXPECT_EQ(graph.rules.edges.peer_attributes, (std::vector<std::string>{"peer"}));
  EXPECT_EQ(graph.rules.multiplier.attribute, "ratio");
  EXPECT_TRUE(graph.request && graph.latency && !graph.connection_info);
  EXPECT_EQ(generator.host_info_options.metric_name, "m");
  EXPECT_EQ(settings->interval_nanos, 30 * kNanosPerSecond);
  ASSERT_EQ(settings->usage_dimensions.size(), 2u);
  EXPECT_EQ(settings->usage_dimensions[0].attribute, "service.name");
  EXPECT_EQ(settings->usage_dimensions[0].label, "service");
  EXPECT_EQ(settings->usage_dimensions[1].label, "team");
  // What is shown of them means the same again.
  std::string shown = settings_json(*settings, 15 * kNanosPerSecond);
  Result<TenantSettings> again = parse_overrides(shown, GeneratorOptions{});
  ASSERT_TRUE(again.ok()) << again.error().to_string() << shown;
  EXPECT_EQ(settings_json(*again, 15 * kNanosPerSecond), shown);
}

TEST(TenantSettings, WhatIsNotSetStaysAsItIs) {
  GeneratorOptions of_all;
  of_all.service_graph = false;
  of_all.span_metrics_options.dimensions = {"route"};
  for (std::string_view empty :
       {"{}", R"({"metrics_generator":null})", R"({"metrics_generator":{"processor":{}}})"}) {
    Result<TenantSettings> settings = parse_overrides(empty, of_all);
    ASSERT_TRUE(settings.ok()) << empty;
    EXPECT_EQ(settings->generator.span_metrics_options.dimensions, of_all.span_metrics_options.dimensions);
    EXPECT_TRUE(settings->generator.span_metrics && !settings->generator.service_graph && settings->writes);
  }
  EXPECT_EQ(
      *tidy_overrides(R"({"metrics_generator":{"processors":["host-info"],"collection_interval":null}})"),
      R"({"metrics_generator":{"processors":["host-info"],"processor":{"service_graphs":{},"span_metrics":{},)"
      R"("host_info":{}}},"cost_attribution":{}})");
}

TEST(TenantSettings, Refused) {
  for (std::string_view wrong : {
           "",
           "[]",
           "3",
           "{",
           R"({"a":1})",
           R"({"metrics_generator":3})",
           R"({"forwarders":["x"]})",
           R"({"forwarders":"x"})",
           R"({"metrics_generator":{"processors":["local-blocks"]}})",
           R"({"metrics_generator":{"collection_interval":"1s"}})",
           R"({"metrics_generator":{"collection_interval":"6m"}})",
           R"({"metrics_generator":{"collection_interval":"soon"}})",
           R"({"metrics_generator":{"disable_collection":"maybe"}})",
           R"({"metrics_generator":{"generate_native_histograms":"some"}})",
           R"({"metrics_generator":{"span_name_sanitization":"some"}})",
           R"({"metrics_generator":{"trace_id_label_name":"trace-id"}})",
           R"({"metrics_generator":{"trace_id_label_name":""}})",
           R"({"metrics_generator":{"ingestion_time_range_slack":"long"}})",
           R"({"metrics_generator":{"native_histogram_bucket_factor":1}})",
           R"({"metrics_generator":{"native_histogram_bucket_factor":"nan"}})",
           R"({"metrics_generator":{"native_histogram_max_bucket_number":0}})",
           R"({"metrics_generator":{"native_histogram_min_reset_duration":"-1s"}})",
           R"({"metrics_generator":{"processor":{"span_metrics":{"histogram_buckets":[2,1]}}}})",
           R"({"metrics_generator":{"processor":{"span_metrics":{"dimension":[]}}}})",
           R"({"metrics_generator":{"processor":{"span_metrics":{"filter_policies":[{}]}}}})",
           R"({"metrics_generator":{"processor":{"host_info":{"host_identifiers":[]}}}})",
           R"({"metrics_generator":{"processor":{"other":{}}}})",
       }) {
    Result<TenantSettings> settings = parse_overrides(wrong, GeneratorOptions{});
    EXPECT_FALSE(settings.ok()) << wrong;
    if (settings.ok()) continue;
    EXPECT_EQ(settings.error().code, ErrorCode::invalid_argument) << wrong;
  }
}

TEST(TenantSettings, AreBounded) {
  std::string list = "\"x\"";
  for (int i = 1; i < 100; ++i) list += ",\"x\"";
  auto document = [](const std::string& dimensions) {
    return R"({"metrics_generator":{"processor":{"span_metrics":{"dimensions":[)" + dimensions + "]}}}}";
  };
  EXPECT_TRUE(parse_overrides(document(list), GeneratorOptions{}).ok());
  EXPECT_FALSE(parse_overrides(document(list + ",\"x\""), GeneratorOptions{}).ok());
  EXPECT_FALSE(parse_overrides(document('"' + std::string(1025, 'x') + '"'), GeneratorOptions{}).ok());
}

// The defaults that /status/config shows are those of the reference, whose example the parser holds to its
// own.
TEST(DefaultConfig, IsTheReferences) {
  std::ifstream file("docs/CONFIGURATION.md");
  ASSERT_TRUE(file.good());
  std::string text(std::istreambuf_iterator<char>(file), {});
  size_t start = text.find("```yaml\n") + 8;
  Result<YamlNode> example = parse_yaml(text.substr(start, text.find("```", start) - start), "example");
  ASSERT_TRUE(example.ok());
  EXPECT_EQ(config_yaml(YamlNode{}, ShownConfig::defaults), collect::redacted_yaml(*example));
}

TEST(DefaultConfig, GivenValuesAreLaidOver) {
  Result<YamlNode> given =
      parse_yaml("listen: 127.0.0.1:1\nspan_metrics: {dimensions: [a]}\nretention: 24h\n", "g");
  ASSERT_TRUE(given.ok());
  EXPECT_EQ(config_yaml(*given, ShownConfig::differences),
            "listen: 127.0.0.1:1\nretention: 24h\nspan_metrics:\n  dimensions:\n    - a\n");
  std::string all = config_yaml(*given, ShownConfig::in_force);
  EXPECT_NE(all.find("listen: 127.0.0.1:1\n"), std::string::npos);
  EXPECT_NE(all.find("query_timeout: 2m\n"), std::string::npos);
  EXPECT_EQ(config_yaml(YamlNode{}, ShownConfig::in_force), config_yaml(YamlNode{}, ShownConfig::defaults));
}

}  // namespace
}  // namespace obelisk::server
