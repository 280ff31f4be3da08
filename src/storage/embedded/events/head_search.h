#pragma once
// Which rows of a batch of the head may satisfy a condition, found without decoding the batch: labels are
// asked of its filter and of its groups, texts and trace ids are looked for in the bytes of their columns as
// they lie (plan/packed_search.h). What is found is a superset, mostly exact; the condition itself is then
// asked of these rows alone. Pure.
#include <optional>
#include <vector>

#include "plan/expression.h"
#include "storage/embedded/events/head_batch.h"

namespace obelisk {

// Ascending; nullopt when that cannot be said, or may be more rows than looking for them one by one pays for.
Result<std::optional<std::vector<uint32_t>>> rows_that_may_hold(const HeadBatch& batch, const Expr& where);

}  // namespace obelisk
