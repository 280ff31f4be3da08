#include "server/generator_config.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace obelisk::server {
namespace {

constexpr int64_t kCountMax = 100'000'000;

// `span_metrics: false` in place of a block; nothing when it is a block.
Result<bool> is_switch(const YamlNode& node, const std::string& file, std::string_view key, bool& enabled) {
  if (node.kind == YamlNode::Kind::map) return false;
  if (node.kind == YamlNode::Kind::scalar && (node.scalar == "true" || node.scalar == "false")) {
    enabled = node.scalar == "true";
    return true;
  }
  return yaml_error(file, node, fmt::format("{} is true, false or a block of settings", key));
}

void read_bounds(YamlMap& map, const std::string& file, std::vector<double>& bounds) {
  if (map.has("histogram_buckets")) bounds.clear();
  map.list("histogram_buckets", [&](const YamlNode& item) -> Result<void> {
    std::optional<double> bound = parse_float(item.scalar);
    if (item.kind != YamlNode::Kind::scalar || !bound || !(*bound > 0))
      return yaml_error(file, item, "histogram_buckets: seconds above 0");
    if (!bounds.empty() && *bound <= bounds.back())
      return yaml_error(file, item, "histogram_buckets must ascend");
    if (bounds.size() == 200) return yaml_error(file, item, "histogram_buckets: at most 200");
    bounds.push_back(*bound);
    return {};
  });
}

void read_series(YamlMap& map, const YamlNode& node, DerivedSeries::Options& options) {
  int64_t label_sets = static_cast<int64_t>(options.label_sets_max);
  int64_t per_label = static_cast<int64_t>(options.values_per_label_max);
  map.integer("max_label_sets", label_sets, 1, kCountMax);
  map.integer("max_values_per_label", per_label, 0, kCountMax);
  map.duration("stale_after", options.stale_after_nanos);
  if (options.stale_after_nanos <= 0) map.fail(node, "stale_after must be longer than 0");
  options.label_sets_max = static_cast<size_t>(label_sets);
  options.values_per_label_max = static_cast<size_t>(per_label);
}

bool is_label_name(std::string_view text) {
  auto is_word = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !text.empty() && is_word(text[0]) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return is_word(c) || (c >= '0' && c <= '9'); });
}

void read_histograms(YamlMap& map, const std::string& file, const YamlNode& node,
                     DerivedSeries::Options& options) {
  read_native_settings(map, file, options);
  std::string form = "classic";
  map.string("histograms", form);
  map.boolean("exemplars", options.exemplars);
  Result<DerivedHistogramForm> known = histogram_form_of(form);
  if (!known.ok()) return map.fail(*node.find("histograms"), "histograms " + known.error().message);
  options.histograms = *known;
}

Result<std::vector<SpanCondition>> parse_conditions(const YamlNode& node, const std::string& file) {
  std::vector<SpanCondition> conditions;
  std::string match_type = "strict";
  YamlMap map(node, file, "filter policy");
  map.string("match_type", match_type);
  if (match_type != "strict" && match_type != "regex")
    map.fail(node, fmt::format("match_type is strict or regex, not \"{}\"", match_type));
  map.list("attributes", [&](const YamlNode& item) -> Result<void> {
    std::string key, value;
    YamlMap attribute(item, file, "filter policy attribute");
    attribute.required_string("key", key);
    attribute.string("value", value);
    OBELISK_CHECK_OK(attribute.finish());
    Result<SpanCondition> condition = make_span_condition(key, value, match_type == "regex");
    if (!condition.ok()) return yaml_error(file, item, condition.error().message);
    conditions.push_back(std::move(*condition));
    return {};
  });
  OBELISK_CHECK_OK(map.finish());
  if (conditions.empty()) return yaml_error(file, node, "a filter policy needs attributes");
  return conditions;
}

void read_filters(YamlMap& map, const std::string& file, std::vector<SpanFilterPolicy>& policies) {
  if (map.has("filter_policies")) policies.clear();
  map.list("filter_policies", [&](const YamlNode& item) -> Result<void> {
    SpanFilterPolicy policy;
    YamlMap parts(item, file, "filter policy");
    auto read = [&](std::string_view key, std::optional<std::vector<SpanCondition>>& into) {
      parts.node(key, [&](const YamlNode& part) -> Result<void> {
        OBELISK_TRY(into, parse_conditions(part, file));
        return {};
      });
    };
    read("include", policy.include);
    read("include_any", policy.include_any);
    read("exclude", policy.exclude);
    OBELISK_CHECK_OK(parts.finish());
    if (!policy.include && !policy.include_any && !policy.exclude)
      return yaml_error(file, item, "a filter policy has include, include_any or exclude");
    policies.push_back(std::move(policy));
    return {};
  });
}

