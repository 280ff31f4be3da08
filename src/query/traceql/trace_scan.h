#pragma once
// Runs a search pipeline over the traces of a store: lowers its filters to marks, reads the traces that can
// fit, and hands each with what the pipeline found to a visitor. Used by search and metrics.
#include <functional>
#include <memory>

#include "query/traceql/engine.h"
#include "query/traceql/lowering.h"
#include "query/traceql/spanset_evaluator.h"

namespace obelisk::traceql {

struct TraceScan {
  const QueryContext& context;
  const Query& query;
  const Pipeline& pipeline;
  TimeRange range;
  std::vector<ColumnId> columns;  // beyond those of the query's attributes
  // Asked before a trace is evaluated; false leaves it out. May be empty.
  std::function<bool(const TraceTree&)> wanted;
  bool all_columns = false;
  // Traces that begin late first, and no more once `enough` says so of the latest time at which one that is
  // still to come can begin.
  bool newest_first = false;
  std::function<bool(int64_t latest_begin)> enough = {};
  // Only these traces; null: all.
  std::shared_ptr<const TraceIdSet> only = nullptr;
};

using TraceVisitor = std::function<Result<void>(const TraceTree&, AttributeReader&, std::vector<Spanset>)>;
Result<ScanStatistics> scan_traces(const TraceScan& scan, const TraceVisitor& visit);

// The filters of one pipeline, lowered; indexed by SpansetExpr::leaf (those of other pipelines are empty).
Result<std::vector<Lowered>> lower_leaves(const QueryContext& context, const Query& query,
                                          const Pipeline& pipeline, TimeRange range);
void add_coverage(const Coverage& coverage, ScanStatistics& statistics);
// The spans that start in the range.
Spanset spans_in_range(const TraceTree& tree, TimeRange range);

}  // namespace obelisk::traceql
