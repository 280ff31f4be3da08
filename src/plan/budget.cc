#include "plan/budget.h"

#include <fmt/format.h>

namespace obelisk {

Error Budget::over() const {
  return make_error(
      ErrorCode::too_large,
      fmt::format("the query needs more than its memory budget of {} MiB; narrow the selector or the "
                  "time range",
                  bytes_max_ >> 20));
}

Result<void> Cancel::check() const {
  if (cancelled_.load(std::memory_order_relaxed))
    return make_error(ErrorCode::cancelled, "the query was cancelled");
  if (deadline_ != Clock::time_point::max() && Clock::now() > deadline_) {
    return make_error(ErrorCode::timeout, "the query ran into its timeout");
  }
  return {};
}

}  // namespace obelisk
