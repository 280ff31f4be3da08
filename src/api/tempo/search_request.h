#pragma once
// A search as clients ask for it, over HTTP or gRPC, turned into TraceQL. Pure functions.
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "query/traceql/engine.h"

namespace obelisk::tempo {

inline constexpr int64_t kSearchLimitDefault = 20;
inline constexpr int64_t kSearchLimitMax = 262'144;  // Tempo's ceiling
inline constexpr int64_t kSpansPerSpansetDefault = 3;
inline constexpr int64_t kSpansPerSpansetMax = 100;  // Tempo's ceiling

// The search before TraceQL: tags (name and text that the value contains in any case) and bounds of the
// trace's duration in ns, 0 for none.
struct TagSearch {
  std::vector<std::pair<std::string, std::string>> tags;
  int64_t duration_min = 0;
  int64_t duration_max = 0;

  bool empty() const { return tags.empty() && duration_min == 0 && duration_max == 0; }
};

// logfmt: service.name=shop name="POST /orders"
Result<std::vector<std::pair<std::string, std::string>>> parse_tags(std::string_view text);
std::string traceql_of(const TagSearch& search);

// The query to run, from either form; both at once are refused.
Result<std::string> search_query_of(std::string_view query, const TagSearch& tags);
// As seconds_range(); a start after the end, and times that no span can have, are refused.
Result<TimeRange> checked_seconds_range(int64_t start, int64_t end);
// Checks limits; 0 means the default (limit) or the ceiling (spans per spanset).
Result<traceql::SearchOptions> search_options_of(int64_t limit, int64_t spans_per_spanset, TimeRange range);

}  // namespace obelisk::tempo
