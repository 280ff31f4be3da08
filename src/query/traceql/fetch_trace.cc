// Whole traces by id.
#include <unordered_set>

#include "plan/row_copy.h"
#include "query/traceql/engine.h"

namespace obelisk::traceql {
namespace {

// The batch without rows whose span id was seen before.
BatchPtr without_duplicates(const BatchPtr& batch, std::unordered_set<int64_t>& seen) {
  const ColumnData* ids = batch->find_fixed(column::kSpanId);
  if (ids == nullptr) return batch;
  std::vector<uint32_t> rows;
  for (uint32_t row = 0; row < batch->row_count; ++row) {
    if (seen.insert(ids->ints[row]).second) rows.push_back(row);
  }
  if (rows.size() == batch->row_count) return batch;
  if (rows.empty()) return nullptr;
  BatchBuilder builder(Table::spans);
  builder.keep_alive(batch);
  RowCopier copier(builder, nullptr, false);
  for (uint32_t row : rows) copier.copy(*batch, row);
  return std::make_shared<const Batch>(builder.finish());
}

}  // namespace

Result<std::vector<BatchPtr>> fetch_trace(const QueryContext& context, const TraceId& id) {
  Scan scan;
  scan.tenant = context.tenant;
  scan.table = Table::spans;
  auto ids = std::make_shared<TraceIdSet>();
  ids->insert(id);
  scan.where = Expr::in_trace_ids(fixed_column(column::kTraceId), std::move(ids));
  scan.all_columns = true;
  scan.order = Order::time_ascending;
  OBELISK_TRY(std::unique_ptr<Cursor> cursor,
              open_scan(context.reader, context.at, scan, context.budget, context.cancel));
  std::vector<BatchPtr> batches;
  std::unordered_set<int64_t> seen;
  for (;;) {
    OBELISK_CHECK_OK(context.cancel.check());
    OBELISK_TRY(BatchPtr batch, cursor->next());
    if (!batch) return batches;
    if (BatchPtr unique = without_duplicates(batch, seen)) batches.push_back(std::move(unique));
  }
}

}  // namespace obelisk::traceql
