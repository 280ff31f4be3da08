#pragma once
// Hands every span that a search pipeline finds, once, to a visitor: what metrics count. Pipelines that are
// one filter on facts of the span alone are read as rows; all others as whole traces.
#include <functional>

#include "query/traceql/trace_scan.h"

namespace obelisk::traceql {

// One span of a batch; values of the query's attributes are read through it.
class SpanView {
 public:
  SpanView(const Batch& batch, AttributeReader& reader, FieldEvaluator& fields, uint32_t row, uint32_t span)
      : batch_(batch), reader_(reader), fields_(fields), row_(row), span_(span) {}

  Value read(size_t slot) {
    return span_ == kNoSpan ? reader_.read_row(slot, row_) : reader_.read_span(slot, span_);
  }
  bool holds(const FieldExpr& expr) {
    return span_ == kNoSpan ? fields_.holds_on_row(expr, row_) : fields_.holds_on_span(expr, span_);
  }
  const Batch& batch() const { return batch_; }
  uint64_t bound_batches() const { return reader_.bound_batches(); }  // as of AttributeReader
  uint32_t row() const { return row_; }
  int64_t time() const { return batch_.times()[row_]; }
  TraceId trace_id() const;

 private:
  const Batch& batch_;
  AttributeReader& reader_;
  FieldEvaluator& fields_;
  uint32_t row_;
  uint32_t span_;
};

struct SpanScan {
  const QueryContext& context;
  const Query& query;
  const Pipeline& pipeline;
  TimeRange range;
  bool all_columns = false;
  std::shared_ptr<const TraceIdSet> only = nullptr;  // as of TraceScan
};

// The filter of a pipeline that is one filter on facts of each span itself; null for other pipelines.
const SpansetExpr* span_local_filter(const Query& query, const Pipeline& pipeline);

using SpanVisitor = std::function<Result<void>(SpanView&)>;
Result<ScanStatistics> scan_spans(const SpanScan& scan, const SpanVisitor& visit);

}  // namespace obelisk::traceql
