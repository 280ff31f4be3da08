#include "collect/scrape/prometheus_config.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "base/text.h"
#include "base/yaml.h"

namespace obelisk::scrape {
namespace {

constexpr std::string_view kNotYet = "is not supported yet";

// What a scrape job takes from `global`.
struct Defaults {
  int64_t interval_nanos = 60 * kNanosPerSecond;
  std::optional<int64_t> timeout_nanos;  // nullopt: Prometheus' 10 s
  uint64_t body_bytes_max = 0;
  uint64_t sample_count_max = 0;

  int64_t timeout_for(int64_t interval) const {
    return std::min(timeout_nanos.value_or(10 * kNanosPerSecond), interval);
  }
};

class Parser {
 public:
  explicit Parser(const std::string& file) : file_(file) {}

  Result<PrometheusConfig> parse(std::string_view text);

 private:
  Result<void> read_global(const YamlNode& node, PrometheusConfig& config);
  Result<void> read_job(const YamlNode& node, PrometheusConfig& config);
  Result<void> read_params(const YamlNode& node, ScrapeConfig& job);
  Result<void> read_basic_auth(const YamlNode& node, ScrapeConfig& job);
  Result<void> read_authorization(const YamlNode& node, ScrapeConfig& job);
  Result<void> read_static_targets(const YamlNode& node, ScrapeConfig& job);
  Result<void> check_label_names(const YamlNode& at, const std::map<std::string, std::string>& labels,
                                 bool reserved);
  Result<void> read_interval(YamlMap& map, const YamlNode& node, std::string_view key, int64_t& out);

  Error error(const YamlNode& at, std::string_view message) const { return yaml_error(file_, at, message); }

