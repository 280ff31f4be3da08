#include "query/traceql/span_scan.h"

#include <absl/container/flat_hash_set.h>

#include <algorithm>

namespace obelisk::traceql {
namespace {

struct SpanKey {
  TraceId trace;
  int64_t span = 0;
  bool operator==(const SpanKey&) const = default;
  template <typename H>
  friend H AbslHashValue(H state, const SpanKey& key) {
    return H::combine(std::move(state), std::hash<TraceId>()(key.trace), key.span);
  }
};

// Spans already seen, each charged to the budget.
class SeenSpans {
 public:
  explicit SeenSpans(Budget& budget) : budget_(budget) {}
  ~SeenSpans() { budget_.release(charged_); }
  SeenSpans(const SeenSpans&) = delete;
  SeenSpans& operator=(const SeenSpans&) = delete;

  Result<bool> insert(const SpanKey& key) {
    bool fresh = keys_.insert(key).second;
    uint64_t bytes = keys_.capacity() * (sizeof(SpanKey) + 1);
    if (bytes > charged_) {
      OBELISK_CHECK_OK(budget_.charge(bytes - charged_));
      charged_ = bytes;
    }
    return fresh;
  }

 private:
  Budget& budget_;
  uint64_t charged_ = 0;
  absl::flat_hash_set<SpanKey> keys_;
};

Result<ScanStatistics> scan_rows(const SpanScan& asked, const SpansetExpr& filter, const SpanVisitor& visit) {
  const QueryContext& context = asked.context;
  OBELISK_TRY(std::vector<Lowered> leaves, lower_leaves(context, asked.query, asked.pipeline, asked.range));
  Lowered& lowered = leaves[filter.leaf];
  Scan scan;
  scan.tenant = context.tenant;
  scan.table = Table::spans;
  scan.range = asked.range;
  scan.where = std::move(lowered.expr);
  if (asked.only)
    scan.where =
        Expr::all_of({Expr::in_trace_ids(fixed_column(column::kTraceId), asked.only), std::move(scan.where)});
  scan.all_columns = asked.all_columns;
  scan.columns = {fixed_column(column::kTraceId), fixed_column(column::kSpanId)};
  for (const Attribute& attribute : asked.query.attributes) add_columns(attribute, scan.columns);
  std::sort(scan.columns.begin(), scan.columns.end());
  scan.columns.erase(std::unique(scan.columns.begin(), scan.columns.end()), scan.columns.end());
  OBELISK_TRY(std::unique_ptr<Cursor> cursor,
              open_scan(context.reader, context.at, scan, context.budget, context.cancel));
  AttributeReader reader(asked.query.attributes);
  FieldEvaluator fields(reader);
  SeenSpans seen(context.budget);
  ScanStatistics statistics;
  for (;;) {
    OBELISK_CHECK_OK(context.cancel.check());
    OBELISK_TRY(BatchPtr batch, cursor->next());
    if (!batch) break;
    reader.bind(*batch);
    const ColumnData* traces = batch->find_fixed(column::kTraceId);
    const ColumnData* ids = batch->find_fixed(column::kSpanId);
    for (uint32_t row = 0; row < batch->row_count; ++row) {
      if (++statistics.spans % 8192 == 0) OBELISK_CHECK_OK(context.cancel.check());
      SpanView span(*batch, reader, fields, row, kNoSpan);
      bool fits = lowered.exact || span.holds(*filter.filter);
      if (fits && traces != nullptr) {
        OBELISK_TRY(fits, seen.insert({traces->trace_ids[row], int_at(ids, row)}));
      }
      if (fits) OBELISK_CHECK_OK(visit(span));
      reader.clear_scratch();
    }
  }
  add_coverage(cursor->coverage(), statistics);
  return statistics;
}

}  // namespace

const SpansetExpr* span_local_filter(const Query& query, const Pipeline& pipeline) {
  if (pipeline.stages.size() != 1 || !pipeline.stages[0].spanset) return nullptr;
  const SpansetExpr& spanset = *pipeline.stages[0].spanset;
  if (spanset.kind != SpansetExpr::Kind::filter) return nullptr;
  bool trace_level = std::any_of(query.attributes.begin(), query.attributes.end(),
                                 [](const Attribute& attribute) { return is_trace_level(attribute); });
  return trace_level ? nullptr : &spanset;
}

TraceId SpanView::trace_id() const {
  const ColumnData* traces = batch_.find_fixed(column::kTraceId);
  return traces == nullptr ? TraceId{} : traces->trace_ids[row_];
}

Result<ScanStatistics> scan_spans(const SpanScan& asked, const SpanVisitor& visit) {
  if (const SpansetExpr* filter = span_local_filter(asked.query, asked.pipeline))
    return scan_rows(asked, *filter, visit);
  TraceScan scan{asked.context, asked.query, asked.pipeline, asked.range, {}, {}, asked.all_columns};
  scan.only = asked.only;
  return scan_traces(
      scan, [&](const TraceTree& tree, AttributeReader& reader, std::vector<Spanset> found) -> Result<void> {
        FieldEvaluator fields(reader);
        for (const Spanset& spanset : found) {
          for (uint32_t index : spanset.spans) {
            SpanView span(tree.batch(), reader, fields, tree.row(index), index);
            OBELISK_CHECK_OK(visit(span));
            reader.clear_scratch();
          }
        }
        return {};
      });
}

}  // namespace obelisk::traceql
