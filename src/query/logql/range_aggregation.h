#pragma once
// Range aggregations over log rows: count_over_time and its kin, at every step of a grid at once.
// A row of time t counts in the steps s with s - range < t <= s. Counts and bytes are kept as changes a step,
// so that their memory is bounded by the steps and not by the rows; functions of unwrapped values keep the
// samples of a series (16 bytes each, charged to the budget).
#include "query/logql/engine.h"

namespace obelisk::logql {

// `outer`: the grouping of a sum around the aggregation, which is then done here, row by row (null: none).
// Only for operations of can_sum_rows. `series_max`: more series are refused when the first too many turns up
// (0: any number, within the budget).
Result<Matrix> evaluate_range(QueryContext& context, const Query& query, const StepGrid& grid,
                              const Grouping* outer, size_t series_max, ReadStatistics& statistics);
Error too_many_series(size_t series_max);

// Whether sum(op(...)) equals op over the merged rows: count, bytes, rate, bytes_rate and sum are additive.
bool can_sum_rows(RangeOp op);

}  // namespace obelisk::logql
