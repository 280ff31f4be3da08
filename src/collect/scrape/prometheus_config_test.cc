#include "collect/scrape/prometheus_config.h"

#include <gtest/gtest.h>

namespace obelisk::scrape {
namespace {

PrometheusConfig parsed(std::string_view text) {
  auto config = parse_prometheus_config(text, "/etc/prometheus/prometheus.yml");
  EXPECT_TRUE(config.ok()) << config.error().to_string();
  return config.ok() ? std::move(*config) : PrometheusConfig{};
}

std::string failure(std::string_view text) {
  auto config = parse_prometheus_config(text, "p.yml");
  if (config.ok()) return "no error";
  EXPECT_EQ(config.error().code, ErrorCode::parse_error);
  return config.error().message;
}

TEST(PrometheusConfig, ReadsEverythingItServes) {
  PrometheusConfig config = parsed(R"(
global:
  scrape_interval: 15s
  scrape_timeout: 5s
  evaluation_interval: 30s
  external_labels: {cluster: a, replica: "1"}
rule_files: [rules/*.yml, /abs/rules.yml]
scrape_configs:
  - job_name: shop
    metrics_path: /internal/metrics
    scheme: https
    params: {module: [a, b], x: ["1"]}
    honor_labels: true
    honor_timestamps: false
    body_size_limit: 10MB
    sample_limit: 5000
    basic_auth: {username: u, password: p}
    static_configs:
      - targets: [order:8080, "[::1]:9100"]
        labels: {env: prod}
      - targets: ['stock']
  - job_name: other
    scrape_interval: 3s
    authorization: {credentials: token}
    fallback_scrape_protocol: PrometheusText0.0.4
)");
  EXPECT_EQ(config.evaluation_interval_nanos, 30 * kNanosPerSecond);
  EXPECT_EQ(config.external_labels, (std::map<std::string, std::string>{{"cluster", "a"}, {"replica", "1"}}));
  EXPECT_EQ(config.rule_files, (std::vector<std::string>{"/etc/prometheus/rules/*.yml", "/abs/rules.yml"}));
  ASSERT_EQ(config.jobs.size(), 2u);
  const ScrapeConfig& shop = config.jobs[0];
  EXPECT_EQ(shop.job_name, "shop");
  EXPECT_EQ(shop.interval_nanos, 15 * kNanosPerSecond);
  EXPECT_EQ(shop.timeout_nanos, 5 * kNanosPerSecond);
  EXPECT_EQ(shop.metrics_path, "/internal/metrics");
  EXPECT_EQ(shop.scheme, "https");
  EXPECT_EQ(shop.params,
            (std::vector<std::pair<std::string, std::string>>{{"module", "a"}, {"module", "b"}, {"x", "1"}}));
  EXPECT_TRUE(shop.honor_labels);
  EXPECT_FALSE(shop.honor_timestamps);
  EXPECT_EQ(shop.body_bytes_max, 10u << 20);
  EXPECT_EQ(shop.sample_count_max, 5000u);
  EXPECT_EQ(shop.user, "u");
  EXPECT_EQ(shop.password, "p");
  ASSERT_EQ(shop.targets.size(), 2u);
  EXPECT_EQ(shop.targets[0].addresses, (std::vector<std::string>{"order:8080", "[::1]:9100"}));
  EXPECT_EQ(shop.targets[0].labels.at("env"), "prod");
  EXPECT_EQ(config.jobs[1].authorization, "Bearer token");
  EXPECT_EQ(config.jobs[1].timeout_nanos,
            3 * kNanosPerSecond);  // the global timeout does not fit the interval
  EXPECT_EQ(config.jobs[1].fallback_format, ExpositionFormat::prometheus_text);
}

TEST(PrometheusConfig, HasPrometheusDefaults) {
  PrometheusConfig config = parsed("scrape_configs:\n  - job_name: a\n");
  EXPECT_EQ(config.evaluation_interval_nanos, 60 * kNanosPerSecond);
  const ScrapeConfig& job = config.jobs.at(0);
  EXPECT_EQ(job.interval_nanos, 60 * kNanosPerSecond);
  EXPECT_EQ(job.timeout_nanos, 10 * kNanosPerSecond);
  EXPECT_EQ(job.metrics_path, "/metrics");
  EXPECT_EQ(job.scheme, "http");
  EXPECT_FALSE(job.honor_labels);
  EXPECT_TRUE(job.honor_timestamps);
  EXPECT_TRUE(parsed("").jobs.empty());
  EXPECT_EQ(parsed("global: {scrape_interval: 5s}\nscrape_configs: [{job_name: a}]").jobs.at(0).timeout_nanos,
            5 * kNanosPerSecond);
}

TEST(PrometheusConfig, RefusesKnownKeysByName) {
  EXPECT_EQ(failure("scrape_configs:\n  - job_name: a\n    relabel_configs: []\n"),
            "p.yml:3: scrape_configs: relabel_configs is not supported yet");
  EXPECT_EQ(failure("scrape_configs:\n  - job_name: a\n    kubernetes_sd_configs:\n      - role: pod\n"),
            "p.yml:3: scrape_configs: kubernetes_sd_configs is not supported yet");
  EXPECT_EQ(failure("remote_write: []\n"), "p.yml:1: prometheus.yml: remote_write is not supported yet");
  EXPECT_EQ(failure("global: {query_log_file: x}\n"), "p.yml:1: global: query_log_file is not supported yet");
  EXPECT_NE(failure("alerting: {alertmanagers: []}\n").find("alertmanager_config"), std::string::npos);
}

TEST(PrometheusConfig, RefusesUnknownKeysWithTheNearestName) {
  EXPECT_EQ(failure("global:\n  scrape_intervall: 15s\n"),
            "p.yml:2: global: unknown key \"scrape_intervall\", did you mean \"scrape_interval\"?");
  EXPECT_EQ(failure("scrape_config: []\n"),
            "p.yml:1: prometheus.yml: unknown key \"scrape_config\", did you mean \"scrape_configs\"?");
  EXPECT_NE(failure("scrape_configs: [{job_name: a, static_configs: [{target: [x]}]}]")
                .find("did you mean \"targets\""),
            std::string::npos);
}

TEST(PrometheusConfig, RefusesValuesThatCannotBe) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"global: {scrape_interval: 0s}", "scrape_interval must be more than 0"},
      {"global: {scrape_interval: soon}", "scrape_interval"},
      {"global: {scrape_interval: 5s, scrape_timeout: 6s}", "scrape_timeout is longer"},
      {"global: {external_labels: {__name__: x}}", "__name__"},
      {"global: {external_labels: {a: '${HOME}'}}", "environment variables"},
      {"scrape_configs: [{}]", "job_name is missing"},
      {"scrape_configs: [{job_name: ''}]", "job_name is missing"},
      {"scrape_configs: [{job_name: a}, {job_name: a}]", "stands twice"},
      {"scrape_configs: [{job_name: a, scrape_interval: 5s, scrape_timeout: 10s}]",
       "scrape_timeout is longer"},
      {"scrape_configs: [{job_name: a, scheme: ftp}]", "http or https"},
      {"scrape_configs: [{job_name: a, metrics_path: metrics}]", "metrics_path"},
      {"scrape_configs: [{job_name: a, body_size_limit: big}]", "body_size_limit"},
      {"scrape_configs: [{job_name: a, sample_limit: -1}]", "sample_limit"},
      {"scrape_configs: [{job_name: a, params: [x]}]", "params must be a map"},
      {"scrape_configs: [{job_name: a, params: {x: y}}]", "list of values"},
      {"scrape_configs: [{job_name: a, static_configs: [{targets: ['http://x:1/metrics']}]}]",
       "without scheme or path"},
      {"scrape_configs: [{job_name: a, static_configs: [{targets: ['']}]}]", "without scheme or path"},
      {"scrape_configs: [{job_name: a, basic_auth: {username: u, password_file: f}}]",
       "password_file is not supported"},
      {"scrape_configs: [{job_name: a, basic_auth: {username: u}, authorization: {credentials: t}}]",
       "at most one"},
      {"scrape_configs: [{job_name: a, authorization: {type: basic, credentials: t}}]", "use basic_auth"},
      {"scrape_configs: [{job_name: a, fallback_scrape_protocol: PrometheusProto}]", "PrometheusProto"},
      {"scrape_configs: {job_name: a}", "must be a list"},
      {"global: [", "p.yml:1"},
  };
  for (const auto& [text, part] : cases) {
    std::string message = failure(text);
    EXPECT_NE(message.find(part), std::string::npos) << text << "\n" << message;
    EXPECT_TRUE(message.starts_with("p.yml:")) << message;
  }
}

TEST(PrometheusConfig, AMissingFileIsNamed) {
  auto config = load_prometheus_config("/no/such/prometheus.yml");
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.error().code, ErrorCode::io);
  EXPECT_NE(config.error().message.find("/no/such/prometheus.yml"), std::string::npos);
}

}  // namespace
}  // namespace obelisk::scrape
