#pragma once
// The blocks span_metrics, service_graph and host_info of obelisk.yaml: what is derived from incoming spans.
// Names and defaults are those of Tempo's metrics generator where it has them. Each block may also be a plain
// true or false.
#include "base/yaml.h"
#include "pipeline/host_info.h"
#include "pipeline/service_graph.h"
#include "pipeline/span_metrics.h"

namespace obelisk::server {

struct GeneratorConfig {
  bool span_metrics = true;
  bool service_graph = true;
  bool host_info = false;
  SpanMetricsOptions span_metrics_options;
  ServiceGraphOptions service_graph_options;
  HostInfoOptions host_info_options;
};

Result<void> parse_span_metrics(const YamlNode& node, const std::string& file, GeneratorConfig& config);
Result<void> parse_service_graph(const YamlNode& node, const std::string& file, GeneratorConfig& config);
Result<void> parse_host_info(const YamlNode& node, const std::string& file, GeneratorConfig& config);

}  // namespace obelisk::server
