#pragma once
// The block `traces.limits` of obelisk.yaml: what a tenant may send in spans. Names are those of Tempo's
// ingestion limits.
#include <string>

#include "base/yaml.h"
#include "ingest/span_rates.h"

namespace obelisk::server {

Result<void> parse_span_rates(const YamlNode& node, const std::string& file, SpanRateOptions& rates);
// Whether any tenant has a limit.
bool limits_spans(const SpanRateOptions& rates);

}  // namespace obelisk::server
