#pragma once
// The bytes of spans as metrics count them: of their values and attribute names, without their resource and
// scope. A pure function.
#include <cstdint>
#include <vector>

#include "plan/batch.h"

namespace obelisk {

// One number a row.
std::vector<uint64_t> span_sizes(const Batch& spans);

}  // namespace obelisk