// Which metrics are made: a list of names of `known`; all that are not named are off.
void read_subprocessors(YamlMap& map, const std::string& file,
                        const std::vector<std::pair<std::string_view, bool*>>& known) {
  map.list("subprocessors", [&, first = true](const YamlNode& item) mutable -> Result<void> {
    if (std::exchange(first, false)) {
      for (auto& [name, enabled] : known) *enabled = false;
    }
    std::vector<std::string_view> names;
    for (auto& [name, enabled] : known) {
      names.push_back(name);
      if (item.scalar != name) continue;
      *enabled = true;
      return {};
    }
    return yaml_error(
        file, item,
        fmt::format("subprocessors: {} are known, not \"{}\"", fmt::join(names, ", "), item.scalar));
  });
}

void read_mappings(YamlMap& map, const std::string& file, std::vector<DimensionMapping>& mappings) {
  if (map.has("dimension_mappings")) mappings.clear();
  map.list("dimension_mappings", [&](const YamlNode& item) -> Result<void> {
    DimensionMapping mapping;
    YamlMap inner(item, file, "dimension mapping");
    inner.required_string("name", mapping.name);
    inner.string_list("source_labels", mapping.source_labels);
    inner.string("join", mapping.join);
    OBELISK_CHECK_OK(inner.finish());
    if (mapping.source_labels.empty())
      return yaml_error(file, item, "a dimension mapping needs source_labels");
    mappings.push_back(std::move(mapping));
    return {};
  });
}

}  // namespace

void read_native_settings(YamlMap& map, const std::string& file, DerivedSeries::Options& options) {
  map.node("native_histogram_bucket_factor", [&](const YamlNode& node) -> Result<void> {
    std::optional<double> factor = parse_float(node.scalar);
    if (node.kind != YamlNode::Kind::scalar || !factor || !(*factor > 1) || *factor > 65536)
      return yaml_error(file, node, "native_histogram_bucket_factor is above 1, at most 65536");
    options.native.factor = *factor;
    options.native.schema = native_schema_of(*factor);
    return {};
  });
  int64_t buckets = static_cast<int64_t>(options.native.buckets_max);
  map.integer("native_histogram_max_bucket_number", buckets, 1, 1000);
  options.native.buckets_max = static_cast<size_t>(buckets);
  map.node("native_histogram_min_reset_duration", [&](const YamlNode& node) -> Result<void> {
    Result<int64_t> nanos = parse_go_duration(node.scalar);
    if (!nanos.ok()) nanos = parse_prometheus_duration(node.scalar);
    if (node.kind != YamlNode::Kind::scalar || !nanos.ok() || *nanos < 0)
      return yaml_error(file, node,
                        "native_histogram_min_reset_duration is a duration such as 15m; 0s: never");
    options.native.reset_after_nanos = *nanos;
    return {};
  });
  map.node("trace_id_label_name", [&](const YamlNode& node) -> Result<void> {
    if (node.kind != YamlNode::Kind::scalar || !is_label_name(node.scalar))
      return yaml_error(file, node, "trace_id_label_name is a label's name: letters, digits and _");
    options.exemplar_label = node.scalar;
    return {};
  });
}

Result<DerivedHistogramForm> histogram_form_of(std::string_view text) {
  if (text == "classic") return DerivedHistogramForm::classic;
  if (text == "native") return DerivedHistogramForm::native;
  if (text == "both") return DerivedHistogramForm::both;
  return make_error(ErrorCode::invalid_argument, fmt::format("is classic, native or both, not \"{}\"", text));
}

Result<SpanNameSanitization> sanitization_of(std::string_view text) {
  if (text == "disabled") return SpanNameSanitization::disabled;
  if (text == "dry_run") return SpanNameSanitization::dry_run;
  if (text == "enabled") return SpanNameSanitization::enabled;
  return make_error(ErrorCode::invalid_argument,
                    fmt::format("is disabled, dry_run or enabled, not \"{}\"", text));
}

