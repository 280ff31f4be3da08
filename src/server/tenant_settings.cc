#include "server/tenant_settings.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json_writer.h"
#include "base/text.h"
#include "collect/discovery/json_tree.h"
#include "server/generator_config.h"

namespace obelisk::server {
namespace {

constexpr std::string_view kWhat = "overrides";
const std::string kFile = "overrides";
constexpr size_t kItemsMax = 100;  // of a list or map
constexpr size_t kScalarBytesMax = 1024;
constexpr int64_t kIntervalMin = 15 * kNanosPerSecond;  // Tempo's
constexpr int64_t kIntervalMax = 300 * kNanosPerSecond;

void drop_nulls(YamlNode& node) {
  std::erase_if(node.entries,
                [](const YamlEntry& entry) { return entry.value.kind == YamlNode::Kind::null; });
  for (YamlEntry& entry : node.entries) drop_nulls(entry.value);
}

// What a tenant sets is worked through for every span: no tenant may make that dear.
Result<void> check_sizes(const YamlNode& node) {
  if (node.items.size() > kItemsMax || node.entries.size() > kItemsMax)
    return make_error(ErrorCode::invalid_argument,
                      fmt::format("overrides: a list of more than {} items", kItemsMax));
  if (node.scalar.size() > kScalarBytesMax) {
    return make_error(ErrorCode::invalid_argument,
                      fmt::format("overrides: a text of more than {} bytes", kScalarBytesMax));
  }
  for (const YamlNode& item : node.items) OBELISK_CHECK_OK(check_sizes(item));
  for (const YamlEntry& entry : node.entries) OBELISK_CHECK_OK(check_sizes(entry.value));
  return {};
}

Result<YamlNode> tree_of(std::string_view json) {
  Result<YamlNode> tree = collect::parse_json_tree(json, kWhat);
  if (!tree.ok()) return make_error(ErrorCode::invalid_argument, tree.error().message);
  if (tree->kind != YamlNode::Kind::map)
    return make_error(ErrorCode::invalid_argument, "overrides: a JSON object is wanted");
  drop_nulls(*tree);
  OBELISK_CHECK_OK(check_sizes(*tree));
  return tree;
}

Result<void> read_usage(const YamlNode& node, std::vector<UsageDimension>& into) {
  YamlMap map(node, kFile, "cost_attribution");
  std::map<std::string, std::string> dimensions;
  map.string_map("dimensions", dimensions);
  OBELISK_CHECK_OK(map.finish());
  for (auto& [attribute, label] : dimensions) {
    std::string_view name = attribute;
    for (std::string_view scope : {"resource.", "span."}) {
      if (name.starts_with(scope)) name.remove_prefix(scope.size());
    }
    if (name.empty())
      return make_error(ErrorCode::invalid_argument, "cost_attribution.dimensions: an attribute is wanted");
    std::string shown =
        dimension_label(label.empty() ? name : std::string_view(label), {"tenant", "tracker"});
    into.push_back({std::string(name), shown});
  }
  return {};
}

// The processors that are named run, and no others; a part of one, such as span-metrics-count, alone.
Result<void> read_processors(YamlMap& map, GeneratorOptions& options) {
  if (!map.has("processors")) return {};
  std::vector<std::string> names;
  map.string_list("processors", names);
  SpanMetricsOptions& spans = options.span_metrics_options;
  ServiceGraphOptions& graph = options.service_graph_options;
  auto is_named = [&](std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  struct Part {
    std::string_view whole;
    bool& runs;
    std::vector<std::pair<std::string_view, bool*>> parts;
  };
  std::vector<std::string_view> known;
  for (Part& one : std::vector<Part>{{"span-metrics",
                                      options.span_metrics,
                                      {{"span-metrics-latency", &spans.latency},
                                       {"span-metrics-count", &spans.count},
                                       {"span-metrics-size", &spans.size}}},
                                     {"service-graphs",
                                      options.service_graph,
                                      {{"service-graphs-request", &graph.request},
                                       {"service-graphs-latency", &graph.latency},
                                       {"service-graphs-connection-info", &graph.connection_info}}},
                                     {"host-info", options.host_info, {}}}) {
    known.push_back(one.whole);
    one.runs = is_named(one.whole);
    bool any_part =
        std::any_of(one.parts.begin(), one.parts.end(), [&](auto& part) { return is_named(part.first); });
    for (auto& [name, runs] : one.parts) {
      known.push_back(name);
      // Of the whole alone what it has by the server's settings.
      if (any_part) *runs = is_named(name) || (one.runs && *runs);
    }
    one.runs = one.runs || any_part;
  }
  for (const std::string& name : names) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    if (name == "local-blocks") {
      return make_error(ErrorCode::invalid_argument,
                        "metrics_generator.processors: \"local-blocks\" is gone, as in Tempo 3: TraceQL "
                        "metrics read what is stored");
    }
    return make_error(
        ErrorCode::invalid_argument,
        fmt::format("metrics_generator.processors: \"{}\" is not a known processor, valid values: {}",
                    replace_invalid_utf8(name), fmt::join(known, ", ")));
  }
  return {};
}

Result<void> read_processor_settings(const YamlNode& node, GeneratorOptions& options) {
  YamlMap map(node, kFile, "metrics_generator.processor");
  map.node("service_graphs", [&](const YamlNode& inner) -> Result<void> {
    YamlMap settings(inner, kFile, "service_graphs");
    read_service_graph_settings(settings, kFile, options.service_graph_options);
    return settings.finish();
  });
  map.node("span_metrics", [&](const YamlNode& inner) -> Result<void> {
    YamlMap settings(inner, kFile, "span_metrics");
    read_span_metrics_settings(settings, kFile, options.span_metrics_options);
    return settings.finish();
  });
  map.node("host_info", [&](const YamlNode& inner) -> Result<void> {
    YamlMap settings(inner, kFile, "host_info");
    read_host_info_settings(settings, options.host_info_options);
    OBELISK_CHECK_OK(settings.finish());
    const HostInfoOptions& host = options.host_info_options;
    if (host.host_identifiers.empty() || host.metric_name.empty())
      return make_error(ErrorCode::invalid_argument, "host_info needs host_identifiers and a metric_name");
    return {};
  });
  return map.finish();
}

Result<void> read_interval(YamlMap& map, int64_t& nanos) {
  std::string text;
  map.string("collection_interval", text);
  if (text.empty()) return {};
  Result<int64_t> parsed = parse_go_duration(text);
  if (!parsed.ok()) parsed = parse_prometheus_duration(text);
  if (!parsed.ok() || *parsed < kIntervalMin || *parsed > kIntervalMax) {
    return make_error(ErrorCode::invalid_argument,
                      "metrics_generator.collection_interval must be between 15s and 5m");
  }
  nanos = *parsed;
  return {};
}

Result<void> read_generator(const YamlNode& node, TenantSettings& settings) {
  YamlMap map(node, kFile, "metrics_generator");
  GeneratorOptions& options = settings.generator;
  OBELISK_CHECK_OK(read_processors(map, options));
  bool disabled = false;
  map.boolean("disable_collection", disabled);
  settings.writes = !disabled;
  OBELISK_CHECK_OK(read_interval(map, settings.interval_nanos));
  std::string form, sanitization;
  map.string("generate_native_histograms", form);
  if (!form.empty()) {
    Result<DerivedHistogramForm> known = histogram_form_of(form);
    if (!known.ok()) return known.error().with_context("metrics_generator.generate_native_histograms");
    options.span_metrics_options.series.histograms = *known;
    options.service_graph_options.series.histograms = *known;
  }
  map.string("span_name_sanitization", sanitization);
  if (!sanitization.empty()) {
    Result<SpanNameSanitization> known = sanitization_of(sanitization);
    if (!known.ok()) return known.error().with_context("metrics_generator.span_name_sanitization");
    options.span_metrics_options.sanitization = *known;
  }
  map.node("processor", [&](const YamlNode& inner) { return read_processor_settings(inner, options); });
  read_native_settings(map, kFile, options.span_metrics_options.series);
  read_native_settings(map, kFile, options.service_graph_options.series);
  map.duration("ingestion_time_range_slack", options.ingestion_slack_nanos);
  if (options.ingestion_slack_nanos < 0)
    return make_error(ErrorCode::invalid_argument, "metrics_generator.ingestion_time_range_slack is below 0");
  return map.finish();
}

void write_node(JsonWriter& out, const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::null:
      out.null();
      return;
    case YamlNode::Kind::scalar:
      node.quoted ? out.value(node.scalar) : out.raw(node.scalar);
      return;
    case YamlNode::Kind::list:
      out.begin_array();
      for (const YamlNode& item : node.items) write_node(out, item);
      out.end_array();
      return;
    case YamlNode::Kind::map:
      out.begin_object();
      for (const YamlEntry& entry : node.entries) {
        out.key(entry.key);
        write_node(out, entry.value);
      }
      out.end_object();
      return;
  }
}

YamlNode& block_of(YamlNode& node, std::string_view key) {
  for (YamlEntry& entry : node.entries) {
    if (entry.key == key) return entry.value;
  }
  node.entries.push_back({std::string(key), {}});
  node.entries.back().value.kind = YamlNode::Kind::map;
  return node.entries.back().value;
}

template <typename List>
void write_list(JsonWriter& out, std::string_view key, const List& list) {
  out.key(key).begin_array();
  for (const auto& item : list) out.value(item);
  out.end_array();
}

void write_conditions(JsonWriter& out, std::string_view key,
                      const std::optional<std::vector<SpanCondition>>& conditions) {
  if (!conditions) return;
  out.key(key).begin_object();
  out.field("match_type", !conditions->empty() && conditions->front().regex ? "regex" : "strict");
  out.key("attributes").begin_array();
  for (const SpanCondition& one : *conditions) {
    std::string of = one.of == SpanCondition::Of::name                ? "name"
                     : one.of == SpanCondition::Of::kind              ? "kind"
                     : one.of == SpanCondition::Of::status            ? "status"
                     : one.where == AttributeColumns::Where::resource ? "resource." + one.name
                                                                      : "span." + one.name;
    out.begin_object().field("key", of).field("value", one.value).end_object();
  }
  out.end_array().end_object();
}

void write_filters(JsonWriter& out, const std::vector<SpanFilterPolicy>& policies) {
  out.key("filter_policies").begin_array();
  for (const SpanFilterPolicy& policy : policies) {
    out.begin_object();
    write_conditions(out, "include", policy.include);
    write_conditions(out, "include_any", policy.include_any);
    write_conditions(out, "exclude", policy.exclude);
    out.end_object();
  }
  out.end_array();
}

std::string_view form_text(DerivedHistogramForm form) {
  return form == DerivedHistogramForm::classic  ? "classic"
         : form == DerivedHistogramForm::native ? "native"
                                                : "both";
}

std::string_view sanitization_text(SpanNameSanitization sanitization) {
  return sanitization == SpanNameSanitization::disabled  ? "disabled"
         : sanitization == SpanNameSanitization::dry_run ? "dry_run"
                                                         : "enabled";
}

void write_service_graphs(JsonWriter& out, const ServiceGraphOptions& options) {
  out.key("service_graphs").begin_object();
  write_list(out, "dimensions", options.rules.dimensions);
  out.field("enable_client_server_prefix", options.rules.client_server_prefix);
  out.field("enable_messaging_system_latency_histogram", options.rules.messaging_latency);
  out.field("enable_virtual_node_label", options.rules.virtual_node_label);
  write_list(out, "peer_attributes", options.rules.edges.peer_attributes);
  write_filters(out, options.rules.filter_policies);
  write_list(out, "histogram_buckets", options.bounds);
  out.field("span_multiplier_key", options.rules.multiplier.attribute);
  out.field("enable_tracestate_span_multiplier", options.rules.multiplier.tracestate);
  out.end_object();
}

void write_span_metrics(JsonWriter& out, const SpanMetricsOptions& options) {
  out.key("span_metrics").begin_object();
  write_list(out, "dimensions", options.dimensions);
  out.key("intrinsic_dimensions").begin_object();
  out.field("service", options.service).field("span_name", options.span_name);
  out.field("span_kind", options.span_kind).field("status_code", options.status_code);
  out.field("status_message", options.status_message).end_object();
  out.key("dimension_mappings").begin_array();
  for (const DimensionMapping& mapping : options.dimension_mappings) {
    out.begin_object().field("name", mapping.name);
    write_list(out, "source_labels", mapping.source_labels);
    out.field("join", mapping.join).end_object();
  }
  out.end_array();
  out.field("enable_target_info", options.target_info);
  write_filters(out, options.filter_policies);
  write_list(out, "histogram_buckets", options.bounds);
  write_list(out, "target_info_excluded_dimensions", options.target_info_excluded_dimensions);
  out.field("enable_instance_label", options.instance_label);
  out.field("span_multiplier_key", options.multiplier.attribute);
  out.field("enable_tracestate_span_multiplier", options.multiplier.tracestate);
  out.end_object();
}

std::vector<std::string_view> processors_of(const GeneratorOptions& options) {
  std::vector<std::string_view> names;
  auto add = [&](bool runs, std::string_view whole,
                 std::initializer_list<std::pair<std::string_view, bool>> parts) {
    if (!runs) return;
    bool all = std::all_of(parts.begin(), parts.end(), [](auto& part) { return part.second; });
    if (all) names.push_back(whole);
    for (auto& [name, is_on] : parts) {
      if (!all && is_on) names.push_back(name);
    }
  };
  const SpanMetricsOptions& spans = options.span_metrics_options;
  const ServiceGraphOptions& graph = options.service_graph_options;
  add(options.host_info, "host-info", {});
  add(options.service_graph, "service-graphs",
      {{"service-graphs-request", graph.request}, {"service-graphs-latency", graph.latency}});
  if (options.service_graph && graph.connection_info) names.push_back("service-graphs-connection-info");
  add(options.span_metrics, "span-metrics",
      {{"span-metrics-count", spans.count},
       {"span-metrics-latency", spans.latency},
       {"span-metrics-size", spans.size}});
  return names;
}

}  // namespace

