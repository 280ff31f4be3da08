#include "collect/config/prometheus_config.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "collect/config/redacted_yaml.h"
#include "wire/shared_files_test.h"

namespace obelisk::collect {
namespace {

PrometheusConfig parse(const std::string& text) {
  auto config = parse_prometheus_config(text, "/etc/p/prometheus.yml");
  EXPECT_TRUE(config.ok()) << config.error().to_string();
  return config.ok() ? *config : PrometheusConfig{};
}

std::string refused(const std::string& text) {
  auto config = parse_prometheus_config(text, "p.yml");
  return config.ok() ? "loaded" : config.error().message;
}

TEST(PrometheusConfig, ReadsAJob) {
  PrometheusConfig config = parse(R"(
global: {scrape_interval: 15s, sample_limit: 100, external_labels: {dc: "a$$b${NOT_SET_ANYWHERE}"}}
rule_files: [rules/*.yml, /abs/x.yml]
scrape_configs:
- job_name: shop
  scrape_interval: 5s
  honor_labels: true
  params: {module: [a, b]}
  label_limit: 30
  body_size_limit: 1MB512KB
  scrape_protocols: [PrometheusText0.0.4]
  basic_auth: {username: u, password_file: secrets/p}
  relabel_configs: [{source_labels: [__address__], target_label: host}]
  static_configs: [{targets: ['a:1', 'b:2'], labels: {env: prod}}]
  file_sd_configs: [{files: [targets/*.json]}]
)");
  EXPECT_EQ(config.external_labels.at("dc"), "a$b");
  EXPECT_EQ(config.rule_files, (std::vector<std::string>{"/etc/p/rules/*.yml", "/abs/x.yml"}));
  ASSERT_EQ(config.jobs.size(), 1u);
  const ScrapeConfig& job = config.jobs[0];
  EXPECT_EQ(job.interval_nanos, 5 * kNanosPerSecond);
  EXPECT_EQ(job.timeout_nanos, 5 * kNanosPerSecond);  // the default of 10 s, cut to the interval
  EXPECT_TRUE(job.honor_labels);
  EXPECT_EQ(job.limits.samples, 100u);
  EXPECT_EQ(job.limits.labels, 30u);
  EXPECT_EQ(job.limits.body_bytes, (1024u + 512u) << 10);
  EXPECT_EQ(job.protocols, std::vector<ScrapeProtocol>{ScrapeProtocol::prometheus_text_0_0_4});
  EXPECT_EQ(job.http.basic_auth->password.file, "/etc/p/secrets/p");
  EXPECT_EQ(job.relabel.size(), 1u);
  ASSERT_EQ(job.discovery.static_groups.size(), 1u);
  EXPECT_EQ(job.discovery.static_groups[0].targets.size(), 2u);
  EXPECT_EQ(std::get<FileDiscovery>(job.discovery.discoveries.at(0)).files[0], "/etc/p/targets/*.json");
  EXPECT_TRUE(config.notices.empty());
  EXPECT_TRUE(config.can_be_served().ok());
}

TEST(PrometheusConfig, SaysWhatItDoesNotServe) {
  PrometheusConfig config = parse(R"(
remote_write: [{url: 'http://u:secret@far/write'}]
scrape_configs:
- job_name: cloud
  ec2_sd_configs: [{region: here}]
)");
  ASSERT_EQ(config.notices.size(), 2u);
  auto served = config.can_be_served();
  ASSERT_FALSE(served.ok());
  EXPECT_NE(served.error().message.find("prometheus.yml:5: ec2_sd_configs"), std::string::npos)
      << served.error().message;
  EXPECT_NE(served.error().message.find("http_sd_configs"), std::string::npos);
  for (const Notice& notice : config.notices)
    EXPECT_EQ(notice.text.find("secret"), std::string::npos) << notice.text;
}

TEST(PrometheusConfig, ErrorsNameFileLineAndTheNearestName) {
  EXPECT_EQ(refused("global:\n  scrape_intervall: 5s\n"),
            "p.yml:2: global: unknown key \"scrape_intervall\", did you mean \"scrape_interval\"?");
  EXPECT_NE(refused("scrape_configs:\n- job_name: a\n  consult_sd_configs: []\n").find("p.yml:3: "),
            std::string::npos);
  EXPECT_NE(
      refused("scrape_configs:\n- job_name: a\n  consult_sd_configs: []\n").find("\"consul_sd_configs\""),
      std::string::npos);
  EXPECT_NE(refused("scrape_configs:\n- {job_name: a}\n- {job_name: a}\n").find("p.yml:3: "),
            std::string::npos);
  EXPECT_NE(refused("scrape_configs:\n- job_name: a\n  scrape_interval: 5s\n  scrape_timeout: 6s\n")
                .find("p.yml:4: "),
            std::string::npos);
}

TEST(PrometheusConfig, ChecksHttpSettings) {
  auto job = [](const std::string& keys) { return refused("scrape_configs:\n- job_name: a\n" + keys); };
  EXPECT_EQ(job("  bearer_token: x\n"), "loaded");
  EXPECT_NE(job("  bearer_token: x\n  basic_auth: {username: u}\n").find("at most one"), std::string::npos);
  EXPECT_NE(job("  oauth2: {client_id: x, token_url: 'http://a/'}\n").find("client_secret"),
            std::string::npos);
  EXPECT_NE(job("  authorization: {type: basic}\n").find("basic_auth"), std::string::npos);
  EXPECT_NE(job("  http_headers: {Authorization: {values: [x]}}\n").find("may not be set"),
            std::string::npos);
  EXPECT_NE(job("  tls_config: {cert_file: c}\n").find("without its key"), std::string::npos);
  EXPECT_NE(job("  tls_config: {min_version: TLS13, max_version: TLS12}\n").find("below"), std::string::npos);
  EXPECT_NE(job("  tls_config: {min_version: SSL3}\n").find("TLS10"), std::string::npos);
  EXPECT_NE(job("  no_proxy: x\n").find("proxy_url"), std::string::npos);
  EXPECT_NE(job("  proxy_url: '::'\n").find("needs a scheme"), std::string::npos);
  EXPECT_EQ(job("  proxy_url: 'http://x:3128'\n"), "loaded");
  EXPECT_EQ(job("  scrape_interval: 0s\n"), "loaded") << "zero asks for the default";
  EXPECT_NE(job("  static_configs: [{targets: a}]\n").find("must be a list"), std::string::npos);
  EXPECT_NE(job("  relabel_configs: [{source_labels: a, target_label: b}]\n").find("must be a list"),
            std::string::npos);
  EXPECT_NE(job("  basic_auth: {username: u, password: p, password_file: f}\n").find("at most one"),
            std::string::npos);
}

TEST(PrometheusConfig, HidesSecretsAndPrintsTheRest) {
  const std::string text = R"(scrape_configs:
- job_name: 'with "quotes": and # signs'
  basic_auth: {username: admin, password: "multi\nline"}
  http_headers: {x: {values: [open], secrets: [s1, s2], files: [f]}}
  params: {a: ["", "1", "true"]}
  http_sd_configs: [{url: 'http://user:pw@host/x', authorization: {credentials: abc}}]
  consul_sd_configs: [{token: def, tags: []}]
)";
  PrometheusConfig config = parse(text);
  for (const std::string secret : {"multi", "s1", "s2", "pw@", "abc", "def"})
    EXPECT_EQ(config.yaml.find(secret), std::string::npos) << config.yaml;
  EXPECT_NE(config.yaml.find("password: <secret>"), std::string::npos) << config.yaml;
  EXPECT_NE(config.yaml.find("values:\n          - open"), std::string::npos) << config.yaml;
  // The text is YAML, and printing it again changes nothing.
  auto again = parse_prometheus_config(config.yaml, "again.yml");
  ASSERT_TRUE(again.ok()) << again.error().message << "\n" << config.yaml;
  EXPECT_EQ(again->yaml, config.yaml);
  EXPECT_EQ(again->jobs[0].job_name, config.jobs[0].job_name);
  EXPECT_EQ(again->jobs[0].params, config.jobs[0].params);
}

// Samples that are good or bad by their purpose where the name does not say so.
bool must_be_refused(const std::string& name) {
  return name.find(".bad.") != std::string::npos || name.find(".incompatible.") != std::string::npos;
}

// Goal: every sample of Prometheus' own configuration tests loads or is refused as there, and a refusal names
// file and line. Only whole prometheus.yml files: static_config.bad.yml is a target group, and is read as
// one.
TEST(PrometheusConfig, LoadsAndRefusesAsTheReference) {
  auto root = shared_folder("conformance/prometheus-config/config-testdata");
  if (!root) GTEST_SKIP() << "no conformance data beside the repository";
  setenv("TEST", "value", 1);
  size_t good = 0;
  size_t bad = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(*root)) {
    std::string name = entry.path().filename().string();
    if (!entry.is_regular_file() || !name.ends_with(".yml")) continue;
    bool refuse = must_be_refused(name);
    auto config = load_prometheus_config(entry.path().string());
    EXPECT_EQ(config.ok(), !refuse) << name << ": " << (config.ok() ? "loaded" : config.error().message);
    if (!config.ok()) {
      EXPECT_TRUE(config.error().message.starts_with(root->string())) << config.error().message;
      size_t at = config.error().message.find(".yml:");
      EXPECT_NE(at, std::string::npos) << config.error().message;
      if (at != std::string::npos) {
        EXPECT_TRUE(isdigit(config.error().message[at + 5])) << config.error().message;
      }
    } else {
      auto again = parse_prometheus_config(config->yaml, entry.path().string());
      EXPECT_TRUE(again.ok()) << name << ": " << (again.ok() ? "" : again.error().message) << "\n"
                              << config->yaml;
    }
    ++(refuse ? bad : good);
  }
  EXPECT_GT(good, 50u);
  EXPECT_GT(bad, 100u);
}

// What each bad sample is refused for, where the name of the file says it.
TEST(PrometheusConfig, RefusesForTheRightReason) {
  auto root = shared_folder("conformance/prometheus-config/config-testdata");
  if (!root) GTEST_SKIP() << "no conformance data beside the repository";
  const std::pair<const char*, const char*> cases[] = {
      {"azure_authentication_method.bad.yml", "authentication_method"},
      {"azure_client_id_missing.bad.yml", "client_id is missing"},
      {"bearertoken.bad.yml", "bearer_token"},
      {"dropequal1.bad.yml", "dropequal"},
      {"ec2_filters_empty_values.bad.yml", "values"},
      {"empty_scrape_config.bad.yml", "empty"},
      {"empty_static_config.bad.yml", "empty"},
      {"eureka_no_server.bad.yml", "server is missing"},
      {"hetzner_role.bad.yml", "role"},
      {"http_url_bad_scheme.bad.yml", "scheme"},
      {"jobname.bad.yml", "job_name is missing"},
      {"jobname_dup.bad.yml", "twice"},
      {"kubernetes_role.bad.yml", "vacation"},
      {"kubernetes_selectors_duplicated_role.bad.yml", "two selectors"},
      {"labelkeep5.bad.yml", "labelkeep"},
      {"labelname.bad.yml", "binary"},
      {"marathon_no_servers.bad.yml", "servers"},
      {"modulus_missing.bad.yml", "modulus"},
      {"otlp_promote_all_resource_attributes.bad.yml", "exclude"},
      {"regex.bad.yml", "abc(def"},
      {"remote_read_dup.bad.yml", "twice"},
      {"remote_write_queue_min_shards_greater_than_max.bad.yml", "min_shards"},
      {"rules.bad.yml", "my/*/rule"},
      {"scaleway_two_secrets.bad.yml", "exactly one"},
      {"scrape_body_size_limit.bad.yml", "unit"},
      {"scrape_config_files_duplicate.bad.yml", "twice"},
      {"scrape_config_utf8_conflicting.bad.yml", "allow-utf-8"},
      {"scrape_interval.bad.yml", "longer"},
      {"section_key_dup.bad.yml", "twice"},
      {"target_label_missing.bad.yml", "target_label"},
      {"tracing_missing_endpoint.bad.yml", "endpoint"},
      {"tsdb_retention_percentage.bad.yml", "percentage"},
      {"unknown_attr.bad.yml", "consul_sd_configs"},
      {"unknown_global_attr.bad.yml", "nonexistent_field"},
      {"url_in_targetgroup.bad.yml", "http://bad"},
  };
  size_t checked = 0;
  for (const auto& [name, reason] : cases) {
    if (!std::filesystem::exists(*root / name)) continue;
    auto config = load_prometheus_config((*root / name).string());
    ASSERT_FALSE(config.ok()) << name;
    EXPECT_NE(config.error().message.find(reason), std::string::npos)
        << name << ": " << config.error().message;
    ++checked;
  }
  EXPECT_GT(checked, 30u);
}

}  // namespace
}  // namespace obelisk::collect
