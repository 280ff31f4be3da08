#pragma once
// Rows of a log selector after its pipeline, one call a row, in the order of the scan.
#include <functional>

#include "query/logql/metadata_columns.h"
#include "query/logql/selector_scan.h"

namespace obelisk::logql {

// What a query has read.
struct ReadStatistics {
  uint64_t rows = 0;  // from the store
  uint64_t line_bytes = 0;
  uint64_t rows_after_filter = 0;
  uint64_t repeated_rows = 0;  // left out: the stream has the same line at the same time already
  bool complete = true;        // false: the store could not read part of the range
  std::string incomplete_reason;
};

// A row that passed, and where its stream stands in the batch: rows of one group of one batch share their
// stream.
struct PassedRow {
  LogRow& row;
  uint64_t batch = 0;  // its number in the scan, from 1
  uint32_t group = 0;
};

// Runs the scan and hands every row that passes to `take`, which returns false to end the scan, or an error.
// Of a scan in time order, a line that its stream has twice at one time is handed over once.
Result<void> for_each_row(QueryContext& context, const Scan& scan, Pipeline& pipeline,
                          ReadStatistics& statistics,
                          const std::function<Result<bool>(const PassedRow&)>& take);

}  // namespace obelisk::logql
