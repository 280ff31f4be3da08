#pragma once
// Streams by selector, for requests about labels and volumes.
#include <vector>

#include <functional>

#include "api/loki/loki_call.h"
#include "query/logql/ast.h"

namespace obelisk::loki {

// `selector` "" and "{}" select everything; stages behind a selector are refused.
Result<std::vector<logql::Matcher>> selector_matchers(std::string_view selector);
Result<Scan> stream_scan(const LokiCall& call, const std::vector<logql::Matcher>& matchers,
                         const TimeRange& range);
// All streams that the scan selects, a share of them at a time and each once: where there are very many, by
// ranges of the values of the label that has most of them, so that a million of them are never in memory
// together. visit(streams, pages left). A page of 75,000 values is some 23 MB of label sets; each page looks
// at all of them.
Result<void> visit_streams(const LokiCall& call, const Scan& streams,
                           const std::function<void(const std::vector<Labels>&, size_t)>& visit,
                           uint64_t values_of_a_page = 75'000);

}  // namespace obelisk::loki
