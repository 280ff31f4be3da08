#pragma once
// The columns of several batches side by side: for every (scope, name, type) that occurs, the column of each
// batch. What gathering, sorting and writing rows of many batches go by, column by column.
#include <string>
#include <vector>

#include "plan/batch.h"
#include "storage/row_sort.h"

namespace obelisk {

struct UnionColumn {
  ColumnId id;
  ColumnType type = ColumnType::string;
  std::vector<const ColumnData*> of_batch;  // null where a batch has no such column
};

// Sorted by id and type. `wanted` null: all columns.
std::vector<UnionColumn> column_union(const std::vector<BatchPtr>& batches,
                                      const std::vector<ColumnId>* wanted);

// `refs` of `batches` as one batch, in the order given, built column by column. Groups begin where labels
// change. Texts are borrowed unless `copy_strings`; what they point into is kept alive by the result. Time
// always comes.
Batch gather_columns(Table table, const std::vector<BatchPtr>& batches, const std::vector<RowRef>& refs,
                     const std::vector<ColumnId>* wanted, bool copy_strings);

// The group of a row of a batch.
const Group& group_of_row(const Batch& batch, uint32_t row);
// Bytes of the batch in memory with the text its strings point to, whoever owns it.
size_t batch_footprint(const Batch& batch);

}  // namespace obelisk
