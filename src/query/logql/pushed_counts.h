#pragma once
// Counts, bytes and their rates of log lines, computed by the store (Scan::aggregate) instead of row by row:
// for ranges whose filters the store applies wholly and whose series are named by stream labels alone. Stores
// count such rows from template numbers, dictionaries and packed times without putting a line together.
#include <optional>
#include <string>
#include <vector>

#include "query/logql/engine.h"

namespace obelisk::logql {

// What names the series of the result.
struct CountedSeries {
  enum class Mode { all, by, without };
  Mode mode = Mode::all;
  std::vector<std::string> names;  // sorted
};

// nullopt when rows must be looked at: structured metadata may be part of a series' name, or range and step
// have no common measure that keeps the number of stored counts small. `where` selects the rows in `times`;
// `query` is a count, bytes, rate or bytes_rate without unwrap.
Result<std::optional<Matrix>> count_in_store(QueryContext& context, const Query& query, const StepGrid& grid,
                                             const CountedSeries& series, const Expr& where, TimeRange times,
                                             ReadStatistics& statistics);

}  // namespace obelisk::logql