  const std::string& file_;
  Defaults defaults_;
  std::set<std::string> job_names_;
};

Result<PrometheusConfig> Parser::parse(std::string_view text) {
  OBELISK_TRY(YamlNode root, parse_yaml(text, file_));
  PrometheusConfig config;
  YamlMap map(root, file_, "prometheus.yml");
  map.node("global", [&](const YamlNode& node) { return read_global(node, config); });
  map.string_list("rule_files", config.rule_files);
  map.list("scrape_configs", [&](const YamlNode& node) { return read_job(node, config); });
  map.refuse({"alerting"},
             "is not read here: name an alertmanager.yml as alertmanager_config in obelisk.yaml");
  map.refuse({"scrape_config_files", "remote_write", "remote_read", "storage", "tracing", "otlp", "runtime"},
             kNotYet);
  OBELISK_CHECK_OK(map.finish());
  std::filesystem::path directory = std::filesystem::path(file_).parent_path();
  for (std::string& pattern : config.rule_files) {
    if (!pattern.starts_with('/')) pattern = (directory / pattern).string();
  }
  return config;
}

// A duration that must be more than zero when it is given.
Result<void> Parser::read_interval(YamlMap& map, const YamlNode& node, std::string_view key, int64_t& out) {
  map.duration(key, out);
  const YamlNode* given = node.find(key);
  if (given != nullptr && given->kind != YamlNode::Kind::null && out <= 0)
    return error(*given, fmt::format("{} must be more than 0", key));
  return {};
}

Result<void> Parser::read_global(const YamlNode& node, PrometheusConfig& config) {
  YamlMap map(node, file_, "global");
  OBELISK_CHECK_OK(read_interval(map, node, "scrape_interval", defaults_.interval_nanos));
  OBELISK_CHECK_OK(read_interval(map, node, "evaluation_interval", config.evaluation_interval_nanos));
  int64_t timeout = 0;
  OBELISK_CHECK_OK(read_interval(map, node, "scrape_timeout", timeout));
  if (timeout > 0) defaults_.timeout_nanos = timeout;
  map.string_map("external_labels", config.external_labels);
  map.byte_size("body_size_limit", defaults_.body_bytes_max);
  int64_t sample_limit = 0;
  map.integer("sample_limit", sample_limit, 0, INT64_MAX);
  defaults_.sample_count_max = static_cast<uint64_t>(sample_limit);
  map.refuse({"query_log_file", "scrape_failure_log_file", "scrape_protocols", "scrape_native_histograms",
              "convert_classic_histograms_to_nhcb", "always_scrape_classic_histograms",
              "extra_scrape_metrics", "rule_query_offset", "target_limit", "label_limit",
              "label_name_length_limit", "label_value_length_limit", "keep_dropped_targets",
              "metric_name_validation_scheme", "metric_name_escaping_scheme"},
             kNotYet);
  OBELISK_CHECK_OK(map.finish());
  if (timeout > defaults_.interval_nanos)
    return error(*node.find("scrape_timeout"), "global: scrape_timeout is longer than scrape_interval");
  const YamlNode* labels = node.find("external_labels");
  if (labels == nullptr) return {};
  for (const auto& [name, value] : config.external_labels) {
    if (value.find('$') != std::string::npos)
      return error(*labels->find(name),
                   fmt::format("external_labels: environment variables ({}) are not supported yet", value));
  }
  return check_label_names(*labels, config.external_labels, false);
}

// `reserved` allows names such as __metrics_path__, with which a static config overrides its job's settings.
Result<void> Parser::check_label_names(const YamlNode& at, const std::map<std::string, std::string>& labels,
                                       bool reserved) {
  for (const auto& [name, value] : labels) {
    const YamlNode* where = at.find(name) != nullptr ? at.find(name) : &at;
    if (name.empty() || !is_valid_utf8(name) || name == "__name__" || (!reserved && name.starts_with("__")))
      return error(*where, fmt::format("\"{}\" is not a valid label name here", name));
    if (!is_valid_utf8(value))
      return error(*where, fmt::format("the value of label \"{}\" is not UTF-8", name));
  }
  return {};
}

Result<void> Parser::read_job(const YamlNode& node, PrometheusConfig& config) {
  ScrapeConfig job;
  job.interval_nanos = defaults_.interval_nanos;
  job.body_bytes_max = defaults_.body_bytes_max;
  YamlMap map(node, file_, "scrape_configs");
  map.required_string("job_name", job.job_name);
  OBELISK_CHECK_OK(read_interval(map, node, "scrape_interval", job.interval_nanos));
  job.timeout_nanos = defaults_.timeout_for(job.interval_nanos);
  OBELISK_CHECK_OK(read_interval(map, node, "scrape_timeout", job.timeout_nanos));
  map.string("metrics_path", job.metrics_path);
  map.string("scheme", job.scheme);
  map.node("params", [&](const YamlNode& params) { return read_params(params, job); });
  map.boolean("honor_labels", job.honor_labels);
  map.boolean("honor_timestamps", job.honor_timestamps);
  map.boolean("follow_redirects", job.follow_redirects);
  map.boolean("enable_compression", job.compression);
  map.byte_size("body_size_limit", job.body_bytes_max);
  int64_t sample_limit = static_cast<int64_t>(defaults_.sample_count_max);
  map.integer("sample_limit", sample_limit, 0, INT64_MAX);
  job.sample_count_max = static_cast<uint64_t>(sample_limit);
  std::string fallback;
  map.string("fallback_scrape_protocol", fallback);
  map.node("basic_auth", [&](const YamlNode& auth) { return read_basic_auth(auth, job); });
  map.node("authorization", [&](const YamlNode& auth) { return read_authorization(auth, job); });
  map.list("static_configs", [&](const YamlNode& targets) { return read_static_targets(targets, job); });
  map.refuse({"relabel_configs",
              "metric_relabel_configs",
              "scrape_protocols",
              "tls_config",
              "oauth2",
              "proxy_url",
              "no_proxy",
              "proxy_from_environment",
              "proxy_connect_header",
              "http_headers",
              "enable_http2",
              "track_timestamps_staleness",
              "target_limit",
              "label_limit",
              "label_name_length_limit",
              "label_value_length_limit",
              "keep_dropped_targets",
              "metric_name_validation_scheme",
              "metric_name_escaping_scheme",
              "native_histogram_bucket_limit",
              "native_histogram_min_bucket_factor",
              "scrape_native_histograms",
              "convert_classic_histograms_to_nhcb",
              "always_scrape_classic_histograms",
              "extra_scrape_metrics",
              "scrape_failure_log_file",
              "bearer_token",
              "bearer_token_file",
              "file_sd_configs",
              "http_sd_configs",
              "dns_sd_configs",
              "kubernetes_sd_configs",
              "consul_sd_configs",
              "docker_sd_configs",
              "dockerswarm_sd_configs",
              "ec2_sd_configs",
              "ecs_sd_configs",
              "aws_sd_configs",
              "lightsail_sd_configs",
              "azure_sd_configs",
              "gce_sd_configs",
              "openstack_sd_configs",
              "digitalocean_sd_configs",
              "hetzner_sd_configs",
              "linode_sd_configs",
              "scaleway_sd_configs",
              "oci_sd_configs",
              "ovhcloud_sd_configs",
              "outscale_sd_configs",
              "stackit_sd_configs",
              "vultr_sd_configs",
              "ionos_sd_configs",
              "nomad_sd_configs",
              "marathon_sd_configs",
              "eureka_sd_configs",
              "nerve_sd_configs",
              "serverset_sd_configs",
              "triton_sd_configs",
              "uyuni_sd_configs",
              "puppetdb_sd_configs",
              "kuma_sd_configs"},
             kNotYet);
  OBELISK_CHECK_OK(map.finish());
  if (!job_names_.insert(job.job_name).second)
    return error(node, fmt::format("scrape_configs: job_name \"{}\" stands twice", job.job_name));
  if (job.timeout_nanos > job.interval_nanos)
    return error(*node.find("scrape_timeout"),
                 "scrape_configs: scrape_timeout is longer than scrape_interval");
  if (job.scheme != "http" && job.scheme != "https")
    return error(*node.find("scheme"),
                 fmt::format("scrape_configs: scheme must be http or https, not \"{}\"", job.scheme));
  if (!job.metrics_path.starts_with('/'))
    return error(*node.find("metrics_path"), "scrape_configs: metrics_path must start with '/'");
  if (fallback == "PrometheusText0.0.4" || fallback == "PrometheusText1.0.0") {
    job.fallback_format = ExpositionFormat::prometheus_text;
  } else if (fallback == "OpenMetricsText0.0.1" || fallback == "OpenMetricsText1.0.0") {
    job.fallback_format = ExpositionFormat::openmetrics_text;
  } else if (!fallback.empty()) {
    return error(
        *node.find("fallback_scrape_protocol"),
        fmt::format("scrape_configs: fallback_scrape_protocol \"{}\" is not supported (PrometheusText0.0.4, "
                    "PrometheusText1.0.0, OpenMetricsText0.0.1, OpenMetricsText1.0.0)",
                    fallback));
  }
  if (!job.user.empty() && !job.authorization.empty())
    return error(node, "scrape_configs: at most one of basic_auth and authorization may be given");
  config.jobs.push_back(std::move(job));
  return {};
}

Result<void> Parser::read_params(const YamlNode& node, ScrapeConfig& job) {
  if (node.kind != YamlNode::Kind::map)
    return error(node, "params must be a map from names to lists of values");
  for (const auto& [name, values] : node.entries) {
    if (values.kind != YamlNode::Kind::list)
      return error(values, fmt::format("params: {} must be a list of values", name));
    for (const YamlNode& value : values.items) {
      if (value.kind != YamlNode::Kind::scalar)
        return error(value, fmt::format("params: {} must be a list of texts", name));
      job.params.emplace_back(name, value.scalar);
    }
  }
  return {};
}

Result<void> Parser::read_basic_auth(const YamlNode& node, ScrapeConfig& job) {
  YamlMap map(node, file_, "basic_auth");
  map.required_string("username", job.user);
  map.string("password", job.password);
  map.refuse({"username_file", "password_file", "username_ref", "password_ref"}, kNotYet);
  return map.finish();
}

Result<void> Parser::read_authorization(const YamlNode& node, ScrapeConfig& job) {
  std::string type = "Bearer";
  std::string credentials;
  YamlMap map(node, file_, "authorization");
  map.string("type", type);
  map.required_string("credentials", credentials);
  map.refuse({"credentials_file", "credentials_ref"}, kNotYet);
  OBELISK_CHECK_OK(map.finish());
  if (equals_ignoring_case(type, "basic"))
    return error(node, "authorization: type cannot be Basic, use basic_auth instead");
  if ((type + credentials).find_first_of("\r\n") != std::string::npos)
    return error(node, "authorization: line ends are not allowed");
  job.authorization = type + " " + credentials;
  return {};
}

Result<void> Parser::read_static_targets(const YamlNode& node, ScrapeConfig& job) {
  StaticTargets targets;
  YamlMap map(node, file_, "static_configs");
  map.string_list("targets", targets.addresses);
  map.string_map("labels", targets.labels);
  OBELISK_CHECK_OK(map.finish());
  if (const YamlNode* labels = node.find("labels"))
    OBELISK_CHECK_OK(check_label_names(*labels, targets.labels, true));
  for (const std::string& address : targets.addresses) {
    bool printable = std::all_of(address.begin(), address.end(), [](char c) { return c > 0x20 && c < 0x7f; });
    if (address.empty() || !printable || address.find_first_of("/?#@") != std::string::npos)
      return error(
          *node.find("targets"),
          fmt::format("static_configs: target \"{}\" must be host:port, without scheme or path", address));
  }
  job.targets.push_back(std::move(targets));
  return {};
}

}  // namespace

Result<PrometheusConfig> parse_prometheus_config(std::string_view text, const std::string& file) {
  return Parser(file).parse(text);
}

Result<PrometheusConfig> load_prometheus_config(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (in) text << in.rdbuf();
  if (!in) return make_error(ErrorCode::io, fmt::format("cannot read {}", path));
  return parse_prometheus_config(text.str(), path);
}

}  // namespace obelisk::scrape
