#include "server/config.h"

#include <fmt/format.h>

#include <fstream>
#include <iterator>

#include "base/text.h"
#include "base/yaml.h"
#include "net/cross_origin.h"

namespace obelisk::server {
namespace {

Result<Durability> durability_of(const YamlNode& at, const std::string& file, std::string_view text) {
  if (text == "sync") return Durability::sync;
  if (text == "interval") return Durability::interval;
  if (text == "off") return Durability::off;
  return yaml_error(file, at, fmt::format("durability must be sync, interval or off, not \"{}\"", text));
}

Result<void> check_address(std::string_view key, const std::string& address) {
  if (address.empty() || address == "off") return {};
  size_t colon = address.rfind(':');
  bool has_port = colon != std::string::npos && colon + 1 < address.size() && colon > 0;
  if (has_port && address.find_first_not_of("0123456789", colon + 1) == std::string::npos) return {};
  return make_error(ErrorCode::invalid_argument,
                    fmt::format("{}: an address such as 127.0.0.1:4319, not \"{}\"", key, address));
}

}  // namespace

std::string directory_of(const std::string& path) {
  size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return "";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string join_path(const std::string& directory, const std::string& path) {
  if (directory.empty() || path.empty() || path[0] == '/') return path;
  return directory + "/" + path;
}

Result<std::string> read_text_file(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return make_error(ErrorCode::not_found, fmt::format("cannot open {}", path));
  std::string text(std::istreambuf_iterator<char>(stream), {});
  if (text.size() > (16u << 20))
    return make_error(ErrorCode::too_large, fmt::format("{} is larger than 16 MiB", path));
  return text;
}

Result<Config> parse_config(std::string_view text, const std::string& file, const std::string& directory) {
  OBELISK_TRY(YamlNode root, parse_yaml(text, file));
  Config config;
  YamlMap map(root, file, "configuration");
  map.string("listen", config.listen);
  map.string("otlp_grpc_listen", config.otlp_grpc_listen);
  map.string("otlp_http_listen", config.otlp_http_listen);
  map.string("jaeger_compact_listen", config.jaeger_compact_listen);
  map.string("jaeger_binary_listen", config.jaeger_binary_listen);
  map.string("jaeger_query_listen", config.jaeger_query_listen);
  map.string("jaeger_sampling_strategies", config.jaeger_sampling_strategies);
  map.string("data_dir", config.data_dir);
  map.string("external_url", config.external_url);
  map.boolean("multi_tenancy", config.multi_tenancy);
  map.boolean("admin_api", config.admin_api);
  map.string("log_level", config.log_level);
  std::string durability = "sync";
  map.string("durability", durability);
  const YamlNode* retention = root.find("retention");
  map.node("retention", [&](const YamlNode&) { return Result<void>(); });
  if (retention != nullptr && retention->kind != YamlNode::Kind::null) {
    OBELISK_TRY(config.retention, parse_retention(*retention, file));
  }
  map.duration("future_tolerance", config.future_tolerance_nanos);
  map.node("limits", [&](const YamlNode& node) -> Result<void> {
    OBELISK_TRY(config.series, parse_series_limits(node, file));
    return {};
  });
  map.duration("query_timeout", config.query_timeout_nanos);
  map.byte_size("query_memory", config.query_memory_bytes);
  map.boolean("query_tiers", config.query_tiers);
  map.string_list("cors_allowed_origins", config.cors_allowed_origins);
  map.byte_size("request_size_max", config.request_bytes);
  map.node("span_metrics",
           [&](const YamlNode& node) { return parse_span_metrics(node, file, config.generator); });
  map.node("service_graph",
           [&](const YamlNode& node) { return parse_service_graph(node, file, config.generator); });
  map.node("host_info", [&](const YamlNode& node) { return parse_host_info(node, file, config.generator); });
  map.duration("span_metrics_interval", config.span_metrics_interval_nanos);
  map.duration("span_metrics_ingestion_slack", config.generator.ingestion_slack_nanos);
  map.node("otlp", [&](const YamlNode& node) -> Result<void> {
    OBELISK_TRY(config.otlp, read_otlp_translation(node, file));
    return {};
  });
  map.node("logs", [&](const YamlNode& node) -> Result<void> {
    OBELISK_TRY(config.logs, parse_logs_config(node, file));
    return {};
  });
  map.node("traces", [&](const YamlNode& node) -> Result<void> {
    YamlMap traces(node, file, "traces");
    traces.string_list("rule_files", config.trace_rule_files);
    int64_t spans = static_cast<int64_t>(config.archive_spans_max);
    traces.integer("archive_spans_max", spans, 0, 10'000'000'000);
    config.archive_spans_max = static_cast<uint64_t>(spans);
    traces.node("limits",
                [&](const YamlNode& limits) { return parse_span_rates(limits, file, config.span_rates); });
    return traces.finish();
  });
  map.string("prometheus_config", config.prometheus_config);
  map.string("alertmanager_config", config.alertmanager_config);
  OBELISK_CHECK_OK(map.finish());
  const YamlNode* durability_node = root.find("durability");
  OBELISK_TRY(config.durability, durability_of(durability_node ? *durability_node : root, file, durability));
  for (auto [key, address] :
       {std::pair("listen", &config.listen), std::pair("otlp_grpc_listen", &config.otlp_grpc_listen),
        std::pair("otlp_http_listen", &config.otlp_http_listen),
        std::pair("jaeger_compact_listen", &config.jaeger_compact_listen),
        std::pair("jaeger_binary_listen", &config.jaeger_binary_listen),
        std::pair("jaeger_query_listen", &config.jaeger_query_listen)}) {
    if (Result<void> checked = check_address(key, *address); !checked.ok()) {
      const YamlNode* at = root.find(key);
      return yaml_error(file, at ? *at : root, checked.error().message);
    }
  }
  for (const std::string& origin : config.cors_allowed_origins) {
    if (Result<void> checked = check_origin_pattern(origin); !checked.ok())
      return yaml_error(file, *root.find("cors_allowed_origins"),
                        fmt::format("cors_allowed_origins: {}", checked.error().message));
  }
  if (config.listen.empty() || config.listen == "off")
    return yaml_error(file, root, "listen: the one port cannot be switched off");
  for (const loki::RetentionRule& rule : config.logs.retention_stream) {
    if (rule.period_nanos > config.retention.logs_nanos) {
      return yaml_error(
          file, root,
          fmt::format("logs.retention_stream: {} is kept longer than retention.logs allows", rule.selector));
    }
  }
  for (auto [key, nanos] : {std::pair("span_metrics_interval", config.span_metrics_interval_nanos),
                            std::pair("query_timeout", config.query_timeout_nanos)}) {
    if (nanos <= 0) return yaml_error(file, root, fmt::format("{} must be longer than 0", key));
  }
  if (config.log_level != "debug" && config.log_level != "info" && config.log_level != "warning" &&
      config.log_level != "error") {
    return yaml_error(file, *root.find("log_level"), "log_level must be debug, info, warning or error");
  }
  config.data_dir = join_path(directory, config.data_dir);
  for (std::string& pattern : config.logs.rule_files) pattern = join_path(directory, pattern);
  for (std::string& pattern : config.trace_rule_files) pattern = join_path(directory, pattern);
  config.jaeger_sampling_strategies = join_path(directory, config.jaeger_sampling_strategies);
  config.prometheus_config = join_path(directory, config.prometheus_config);
  config.alertmanager_config = join_path(directory, config.alertmanager_config);
  config.given = std::move(root);
  return config;
}

Result<Config> load_config(const std::string& file) {
  OBELISK_TRY(std::string text, read_text_file(file));
  return parse_config(text, file, directory_of(file));
}

}  // namespace obelisk::server
