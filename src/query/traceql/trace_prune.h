#pragma once
// A trace with its repetitions put together, so that a viewer can show it: spans that are alike and hang on
// one parent become one summary span.
// * Alike are leaves with the same service, name, kind, status and values of the chosen attributes; and, up
//   to max_parent_depth levels above leaves, spans alike in these whose children are all of the same likes.
// * At least min_spans of them are put together. What hangs below is put together with them, by its likes.
// * A summary is the slowest of its spans (id, attributes, events; so a click on it leads to a real one) with
//   the earliest start and the latest end of all, and the attributes aggregation.is_summary, .span_count,
//   .duration_min_ns, .duration_max_ns, .duration_avg_ns and .duration_total_ns.
#include <string>
#include <vector>

#include "base/result.h"
#include "plan/batch.h"

namespace obelisk::traceql {

struct TracePruning {
  std::vector<std::string> group_by = {};  // names of span attributes; * stands for any text
  uint32_t min_spans = 5;
  int32_t max_parent_depth = 1;  // -1: any
};

// `spans` as fetch_trace gives them.
std::vector<BatchPtr> prune_trace(const TracePruning& pruning, const std::vector<BatchPtr>& spans);

}  // namespace obelisk::traceql
