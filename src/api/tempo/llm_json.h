#pragma once
// Answers for language models, as Tempo gives them with `Accept: application/vnd.grafana.llm`: attributes are
// plain members, ids hexadecimal, durations in milliseconds. Pure functions.
#include <string>
#include <vector>

#include "query/traceql/engine.h"

namespace obelisk::tempo {

inline constexpr std::string_view kLlmMediaType = "application/vnd.grafana.llm";
// A model reads no more: a larger trace is refused with the advice to filter or prune it.
inline constexpr size_t kLlmSpansMax = 50'000;

Result<std::string> llm_trace_json(const std::vector<BatchPtr>& spans);
// Values by their type.
std::string llm_tag_values_json(const std::vector<traceql::TagValue>& values);

}  // namespace obelisk::tempo
