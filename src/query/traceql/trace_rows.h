#pragma once
// Rows of a fetched trace put into one batch: a tree belongs to one. Pure functions; texts are borrowed, the
// sources are kept alive.
#include <utility>
#include <vector>

#include "plan/batch.h"

namespace obelisk::traceql {

using RowPlace = std::pair<uint32_t, uint32_t>;  // (batch, row)
BatchPtr rows_of(const std::vector<BatchPtr>& batches, const std::vector<RowPlace>& rows);
// All of them; the batch itself when there is only one.
BatchPtr joined_rows(const std::vector<BatchPtr>& batches);
// The group that is the whole batch.
Group whole_batch(const Batch& batch);

}  // namespace obelisk::traceql
