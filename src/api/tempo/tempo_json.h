#pragma once
// Answers in Tempo's JSON: protobuf's mapping, so 64-bit integers are text and 32-bit ones numbers. Pure
// functions.
#include <string>
#include <vector>

#include "plan/batch.h"
#include "query/traceql/engine.h"

namespace obelisk::tempo {

std::string trace_json(const std::vector<BatchPtr>& spans);  // {"batches": [...]}
std::string trace_v2_json(const std::vector<BatchPtr>& spans,
                          uint64_t inspected_bytes);  // {"trace": {"resourceSpans": [...]}, ...}
std::string search_json(const traceql::SearchResult& result);
std::string metrics_range_json(const traceql::MetricsResult& result);
std::string metrics_instant_json(const traceql::MetricsResult& result);
std::string tag_names_json(const std::vector<traceql::TagScope>& scopes,
                           const traceql::ScanStatistics& statistics);
std::string tag_scopes_json(const std::vector<traceql::TagScope>& scopes,
                            const traceql::ScanStatistics& statistics);
std::string tag_values_json(const std::vector<traceql::TagValue>& values,
                            const traceql::ScanStatistics& statistics);
// `with_counts`: how many spans have each, as "count" (an addition of ours).
std::string typed_tag_values_json(const std::vector<traceql::TagValue>& values, bool with_counts,
                                  const traceql::ScanStatistics& statistics);

// The names of all scopes, each once, sorted.
std::vector<std::string> all_tag_names(const std::vector<traceql::TagScope>& scopes);

}  // namespace obelisk::tempo
