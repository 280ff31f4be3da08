#include "query/traceql/trace_rows.h"

#include "plan/row_copy.h"

namespace obelisk::traceql {

BatchPtr rows_of(const std::vector<BatchPtr>& batches, const std::vector<RowPlace>& rows) {
  BatchBuilder builder(Table::spans);
  for (const BatchPtr& batch : batches) builder.keep_alive(batch);
  RowCopier copier(builder, nullptr, false);
  for (auto [batch, row] : rows) copier.copy(*batches[batch], row);
  return std::make_shared<const Batch>(builder.finish());
}

BatchPtr joined_rows(const std::vector<BatchPtr>& batches) {
  if (batches.size() == 1) return batches[0];
  std::vector<RowPlace> rows;
  for (uint32_t i = 0; i < batches.size(); ++i) {
    for (uint32_t row = 0; row < batches[i]->row_count; ++row) rows.emplace_back(i, row);
  }
  return rows_of(batches, rows);
}

Group whole_batch(const Batch& batch) {
  Group whole;
  whole.row_count = static_cast<uint32_t>(batch.row_count);
  return whole;
}

}  // namespace obelisk::traceql
