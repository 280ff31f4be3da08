#include "server/logs_config.h"

#include <fmt/format.h>

#include "base/time.h"

namespace obelisk::server {
namespace {

Result<LogAttributeAction> action_of(const YamlNode& node, const std::string& file, const std::string& name,
                                     bool may_index) {
  if (name == "index_label" && may_index) return LogAttributeAction::index_label;
  if (name == "structured_metadata") return LogAttributeAction::structured_metadata;
  if (name == "drop") return LogAttributeAction::drop;
  return yaml_error(file, node,
                    fmt::format("action must be {}structured_metadata or drop, not \"{}\"",
                                may_index ? "index_label, " : "", name));
}

Result<LogAttributeRule> parse_rule(const YamlNode& node, const std::string& file, bool may_index) {
  LogAttributeRule rule;
  std::string action, regex;
  YamlMap map(node, file, "otlp attribute rule");
  map.required_string("action", action);
  map.string_list("attributes", rule.attributes);
  map.string("regex", regex);
  OBELISK_CHECK_OK(map.finish());
  OBELISK_TRY(rule.action, action_of(node, file, action, may_index));
  if (rule.attributes.empty() == regex.empty())
    return yaml_error(file, node, "an otlp attribute rule has either attributes or a regex");
  if (regex.empty()) return rule;
  Result<std::shared_ptr<const Regex>> compiled = Regex::compile(regex, Regex::Mode::anchored);
  if (!compiled.ok()) return yaml_error(file, node, "regex: " + compiled.error().message);
  rule.regex = std::move(*compiled);
  return rule;
}

Result<void> parse_otlp(const YamlNode& node, const std::string& file, LogMapping& mapping) {
  YamlMap map(node, file, "logs.otlp");
  auto into = [&file](std::vector<LogAttributeRule>& rules, bool may_index) {
    return [&rules, &file, may_index](const YamlNode& item) -> Result<void> {
      OBELISK_TRY(LogAttributeRule rule, parse_rule(item, file, may_index));
      rules.push_back(std::move(rule));
      return {};
    };
  };
  map.node("resource_attributes", [&](const YamlNode& resource) -> Result<void> {
    YamlMap inner(resource, file, "logs.otlp.resource_attributes");
    inner.boolean("ignore_defaults", mapping.ignore_defaults);
    inner.list("attributes_config", into(mapping.resource, true));
    return inner.finish();
  });
  map.list("scope_attributes", into(mapping.scope, false));
  map.list("log_attributes", into(mapping.record, true));
  map.boolean("severity_text_as_label", mapping.severity_text_as_label);
  return map.finish();
}

Result<loki::RetentionRule> parse_retention(const YamlNode& node, const std::string& file) {
  loki::RetentionRule rule;
  rule.tenant = kDefaultTenant;
  YamlMap map(node, file, "logs.retention_stream");
  map.string("tenant", rule.tenant);
  map.required_string("selector", rule.selector);
  map.duration("period", rule.period_nanos);
  OBELISK_CHECK_OK(map.finish());
  if (rule.period_nanos < 86'400 * kNanosPerSecond) return yaml_error(file, node, "period is at least 24h");
  Result<void> selects = loki::check_deletion(rule.selector);
  if (!selects.ok()) return yaml_error(file, node, "selector: " + selects.error().message);
  return rule;
}

void read_count(YamlMap& map, std::string_view key, int64_t least, uint64_t& out) {
  constexpr int64_t kMost = int64_t{1} << 62;
  int64_t value = static_cast<int64_t>(out);
  map.integer(key, value, least, kMost);
  out = static_cast<uint64_t>(value);
}

void read_limits(YamlMap& map, LogQueryLimits& out) {
  read_count(map, "max_entries_limit_per_query", 1, out.entries_max);
  read_count(map, "max_query_series", 1, out.series_max);
  map.duration("max_query_length", out.length_nanos_max);
  map.duration("max_query_lookback", out.lookback_nanos_max);
  map.byte_size("max_query_bytes_read", out.bytes_read_max);
  read_count(map, "max_query_lines_read", 0, out.lines_read_max);
}

Result<void> parse_limits(const YamlNode& node, const std::string& file, LogLimits& limits) {
  YamlMap map(node, file, "logs.limits");
  read_limits(map, limits.all);
  map.node("tenants", [&](const YamlNode& tenants) -> Result<void> {
    if (tenants.kind == YamlNode::Kind::null) return {};
    if (tenants.kind != YamlNode::Kind::map)
      return yaml_error(file, tenants, "logs.limits.tenants must be a map");
    for (const YamlEntry& entry : tenants.entries) {
      // What is not said of a tenant is as for the others, wherever in the file that stands.
      LogQueryLimits own = limits.all;
      YamlMap of_tenant(entry.value, file, "logs.limits.tenants." + entry.key);
      read_limits(of_tenant, own);
      OBELISK_CHECK_OK(of_tenant.finish());
      limits.tenants[entry.key] = own;
    }
    return {};
  });
  return map.finish();
}

}  // namespace

Result<LogsConfig> parse_logs_config(const YamlNode& node, const std::string& file) {
  LogsConfig config;
  YamlMap map(node, file, "logs");
  map.boolean("discover_service_name", config.mapping.discover_service_name);
  map.boolean("discover_log_levels", config.discover_log_levels);
  map.byte_size("max_line_size", config.max_line_size_bytes);
  map.boolean("max_line_size_truncate", config.max_line_size_truncate);
  map.node("otlp", [&](const YamlNode& otlp) { return parse_otlp(otlp, file, config.mapping); });
  map.string_list("rule_files", config.rule_files);
  map.duration("delete_request_cancel_period", config.delete_request_cancel_period_nanos);
  map.node("limits", [&](const YamlNode& limits) { return parse_limits(limits, file, config.limits); });
  map.list("retention_stream", [&](const YamlNode& item) -> Result<void> {
    OBELISK_TRY(loki::RetentionRule rule, parse_retention(item, file));
    config.retention_stream.push_back(std::move(rule));
    return {};
  });
  OBELISK_CHECK_OK(map.finish());
  if (config.max_line_size_bytes == 0)
    return yaml_error(file, node, "logs.max_line_size must be larger than 0");
  return config;
}

}  // namespace obelisk::server
