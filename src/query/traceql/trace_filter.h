#pragma once
// A part of one trace: the spans that a spanset filter finds, and as much of the tree around them as is asked
// for.
#include <vector>

#include "query/traceql/engine.h"

namespace obelisk::traceql {

struct TraceFilter {
  std::string query;            // one spanset filter; "" keeps everything
  bool keep_hierarchy = false;  // also every span on the way from a match to its root
  int32_t match_depth = 0;      // levels below a match; -1: the whole subtree
  int32_t ancestor_depth = 0;   // levels above a match; -1: all
};

// `spans` as fetch_trace gives them. Facts of the trace (root, parents) are those of the whole. Errors:
// parse_error and invalid_argument for a query that is not one spanset filter.
Result<std::vector<BatchPtr>> filter_trace(const TraceFilter& filter, const std::vector<BatchPtr>& spans);

}  // namespace obelisk::traceql