Result<TenantSettings> parse_overrides(std::string_view json, const GeneratorOptions& of_all) {
  OBELISK_TRY(YamlNode tree, tree_of(json));
  TenantSettings settings;
  settings.generator = of_all;
  YamlMap map(tree, kFile, kWhat);
  std::vector<std::string> forwarders;
  map.string_list("forwarders", forwarders);
  map.node("cost_attribution",
           [&](const YamlNode& node) { return read_usage(node, settings.usage_dimensions); });
  map.node("metrics_generator", [&](const YamlNode& node) { return read_generator(node, settings); });
  Result<void> done = map.finish();
  if (!done.ok()) {  // without a line: JSON of a request has none
    std::string_view message = done.error().message;
    if (message.starts_with("overrides:"))
      message.remove_prefix(std::min(message.find(' ') + 1, message.size()));
    return make_error(ErrorCode::invalid_argument, std::string(message));
  }
  if (!forwarders.empty()) {
    return make_error(ErrorCode::invalid_argument,
                      fmt::format("forwarders: \"{}\" is not known: a forwarder is another server that the "
                                  "configuration names, and this one names none",
                                  replace_invalid_utf8(forwarders[0])));
  }
  return settings;
}

Result<std::string> tidy_overrides(std::string_view json) {
  OBELISK_TRY(YamlNode tree, tree_of(json));
  block_of(tree, "cost_attribution");
  YamlNode& processor = block_of(block_of(tree, "metrics_generator"), "processor");
  for (std::string_view name : {"service_graphs", "span_metrics", "host_info"}) block_of(processor, name);
  JsonWriter out;
  write_node(out, tree);
  return out.take();
}

