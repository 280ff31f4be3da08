#pragma once
// A native histogram as text: {count:4, sum:5, (0.5,1]:1, (1,2]:3}. How count_values labels one.
#include <string>

#include "model/histogram.h"

namespace obelisk {

std::string histogram_text(const Histogram& histogram);

}  // namespace obelisk
