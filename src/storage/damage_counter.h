#pragma once
// Counts stored blocks that failed their checksum or format when they were read, whichever store they belong
// to.
#include "base/self_metrics.h"

namespace obelisk {
Counter& damaged_blocks();
}  // namespace obelisk
