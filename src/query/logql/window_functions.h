#pragma once
// The functions of unwrapped ranges over one window of samples in time order. Pure functions.
#include <cstdint>
#include <span>

#include "query/logql/ast.h"

namespace obelisk::logql {

struct UnwrappedSample {
  int64_t time = 0;  // ns
  double value = 0;
};

struct Window {
  int64_t end = 0;    // ns, inclusive
  int64_t range = 0;  // ns; begins after end - range
  double parameter = 0;
};

// `samples` is not empty.
double window_function(RangeOp op, std::span<const UnwrappedSample> samples, const Window& window);

}  // namespace obelisk::logql
