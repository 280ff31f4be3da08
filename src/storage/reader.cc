#include "storage/reader.h"

#include <algorithm>
#include <utility>

#include "plan/aggregate_fold.h"
#include "plan/read_progress.h"
#include "storage/row_sort.h"

namespace obelisk {
namespace {

// Applies the residual to what an inner cursor returns.
class ResidualCursor : public Cursor {
 public:
  ResidualCursor(std::unique_ptr<Cursor> inner, Expr residual)
      : inner_(std::move(inner)), residual_(std::move(residual)) {}

  Result<BatchPtr> next() override {
    for (;;) {
      OBELISK_TRY(BatchPtr batch, inner_->next());
      if (!batch) return batch;
      std::vector<uint8_t> keep = evaluate(residual_, *batch);
      std::vector<RowRef> rows;
      for (uint32_t row = 0; row < keep.size(); ++row) {
        if (keep[row]) rows.push_back({0, row});
      }
      if (rows.size() == batch->row_count) return batch;
      if (rows.empty()) continue;
      return std::make_shared<const Batch>(gather_rows({batch}, std::move(rows), Order::any, 0, nullptr));
    }
  }

  Coverage coverage() const override { return inner_->coverage(); }

 private:
  std::unique_ptr<Cursor> inner_;
  Expr residual_;
};

// Reads everything, then returns it sorted and cut. The budget is charged for what is held.
class SortingCursor : public Cursor {
 public:
  SortingCursor(std::unique_ptr<Cursor> inner, Order order, uint64_t limit, Budget& budget,
                const Cancel& cancel)
      : inner_(std::move(inner)), order_(order), limit_(limit), budget_(budget), cancel_(cancel) {}

  Result<BatchPtr> next() override {
    if (done_) return BatchPtr();
    done_ = true;
    std::vector<BatchPtr> batches;
    std::vector<RowRef> rows;
    for (;;) {
      OBELISK_CHECK_OK(cancel_.check());
      OBELISK_TRY(BatchPtr batch, inner_->next());
      if (!batch) break;
      OBELISK_CHECK_OK(budget_.charge(batch->row_count * sizeof(RowRef)));
      for (uint32_t row = 0; row < batch->row_count; ++row)
        rows.push_back({static_cast<uint32_t>(batches.size()), row});
      batches.push_back(std::move(batch));
    }
    if (rows.empty()) return BatchPtr();
    return std::make_shared<const Batch>(gather_rows(batches, std::move(rows), order_, limit_, nullptr));
  }

  Coverage coverage() const override { return inner_->coverage(); }

 private:
  std::unique_ptr<Cursor> inner_;
  Order order_;
  uint64_t limit_;
  Budget& budget_;
  const Cancel& cancel_;
  bool done_ = false;
};

}  // namespace

Result<TierReport> Reader::tiers(const Snapshot&, int64_t, int64_t) {
  return TierReport();
}

Result<CardinalityReport> Reader::cardinality(const Snapshot&, const CardinalityQuery&, const Cancel&) {
  return make_error(ErrorCode::unsupported, "this store does not report cardinality");
}

Result<std::unique_ptr<Cursor>> open_scan(Reader& reader, const Snapshot& at, const Scan& scan,
                                          Budget& budget, const Cancel& cancel) {
  OBELISK_TRY(Plan plan, reader.plan(at, scan));
  note_scan_price({plan.cost.rows, plan.cost.bytes});
  // The columns a residual reads must be among those returned.
  if (!plan.residual.is_always() && !plan.pushed.all_columns)
    plan.residual.collect_columns(plan.pushed.columns);
  OBELISK_TRY(std::unique_ptr<Cursor> cursor, reader.open(plan, budget, cancel));
  if (!plan.residual.is_always()) cursor = std::make_unique<ResidualCursor>(std::move(cursor), plan.residual);
  bool sort = scan.unit == Unit::row && scan.order != Order::any && !plan.ordered;
  bool cut = scan.unit == Unit::row && scan.limit != 0 && !plan.limited;
  if (sort || cut) {
    cursor = std::make_unique<SortingCursor>(std::move(cursor), sort ? scan.order : Order::any, scan.limit,
                                             budget, cancel);
  }
  return cursor;
}

Result<AggregateAnswer> Reader::aggregate(const Plan&, Budget&, const Cancel&) {
  return make_error(ErrorCode::internal, "this store does not aggregate");
}

namespace {

// Reads the rows and folds them.
Result<AggregateAnswer> fold_scan(Reader& reader, const Snapshot& at, const Scan& scan, Budget& budget,
                                  const Cancel& cancel) {
  Scan rows = scan;
  rows.aggregate.reset();
  rows.all_columns = false;
  rows.columns.clear();
  rows.order = Order::any;
  rows.limit = 0;
  scan.aggregate->collect_columns(rows.columns);
  OBELISK_TRY(std::unique_ptr<Cursor> cursor, open_scan(reader, at, rows, budget, cancel));
  AggregateAnswer answer{AggregateStates(*scan.aggregate), {}};
  SpanIdentities spans(budget);
  BatchAggregator fold(answer.states, &spans);
  uint64_t charged = 0;
  for (;;) {
    OBELISK_CHECK_OK(cancel.check());
    OBELISK_TRY(BatchPtr batch, cursor->next());
    if (!batch) break;
    std::vector<uint8_t> mask(batch->row_count, 1);
    OBELISK_CHECK_OK(fold.add(*batch, mask));
    uint64_t bytes = answer.states.memory_bytes();
    if (bytes > charged) OBELISK_CHECK_OK(budget.charge(bytes - charged));
    charged = std::max(charged, bytes);
  }
  answer.coverage = cursor->coverage();
  return answer;
}

}  // namespace

Result<AggregateAnswer> aggregate_scan(Reader& reader, const Snapshot& at, const Scan& scan, Budget& budget,
                                       const Cancel& cancel) {
  if (!scan.aggregate || scan.unit != Unit::row || scan.aggregate->step <= 0) {
    return make_error(ErrorCode::invalid_argument, "an aggregate needs a scan by row, and a step above 0");
  }
  OBELISK_TRY(Plan plan, reader.plan(at, scan));
  if (plan.aggregated) note_scan_price({plan.cost.rows, plan.cost.bytes});
  Result<AggregateAnswer> answer =
      plan.aggregated ? reader.aggregate(plan, budget, cancel) : fold_scan(reader, at, scan, budget, cancel);
  if (answer.ok()) answer->states.sort();
  return answer;
}

}  // namespace obelisk
