#pragma once
// Runs a query and says how it went: what each part of it cost and gave, and, where the result is empty, what
// removed everything: a matcher without which a selector would find something, a time without samples, a join
// whose sides have no label set in common, a comparison that nothing passes.
#include <string>
#include <string_view>
#include <vector>

#include "query/promql/engine.h"

namespace obelisk {

struct ExplainedNode {
  std::string expression;
  std::string kind;  // selector, matrix, subquery, call, aggregation, binary, ...
  double seconds = 0;
  double own_seconds = 0;  // without its operands
  uint64_t series_read = 0;
  uint64_t samples_read = 0;  // with its operands
  uint64_t series = 0;        // of its result
  uint64_t points = 0;
  std::vector<std::string> notes;  // what removed series here
  std::vector<ExplainedNode> operands;
};

struct Explanation {
  PromqlType type = PromqlType::vector;
  std::vector<ExplainedNode> nodes;  // the roots: one, unless the query failed before it began
  std::vector<std::string> why_empty;
  PromqlStats stats;
  PromqlAnnotations annotations;
};

namespace promql {
class EvaluationTrace;
}

// The nodes of a query that was run with this trace, and why its result is empty; the rest of `explanation`
// is the caller's.
Result<void> explain_trace(const QueryContext& context, promql::EvaluationTrace& trace,
                           Explanation& explanation);

// At `start` alone when `step_nanos` is 0. Errors are those of the query itself.
Result<Explanation> explain_query(const PromqlOptions& options, const QueryContext& context,
                                  std::string_view query, UnixNanos start, UnixNanos end, int64_t step_nanos);

}  // namespace obelisk
