#include "server/config.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>

#include "base/yaml.h"

namespace obelisk::server {
namespace {

TEST(Config, DefaultsAndRelativePaths) {
  Result<Config> config =
      parse_config("data_dir: d\nprometheus_config: /etc/p.yml\nretention: {logs: 1d}\n", "o.yml", "/conf");
  ASSERT_TRUE(config.ok()) << config.error().to_string();
  EXPECT_EQ(config->listen, "127.0.0.1:4319");
  EXPECT_EQ(config->data_dir, "/conf/d");
  EXPECT_EQ(config->prometheus_config, "/etc/p.yml");
  EXPECT_EQ(config->retention.logs_nanos, 86400 * kNanosPerSecond);
  EXPECT_TRUE(parse_config("", "o.yml", "").ok());
}

TEST(Config, ErrorsNameFileLineAndNearestKey) {
  auto message = [](std::string_view text) { return parse_config(text, "o.yml", "").error().message; };
  EXPECT_EQ(message("\nlistn: x\n"),
            "o.yml:2: configuration: unknown key \"listn\", did you mean \"listen\"?");
  EXPECT_EQ(message("listen: nowhere\n"),
            "o.yml:1: listen: an address such as 127.0.0.1:4319, not \"nowhere\"");
  EXPECT_EQ(message("durability: maybe\n"),
            "o.yml:1: durability must be sync, interval or off, not \"maybe\"");
  EXPECT_EQ(message("retention: {logs: 0}\n"), "o.yml:1: retention.logs must be longer than 0");
}

// Every key of the reference is accepted by the parser: the example there is parsed as it stands.
TEST(Config, TheReferencesExampleParses) {
  std::ifstream file("docs/CONFIGURATION.md");
  ASSERT_TRUE(file.good());
  std::string text(std::istreambuf_iterator<char>(file), {});
  size_t start = text.find("```yaml\n");
  ASSERT_NE(start, std::string::npos);
  start += 8;
  std::string example = text.substr(start, text.find("```", start) - start);
  Result<Config> config = parse_config(example, "docs/CONFIGURATION.md", "");
  ASSERT_TRUE(config.ok()) << config.error().to_string();
  // The example spells out the defaults.
  EXPECT_EQ(config->listen, Config().listen);
  EXPECT_EQ(config->query_memory_bytes, Config().query_memory_bytes);
  EXPECT_EQ(config->retention.metrics_nanos, Config().retention.metrics_nanos);
  EXPECT_EQ(config->retention.metrics_tiers, Config().retention.metrics_tiers);
  EXPECT_EQ(config->span_metrics_interval_nanos, Config().span_metrics_interval_nanos);
  EXPECT_EQ(config->generator.service_graph_options.rules.edges.peer_attributes, EdgeRules().peer_attributes);
  EXPECT_EQ(config->generator.span_metrics_options.series.label_sets_max,
            DerivedSeries::Options().label_sets_max);
}

TEST(Config, RatesOfSpans) {
  Result<Config> config = parse_config(R"(
traces:
  limits:
    tenants: {free: {rate_limit_bytes: 0}, small: {burst_size_bytes: 2MB}}
    rate_limit_bytes: 15MB
    burst_size_bytes: 20MB
)",
                                       "x.yaml", "");
  ASSERT_TRUE(config.ok()) << config.error().to_string();
  EXPECT_EQ(config->span_rates.of_all.bytes_per_second, 15u << 20);
  EXPECT_EQ(config->span_rates.of_all.burst_bytes, 20u << 20);
  EXPECT_EQ(config->span_rates.tenants.at("free").bytes_per_second, 0u);
  EXPECT_EQ(config->span_rates.tenants.at("small").bytes_per_second, 15u << 20);
  EXPECT_EQ(config->span_rates.tenants.at("small").burst_bytes, 2u << 20);
  EXPECT_FALSE(limits_spans(Config().span_rates));
  EXPECT_TRUE(limits_spans(config->span_rates));
  Result<Config> wrong = parse_config("traces: {limits: {max_traces_per_user: 5}}", "x.yaml", "");
  ASSERT_FALSE(wrong.ok());
  EXPECT_NE(wrong.error().to_string().find("max_traces_per_user"), std::string::npos);
}

TEST(Config, GeneratorOptions) {
  Result<Config> config = parse_config(R"(
span_metrics:
  subprocessors: [count, latency]
  histogram_buckets: [0.1, 1, 10]
  histograms: both
  exemplars: false
  intrinsic_dimensions: {span_kind: false, status_message: true}
  dimensions: [http.method]
  dimension_mappings: [{name: where, source_labels: [cloud, zone], join: "-"}]
  filter_policies:
    - include: {match_type: regex, attributes: [{key: resource.region, value: "eu.*"}]}
      exclude: {attributes: [{key: kind, value: SPAN_KIND_INTERNAL}]}
  span_multiplier_key: ratio
  enable_target_info: true
  target_info_excluded_dimensions: [secret]
  max_label_sets: 500
service_graph:
  wait: 5s
  max_items: 77
  peer_attributes: [net.peer.name]
  enable_client_server_prefix: true
  enable_messaging_system_latency_histogram: true
host_info: true
)",
                                       "o.yml", "");
  ASSERT_TRUE(config.ok()) << config.error().to_string();
  const GeneratorConfig& generator = config->generator;
  EXPECT_TRUE(generator.span_metrics && generator.service_graph && generator.host_info);
  const SpanMetricsOptions& spans = generator.span_metrics_options;
  EXPECT_TRUE(spans.count && spans.latency && !spans.size);
  EXPECT_EQ(spans.bounds, (std::vector<double>{0.1, 1, 10}));
  EXPECT_EQ(spans.series.histograms, DerivedHistogramForm::both);
  EXPECT_FALSE(spans.series.exemplars);
  EXPECT_EQ(spans.series.label_sets_max, 500u);
  EXPECT_TRUE(spans.service && !spans.span_kind && spans.status_message);
  EXPECT_EQ(spans.dimension_mappings[0].join, "-");
  EXPECT_TRUE(spans.filter_policies[0].include->at(0).regex);
  EXPECT_EQ(generator.service_graph_options.wait_nanos, 5 * kNanosPerSecond);
  EXPECT_EQ(generator.service_graph_options.half_edges_max, 77u);
  EXPECT_EQ(generator.service_graph_options.rules.edges.peer_attributes,
            std::vector<std::string>{"net.peer.name"});
  EXPECT_FALSE(parse_config("span_metrics: false\n", "o.yml", "")->generator.span_metrics);
  auto message = [](std::string_view text) {
    Result<Config> parsed = parse_config(text, "o.yml", "");
    return parsed.ok() ? std::string("ok") : parsed.error().message;
  };
  EXPECT_EQ(message("span_metrics: {dimesions: [a]}\n"),
            "o.yml:1: span_metrics: unknown key \"dimesions\", did you mean \"dimensions\"?");
  EXPECT_EQ(message("span_metrics: {histogram_buckets: [2, 1]}\n"), "o.yml:1: histogram_buckets must ascend");
  EXPECT_EQ(message("span_metrics: {histograms: new}\n"),
            "o.yml:1: histograms is classic, native or both, not \"new\"");
  EXPECT_NE(message("service_graph: {filter_policies: [{include: {attributes: [{key: kind, value: x}]}}]}\n")
                .find("o.yml:1: kind is never \"x\""),
            std::string::npos);
  EXPECT_NE(message("service_graph: {subprocessors: [size]}\n").find("connection_info"), std::string::npos);
  EXPECT_NE(message("span_metrics: 3\n").find("true, false or a block"), std::string::npos);
}

}  // namespace
}  // namespace obelisk::server
