#include "storage/row_sort.h"

#include <algorithm>

#include "plan/row_copy.h"

namespace obelisk {
namespace {

// The group that holds `row`: groups are few a batch and sorted by first_row.
const Group& group_of(const Batch& batch, uint32_t row) {
  auto after = std::upper_bound(batch.groups.begin(), batch.groups.end(), row,
                                [](uint32_t wanted, const Group& group) { return wanted < group.first_row; });
  return *(after - 1);
}

}  // namespace

Batch gather_rows(const std::vector<BatchPtr>& batches, std::vector<RowRef> rows, Order order, uint64_t limit,
                  const std::vector<ColumnId>* wanted) {
  auto time_of = [&](const RowRef& ref) { return batches[ref.batch]->times()[ref.row]; };
  if (order == Order::time_ascending) {
    std::stable_sort(rows.begin(), rows.end(), [&](auto& a, auto& b) { return time_of(a) < time_of(b); });
  } else if (order == Order::time_descending) {
    std::stable_sort(rows.begin(), rows.end(), [&](auto& a, auto& b) { return time_of(a) > time_of(b); });
  }
  if (limit != 0 && rows.size() > limit) rows.resize(limit);
  if (batches.empty()) return Batch();
  BatchBuilder builder(batches[0]->table);
  for (const BatchPtr& batch : batches) builder.keep_alive(batch);
  RowCopier copier(builder, wanted, false);
  const Group* current = nullptr;
  for (const RowRef& ref : rows) {
    const Group& group = group_of(*batches[ref.batch], ref.row);
    bool same = current != nullptr && current->labels_hash == group.labels_hash &&
                labels_equal(current->labels, group.labels);
    if (!same) builder.begin_group(group.labels);
    current = &group;
    copier.copy(*batches[ref.batch], ref.row);
  }
  return builder.finish();
}

}  // namespace obelisk
