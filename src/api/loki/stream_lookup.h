#pragma once
// Streams by selector, for requests about labels and volumes.
#include <vector>

#include "api/loki/loki_call.h"
#include "query/logql/ast.h"

namespace obelisk::loki {

// `selector` "" and "{}" select everything; stages behind a selector are refused.
Result<std::vector<logql::Matcher>> selector_matchers(std::string_view selector);
Result<Scan> stream_scan(const LokiCall& call, const std::vector<logql::Matcher>& matchers,
                         const TimeRange& range);
// Sorted.
Result<std::vector<Labels>> find_streams(const LokiCall& call, std::string_view selector,
                                         const TimeRange& range);

}  // namespace obelisk::loki
