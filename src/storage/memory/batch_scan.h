#pragma once
// Scans over batches held in memory, shared by the memory store and by the heads of the embedded engine:
// rows, series and traces gathered from a list of batches by applying the predicate to every row.
#include <memory>
#include <vector>

#include "base/hash.h"
#include "storage/reader.h"

namespace obelisk {

// A cursor over the rows of `batches` (all of scan.table, in append order) that the scan asks for: order and
// limit done, nothing left residual.
Result<std::unique_ptr<Cursor>> scan_batches(std::vector<BatchPtr> batches, const Scan& scan, Budget& budget,
                                             const Cancel& cancel);
// The same for the other reader calls.
std::vector<Labels> series_of_batches(const std::vector<BatchPtr>& batches, const Scan& scan);
std::vector<ColumnInfo> columns_of_batches(const std::vector<BatchPtr>& batches, const Scan& scan);
std::vector<ValueCount> values_of_batches(const std::vector<BatchPtr>& batches, const Scan& scan,
                                          const ColumnId& column, uint64_t limit);
// The values of a label, as Reader::values gives them.
std::vector<ValueCount> label_values_of(const std::vector<Labels>& series, std::string_view name,
                                        uint64_t limit);
// Of everything a row has but its stream and time: two rows of one stream and time with equal ones are one
// row.
Hash128 hash_of_row(const Batch& batch, size_t row);
// A value as ValueCount prints it.
std::string column_value_text(const ColumnData& data, size_t row);

}  // namespace obelisk
