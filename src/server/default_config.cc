#include "server/default_config.h"

#include <algorithm>

#include "collect/config/redacted_yaml.h"

namespace obelisk::server {

const std::string_view kDefaultConfig = R"yaml(
listen: 127.0.0.1:4319
otlp_grpc_listen: 127.0.0.1:4317
otlp_http_listen: 127.0.0.1:4318
jaeger_compact_listen: "off"
jaeger_binary_listen: "off"
jaeger_query_listen: "off"
jaeger_sampling_strategies: ""
data_dir: data
external_url: ""
multi_tenancy: false
admin_api: false
log_level: info
durability: sync
retention:
  metrics: 15d
  metrics_tiers:
    - {resolution: 5m}
    - {resolution: 1h}
  metrics_size: 0
  size: 0
  logs: 7d
  traces: 7d
  tenants: {}
future_tolerance: 10m
limits:
  series_per_tenant: 1000000
  series_per_metric: 500000
  series_per_job: 500000
  metrics: {}
  jobs: {}
  tenants: {}
query_timeout: 2m
query_tiers: true
query_memory: 1GB
request_size_max: 64MB
span_metrics:
  enabled: true
  subprocessors: [latency, count, size]
  histograms: classic
  histogram_buckets: []
  exemplars: true
  intrinsic_dimensions: {service: true, span_name: true, span_kind: true, status_code: true, status_message: false}
  dimensions: []
  dimension_mappings: []
  filter_policies: []
  span_name_sanitization: disabled
  span_multiplier_key: ""
  enable_tracestate_span_multiplier: false
  enable_target_info: false
  enable_instance_label: true
  target_info_excluded_dimensions: []
  max_label_sets: 10000
  max_values_per_label: 0
  stale_after: 15m
service_graph:
  enabled: true
  subprocessors: [request, latency]
  wait: 10s
  max_items: 10000
  histograms: classic
  histogram_buckets: []
  exemplars: true
  dimensions: []
  enable_client_server_prefix: false
  enable_messaging_system_latency_histogram: false
  enable_virtual_node_label: false
  peer_attributes: [peer.service, db.name, db.system, db.system.name]
  database_name_attributes: [db.namespace, db.name, db.system, db.system.name]
  filter_policies: []
  span_multiplier_key: ""
  enable_tracestate_span_multiplier: false
  max_label_sets: 10000
  max_values_per_label: 0
  stale_after: 15m
host_info:
  enabled: false
  host_identifiers: [k8s.node.name, host.id]
  metric_name: traces_host_info
  max_label_sets: 10000
  max_values_per_label: 0
  stale_after: 15m
span_metrics_interval: 15s
otlp:
  translation_strategy: UnderscoreEscapingWithSuffixes
  promote_all_resource_attributes: false
  promote_resource_attributes: []
  ignore_resource_attributes: []
  keep_identifying_resource_attributes: false
  promote_scope_metadata: false
  convert_histograms_to_nhcb: false
  label_name_underscore_sanitization: true
  label_name_preserve_multiple_underscores: true
logs:
  discover_service_name: true
  discover_log_levels: false
  max_line_size: 256KB
  max_line_size_truncate: false
  otlp:
    resource_attributes:
      ignore_defaults: false
      attributes_config: []
    scope_attributes: []
    log_attributes: []
    severity_text_as_label: false
  rule_files: []
  delete_request_cancel_period: 0s
  retention_stream: []
traces:
  rule_files: []
prometheus_config: ""
alertmanager_config: ""
)yaml";

namespace {

std::string text_of(const YamlNode& node) {
  return collect::redacted_yaml(node);
}

// Maps are laid over each other; everything else is replaced.
void lay_over(const YamlNode& given, YamlNode& base) {
  bool maps = given.kind == YamlNode::Kind::map && base.kind == YamlNode::Kind::map;
  if (!maps) {
    if (given.kind != YamlNode::Kind::null) base = given;
    return;
  }
  for (const YamlEntry& entry : given.entries) {
    auto held = std::find_if(base.entries.begin(), base.entries.end(),
                             [&](const YamlEntry& other) { return other.key == entry.key; });
    if (held == base.entries.end()) {
      base.entries.push_back(entry);
    } else {
      lay_over(entry.value, held->value);
    }
  }
}

// Takes out what is as in `defaults`.
void drop_equal(const YamlNode& defaults, YamlNode& node) {
  std::erase_if(node.entries, [&](YamlEntry& entry) {
    const YamlNode* other = defaults.find(entry.key);
    if (other == nullptr) return false;
    if (text_of(*other) == text_of(entry.value)) return true;
    if (other->kind == YamlNode::Kind::map && entry.value.kind == YamlNode::Kind::map)
      drop_equal(*other, entry.value);
    return false;
  });
}

}  // namespace

std::string config_yaml(const YamlNode& given, ShownConfig shown) {
  Result<YamlNode> defaults = parse_yaml(kDefaultConfig, "defaults");
  OBELISK_ASSERT(defaults.ok());
  if (shown == ShownConfig::defaults) return text_of(*defaults);
  YamlNode tree = *defaults;
  lay_over(given, tree);
  if (shown == ShownConfig::differences) drop_equal(*defaults, tree);
  return text_of(tree);
}

}  // namespace obelisk::server
