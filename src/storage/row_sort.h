#pragma once
// Gathers rows of several batches into one batch in a wanted order: the fallback for stores that do not order
// themselves, and how the memory store answers.
#include <cstdint>
#include <vector>

#include "plan/batch.h"
#include "plan/scan.h"

namespace obelisk {

struct RowRef {
  uint32_t batch = 0;
  uint32_t row = 0;
};

// `rows` of `batches` as one batch, stably sorted by time as `order` says (any: as given), at most `limit`
// rows (0 = all). Groups begin where labels change. Values are borrowed; the result keeps the batches alive.
// `wanted` null: all columns.
Batch gather_rows(const std::vector<BatchPtr>& batches, std::vector<RowRef> rows, Order order, uint64_t limit,
                  const std::vector<ColumnId>* wanted);

}  // namespace obelisk
