#pragma once
// What a tenant may set for itself: Tempo's user-configurable overrides, a JSON document with the names that
// Tempo has.
//   {"forwarders": [], "cost_attribution": {"dimensions": {ATTRIBUTE: LABEL}},
//    "metrics_generator": {"processors": [...], "disable_collection", "collection_interval",
//    "generate_native_histograms",
//      "span_name_sanitization", "processor": {"service_graphs": {...}, "span_metrics": {...}, "host_info":
//      {...}}}}
// Pure functions. Bounds: 100 items of a list or map, 1 KiB a text, since all of it is worked through for
// every span. Names that Tempo has and that nothing here does are refused by name.
#include <string>
#include <string_view>

#include "pipeline/tenant_generators.h"

namespace obelisk::server {

// The server's settings with the document laid over them; invalid_argument with the key that is wrong.
Result<TenantSettings> parse_overrides(std::string_view json, const GeneratorOptions& of_all);
// The document as it is stored and shown: without nulls, and with all of Tempo's blocks, which may be empty.
Result<std::string> tidy_overrides(std::string_view json);
// All that is in force, as such a document.
std::string settings_json(const TenantSettings& settings, int64_t interval_of_all_nanos);

}  // namespace obelisk::server
