#pragma once
// What the directory of a part says about a predicate without reading a chunk.
#include <optional>
#include <vector>

#include "plan/expression.h"
#include "storage/embedded/events/part_format.h"

namespace obelisk {

// yes: every row of the row group satisfies `expr`; no: none does. Label comparisons count as unknown (they
// are decided by group, see decide_by_labels).
Decision decide_by_stats(const Expr& expr, const EventPartDirectory& part, const RowGroupInfo& group);

// The trace ids one of which a row must have in its trace_id column to satisfy `expr`; nullopt when it need
// not have any.
std::optional<std::vector<TraceId>> required_trace_ids(const Expr& expr);

}  // namespace obelisk