void read_span_metrics_settings(YamlMap& map, const std::string& file, SpanMetricsOptions& options) {
  read_bounds(map, file, options.bounds);
  map.node("intrinsic_dimensions", [&](const YamlNode& inner) -> Result<void> {
    YamlMap dimensions(inner, file, "intrinsic_dimensions");
    dimensions.boolean("service", options.service);
    dimensions.boolean("span_name", options.span_name);
    dimensions.boolean("span_kind", options.span_kind);
    dimensions.boolean("status_code", options.status_code);
    dimensions.boolean("status_message", options.status_message);
    return dimensions.finish();
  });
  map.string_list("dimensions", options.dimensions);
  read_mappings(map, file, options.dimension_mappings);
  read_filters(map, file, options.filter_policies);
  map.string("span_multiplier_key", options.multiplier.attribute);
  map.boolean("enable_tracestate_span_multiplier", options.multiplier.tracestate);
  map.boolean("enable_target_info", options.target_info);
  map.boolean("enable_instance_label", options.instance_label);
  map.string_list("target_info_excluded_dimensions", options.target_info_excluded_dimensions);
}

void read_service_graph_settings(YamlMap& map, const std::string& file, ServiceGraphOptions& options) {
  read_bounds(map, file, options.bounds);
  GraphRules& rules = options.rules;
  map.string_list("dimensions", rules.dimensions);
  map.boolean("enable_client_server_prefix", rules.client_server_prefix);
  map.boolean("enable_messaging_system_latency_histogram", rules.messaging_latency);
  map.boolean("enable_virtual_node_label", rules.virtual_node_label);
  map.string_list("peer_attributes", rules.edges.peer_attributes);
  read_filters(map, file, rules.filter_policies);
  map.string("span_multiplier_key", rules.multiplier.attribute);
  map.boolean("enable_tracestate_span_multiplier", rules.multiplier.tracestate);
}

void read_host_info_settings(YamlMap& map, HostInfoOptions& options) {
  map.string_list("host_identifiers", options.host_identifiers);
  map.string("metric_name", options.metric_name);
}

Result<void> parse_span_metrics(const YamlNode& node, const std::string& file, GeneratorConfig& config) {
  OBELISK_TRY(bool switched, is_switch(node, file, "span_metrics", config.span_metrics));
  if (switched) return {};
  SpanMetricsOptions& options = config.span_metrics_options;
  YamlMap map(node, file, "span_metrics");
  map.boolean("enabled", config.span_metrics);
  read_subprocessors(map, file,
                     {{"latency", &options.latency}, {"count", &options.count}, {"size", &options.size}});
  read_histograms(map, file, node, options.series);
  read_series(map, node, options.series);
  read_span_metrics_settings(map, file, options);
  std::string sanitization = "disabled";
  map.string("span_name_sanitization", sanitization);
  Result<SpanNameSanitization> known = sanitization_of(sanitization);
  if (!known.ok()) {
    map.fail(*node.find("span_name_sanitization"), "span_name_sanitization " + known.error().message);
  } else {
    options.sanitization = *known;
  }
  return map.finish();
}

Result<void> parse_service_graph(const YamlNode& node, const std::string& file, GeneratorConfig& config) {
  OBELISK_TRY(bool switched, is_switch(node, file, "service_graph", config.service_graph));
  if (switched) return {};
  ServiceGraphOptions& options = config.service_graph_options;
  YamlMap map(node, file, "service_graph");
  map.boolean("enabled", config.service_graph);
  read_subprocessors(map, file,
                     {{"request", &options.request},
                      {"latency", &options.latency},
                      {"connection_info", &options.connection_info}});
  map.duration("wait", options.wait_nanos);
  int64_t items = static_cast<int64_t>(options.half_edges_max);
  map.integer("max_items", items, 1, kCountMax);
  options.half_edges_max = static_cast<size_t>(items);
  read_histograms(map, file, node, options.series);
  read_series(map, node, options.series);
  read_service_graph_settings(map, file, options);
  map.string_list("database_name_attributes", options.rules.edges.database_attributes);
  map.refuse({"workers"}, "is not there: edges are paired by the threads that write");
  OBELISK_CHECK_OK(map.finish());
  if (options.wait_nanos <= 0) return yaml_error(file, node, "service_graph.wait must be longer than 0");
  return {};
}

Result<void> parse_host_info(const YamlNode& node, const std::string& file, GeneratorConfig& config) {
  OBELISK_TRY(bool switched, is_switch(node, file, "host_info", config.host_info));
  if (switched) return {};
  config.host_info = true;
  HostInfoOptions& options = config.host_info_options;
  YamlMap map(node, file, "host_info");
  map.boolean("enabled", config.host_info);
  read_host_info_settings(map, options);
  read_series(map, node, options.series);
  OBELISK_CHECK_OK(map.finish());
  if (options.host_identifiers.empty() || options.metric_name.empty())
    return yaml_error(file, node, "host_info needs host_identifiers and a metric_name");
  return {};
}

}  // namespace obelisk::server
