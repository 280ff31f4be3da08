#pragma once
// Columns of a row group as an aggregate wants them: keys as small numbers, values as doubles. A column can
// be stored with several types, and a key can name several columns: the first that a row has counts.
#include <optional>

#include "plan/aggregate_fold.h"
#include "storage/embedded/events/row_group_reader.h"

namespace obelisk {

// Of the rows in `mask` (empty: all); the others get any number.
Result<AggregateRows::KeyColumn> read_key_column(RowGroupReader& reader, const std::vector<ColumnId>& columns,
                                                 const RowMask& mask);
// All labels of each row's stream.
AggregateRows::KeyColumn read_labels_key(RowGroupReader& reader);
// The patterns of a column of strings: of text kept as templates, one look a template.
Result<AggregateRows::KeyColumn> read_pattern_key(RowGroupReader& reader, const ColumnId& column,
                                                  const RowMask& mask);
// The numbers (with `length`: lengths of texts) of each row in `values`; rows without one are cleared in
// `mask`.
Result<void> read_value_column(RowGroupReader& reader, const std::vector<ColumnId>& columns, bool length,
                               RowMask& mask, std::vector<double>& values);

// An int64 column, 0 where it is absent.
struct IntColumn {
  const std::vector<int64_t>* values = nullptr;
  int64_t at(size_t row) const { return values == nullptr ? 0 : (*values)[row]; }
};
Result<IntColumn> read_int_column(RowGroupReader& reader, const ColumnId& id);

}  // namespace obelisk
