#pragma once
// Metrics functions that a store can compute itself (plan/aggregate.h): one filter on facts of the span
// alone, counted or measured by attributes that are columns of their own. Pure functions.
#include <optional>

#include "query/traceql/ast.h"
#include "query/traceql/lowering.h"
#include "query/traceql/metrics_series.h"
#include "query/traceql/value.h"

namespace obelisk::traceql {

// The aggregate that computes `expr` over `grid`; nullopt when some of it is not in columns. Its key parts
// are expr.by in order. The filter must be lowered exactly by the caller.
std::optional<Aggregate> lower_aggregate(const MetricsExpr& expr, const PointGrid& grid,
                                         const ArrayColumns& arrays, uint32_t exemplars_max);
// What a key part says of an attribute.
StoredValue value_of_key(const Attribute& attribute, const AggregateKeyPart& part);

}  // namespace obelisk::traceql
