#pragma once
// The blocks span_metrics, service_graph and host_info of obelisk.yaml: what is derived from incoming spans.
// Names and defaults are those of Tempo's metrics generator where it has them. Each block may also be a plain
// true or false. What a tenant may set by Tempo's overrides is read by the same functions
// (tenant_settings.h).
#include "base/yaml.h"
#include "pipeline/tenant_generators.h"

namespace obelisk::server {

using GeneratorConfig = GeneratorOptions;

Result<void> parse_span_metrics(const YamlNode& node, const std::string& file, GeneratorConfig& config);
Result<void> parse_service_graph(const YamlNode& node, const std::string& file, GeneratorConfig& config);
// The keys that Tempo's overrides have, too. Lists replace what the options hold.
void read_span_metrics_settings(YamlMap& map, const std::string& file, SpanMetricsOptions& options);
void read_service_graph_settings(YamlMap& map, const std::string& file, ServiceGraphOptions& options);
void read_host_info_settings(YamlMap& map, HostInfoOptions& options);
Result<DerivedHistogramForm> histogram_form_of(std::string_view text);
// native_histogram_bucket_factor, ..._max_bucket_number, ..._min_reset_duration and trace_id_label_name.
void read_native_settings(YamlMap& map, const std::string& file, DerivedSeries::Options& options);
Result<SpanNameSanitization> sanitization_of(std::string_view text);

Result<void> parse_host_info(const YamlNode& node, const std::string& file, GeneratorConfig& config);

}  // namespace obelisk::server