std::string settings_json(const TenantSettings& settings, int64_t interval_of_all_nanos) {
  const GeneratorOptions& options = settings.generator;
  JsonWriter out;
  out.begin_object().key("forwarders").begin_array().end_array();
  out.key("cost_attribution").begin_object().key("dimensions").begin_object();
  for (const UsageDimension& dimension : settings.usage_dimensions)
    out.field(dimension.attribute, dimension.label);
  out.end_object().end_object();
  out.key("metrics_generator").begin_object();
  write_list(out, "processors", processors_of(options));
  out.field("disable_collection", !settings.writes);
  int64_t interval = settings.interval_nanos == 0 ? interval_of_all_nanos : settings.interval_nanos;
  out.field("collection_interval", format_prometheus_duration(interval));
  out.field("ingestion_time_range_slack", format_prometheus_duration(options.ingestion_slack_nanos));
  const DerivedSeries::Options& series = options.span_metrics_options.series;
  out.field("trace_id_label_name", series.exemplar_label);
  out.field("native_histogram_bucket_factor", series.native.factor);
  out.field("native_histogram_max_bucket_number", static_cast<uint64_t>(series.native.buckets_max));
  out.field("native_histogram_min_reset_duration",
            format_prometheus_duration(series.native.reset_after_nanos));
  out.field("generate_native_histograms", form_text(options.span_metrics_options.series.histograms));
  out.field("span_name_sanitization", sanitization_text(options.span_metrics_options.sanitization));
  out.key("processor").begin_object();
  write_service_graphs(out, options.service_graph_options);
  write_span_metrics(out, options.span_metrics_options);
  out.key("host_info").begin_object();
  write_list(out, "host_identifiers", options.host_info_options.host_identifiers);
  out.field("metric_name", options.host_info_options.metric_name).end_object();
  out.end_object().end_object().end_object();
  return out.take();
}

}  // namespace obelisk::server
