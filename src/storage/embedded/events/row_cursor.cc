#include "storage/embedded/events/row_cursor.h"

#include <algorithm>

#include "storage/embedded/events/column_union.h"
#include "storage/embedded/events/scan_read_ahead.h"

namespace obelisk {
namespace {

// Rows of one batch handed out; large enough to amortise, small enough to hold.
constexpr size_t kBatchRowsMax = 64 << 10;

class RowCursor : public Cursor {
 public:
  RowCursor(EventViewPtr view, const Scan& scan, std::vector<ScanUnit> units, Budget& budget,
            const Cancel& cancel)
      : view_(std::move(view)),
        scan_(scan),
        units_(std::move(units)),
        budget_(budget),
        cancel_(cancel),
        held_(budget) {}

  Result<BatchPtr> next() override {
    if (at_ == 0 && scan_.table == Table::logs && lines_ == nullptr) {
      OBELISK_TRY(lines_, repeated_lines_of(view_->of(scan_.table), units_, budget_, cancel_));
    }
    while (at_ < units_.size() && !is_full()) {
      OBELISK_CHECK_OK(cancel_.check());
      ahead_.enter(at_);
      const ScanUnit& unit = units_[at_++];
      const std::vector<ColumnId>* wanted = scan_.all_columns ? nullptr : &scan_.columns;
      uint64_t left = scan_.limit == 0 ? 0 : scan_.limit - returned_;
      const std::vector<uint32_t>* left_out = lines_ == nullptr ? nullptr : repeated_rows_of(*lines_, unit);
      OBELISK_TRY(BatchPtr batch, read_scan_unit(unit, scan_.where, scan_.range, wanted, Order::any, left,
                                                 budget_, counts_, left_out, &ahead_));
      if (!batch) continue;
      returned_ += batch->row_count;
      held_.release();
      OBELISK_CHECK_OK(held_.add(batch->memory_bytes()));
      return batch;
    }
    return BatchPtr();
  }

  Coverage coverage() const override { return {true, "", counts_.rows, counts_.bytes}; }

 private:
  bool is_full() const { return scan_.limit != 0 && returned_ >= scan_.limit; }

  const EventViewPtr view_;
  const Scan scan_;
  const std::vector<ScanUnit> units_;
  ScanReadAhead ahead_{units_};
  std::shared_ptr<const RepeatedLines> lines_;
  Budget& budget_;
  const Cancel& cancel_;
  BudgetCharge held_;
  ReadCounts counts_;
  size_t at_ = 0;
  uint64_t returned_ = 0;
};

class OrderedRowCursor : public Cursor {
 public:
  OrderedRowCursor(EventViewPtr view, const Scan& scan, std::vector<ScanUnit> units, Budget& budget,
                   const Cancel& cancel)
      : view_(std::move(view)),
        scan_(scan),
        units_(std::move(units)),
        budget_(budget),
        cancel_(cancel),
        held_(budget) {
    std::stable_sort(units_.begin(), units_.end(),
                     [&](auto& a, auto& b) { return time_before(best_time(a), best_time(b)); });
  }

  Result<BatchPtr> next() override {
    for (;;) {
      if (scan_.limit != 0 && returned_ >= scan_.limit) return BatchPtr();
      if (size_t ready = ready_rows(); ready > 0) return take(ready);
      if (at_ == units_.size()) return BatchPtr();
      OBELISK_CHECK_OK(cancel_.check());
      ahead_.enter(at_);
      OBELISK_CHECK_OK(read_unit(units_[at_++]));
    }
  }

  Coverage coverage() const override { return {true, "", counts_.rows, counts_.bytes}; }

 private:
  struct PoolRow {
    int64_t time = 0;
    uint32_t rank = 0;
    RowRef ref;
  };

  bool time_before(int64_t a, int64_t b) const {
    return scan_.order == Order::time_ascending ? a < b : a > b;
  }
  int64_t best_time(const ScanUnit& unit) const {
    return scan_.order == Order::time_ascending ? unit.min_time : unit.max_time;
  }
  bool row_before(const PoolRow& a, const PoolRow& b) const {
    if (a.time != b.time) return time_before(a.time, b.time);
    if (a.rank != b.rank) return a.rank < b.rank;
    return a.ref.row < b.ref.row;
  }

  Result<void> read_unit(const ScanUnit& unit) {
    const std::vector<ColumnId>* wanted = scan_.all_columns ? nullptr : &scan_.columns;
    uint64_t left = scan_.limit == 0 ? 0 : scan_.limit - returned_;
    OBELISK_TRY(BatchPtr batch, read_scan_unit(unit, scan_.where, scan_.range, wanted, scan_.order, left,
                                               budget_, counts_, nullptr, &ahead_));
    if (!batch) return {};
    OBELISK_CHECK_OK(held_.add(batch->memory_bytes() + batch->row_count * sizeof(PoolRow)));
    const std::vector<int64_t>& times = batch->times();
    uint32_t index = static_cast<uint32_t>(batches_.size());
    for (uint32_t row = 0; row < batch->row_count; ++row)
      pool_.push_back({times[row], unit.rank, {index, row}});
    batches_.push_back(std::move(batch));
    std::sort(pool_.begin(), pool_.end(), [&](auto& a, auto& b) { return row_before(a, b); });
    if (left != 0 && pool_.size() > left) pool_.resize(left);
    return {};
  }

  // Rows at the front of the pool that no unread unit can precede.
  size_t ready_rows() const {
    if (at_ == units_.size()) return std::min(pool_.size(), kBatchRowsMax);
    int64_t bound = best_time(units_[at_]);
    auto end = std::partition_point(pool_.begin(), pool_.end(),
                                    [&](const PoolRow& row) { return time_before(row.time, bound); });
    return std::min(static_cast<size_t>(end - pool_.begin()), kBatchRowsMax);
  }

  BatchPtr take(size_t count) {
    std::vector<RowRef> refs;
    refs.reserve(count);
    for (size_t i = 0; i < count; ++i) refs.push_back(pool_[i].ref);
    pool_.erase(pool_.begin(), pool_.begin() + static_cast<ptrdiff_t>(count));
    returned_ += count;
    auto result = std::make_shared<const Batch>(gather_columns(scan_.table, batches_, refs, nullptr, false));
    if (pool_.empty()) {
      batches_.clear();
      held_.release();
    }
    return result;
  }

  const EventViewPtr view_;
  const Scan scan_;
  std::vector<ScanUnit> units_;
  ScanReadAhead ahead_{units_};
  Budget& budget_;
  const Cancel& cancel_;
  BudgetCharge held_;
  ReadCounts counts_;
  size_t at_ = 0;
  uint64_t returned_ = 0;
  std::vector<BatchPtr> batches_;
  std::vector<PoolRow> pool_;  // sorted by row_before
};

}  // namespace

std::unique_ptr<Cursor> make_row_cursor(EventViewPtr view, const Scan& scan, std::vector<ScanUnit> units,
                                        Budget& budget, const Cancel& cancel) {
  if (scan.order == Order::any)
    return std::make_unique<RowCursor>(std::move(view), scan, std::move(units), budget, cancel);
  return std::make_unique<OrderedRowCursor>(std::move(view), scan, std::move(units), budget, cancel);
}

}  // namespace obelisk
