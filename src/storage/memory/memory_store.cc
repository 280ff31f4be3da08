#include "storage/memory/memory_store.h"

#include "plan/row_copy.h"
#include "storage/memory/batch_scan.h"

namespace obelisk {
namespace {

// The rows of a batch that an erasure leaves.
Batch rows_left(const BatchPtr& batch, const Scan& erased) {
  std::vector<uint8_t> matches = evaluate(erased.where, *batch);
  BatchBuilder rows(batch->table);
  rows.keep_alive(batch);
  RowCopier copier(rows, nullptr, false);
  for (const Group& group : batch->groups) {
    rows.begin_group(group.labels);
    for (uint32_t row = group.first_row; row < group.first_row + group.row_count; ++row) {
      bool gone = matches[row] != 0 && erased.range.contains({batch->times()[row]});
      if (!gone) copier.copy(*batch, row);
    }
  }
  return rows.finish();
}

}  // namespace

void MemoryStore::append(WriteRequest request, Done done) {
  for (const Batch& batch : request.batches) {
    if (Result<void> checked = batch.check(); !checked.ok()) return done(checked.error());
  }
  uint64_t sequence = 0;
  {
    MutexLock lock(mutex_);
    sequence = ++sequence_;
    for (Batch& batch : request.batches) {
      auto& table = tables_[{request.tenant, batch.table}];
      table.push_back({sequence, std::make_shared<const Batch>(std::move(batch))});
    }
  }
  done(LogPosition{sequence});
}

Result<EraseReport> MemoryStore::erase(const Scan& what) {
  OBELISK_CHECK_OK(check_erasable(what));
  MutexLock lock(mutex_);
  for (Stored& stored : tables_[{what.tenant, what.table}]) {
    if (stored.batch->row_count > 0)
      stored.batch = std::make_shared<const Batch>(rows_left(stored.batch, what));
  }
  return EraseReport{{sequence_}};
}

Result<Snapshot> MemoryStore::snapshot(const Tenant&) {
  MutexLock lock(mutex_);
  return Snapshot{sequence_, nullptr};
}

std::vector<BatchPtr> MemoryStore::visible(const Snapshot& at, const Scan& scan) {
  MutexLock lock(mutex_);
  std::vector<BatchPtr> batches;
  for (const Stored& stored : tables_[{scan.tenant, scan.table}]) {
    if (stored.sequence <= at.sequence) batches.push_back(stored.batch);
  }
  return batches;
}

Result<Plan> MemoryStore::plan(const Snapshot& at, const Scan& scan) {
  if (scan.unit == Unit::trace && !scan.where.is_always()) {
    return make_error(ErrorCode::invalid_argument, "a scan by trace takes marks, not a where");
  }
  Plan plan{at, scan, Expr(), true, true, {}};
  for (const BatchPtr& batch : visible(at, scan)) {
    plan.cost.rows += batch->row_count;
    plan.cost.bytes += batch->memory_bytes();
  }
  return plan;
}

Result<std::unique_ptr<Cursor>> MemoryStore::open(const Plan& plan, Budget& budget, const Cancel& cancel) {
  return scan_batches(visible(plan.at, plan.pushed), plan.pushed, budget, cancel);
}

Result<std::vector<Labels>> MemoryStore::series(const Snapshot& at, const Scan& scan, const Cancel& cancel) {
  OBELISK_CHECK_OK(cancel.check());
  return series_of_batches(visible(at, scan), scan);
}

Result<std::vector<ColumnInfo>> MemoryStore::columns(const Snapshot& at, const Scan& scan) {
  return columns_of_batches(visible(at, scan), scan);
}

Result<std::vector<ValueCount>> MemoryStore::values(const Snapshot& at, const Scan& scan,
                                                    const ColumnId& column, uint64_t limit,
                                                    const Cancel& cancel) {
  OBELISK_CHECK_OK(cancel.check());
  if (column.scope == Scope::label) {
    Scan unlimited = scan;
    unlimited.limit = 0;
    return label_values_of(series_of_batches(visible(at, scan), unlimited), column.name, limit);
  }
  return values_of_batches(visible(at, scan), scan, column, limit);
}

}  // namespace obelisk
