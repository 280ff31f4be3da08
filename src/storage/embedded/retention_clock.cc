#include "storage/embedded/retention_clock.h"

#include <fmt/format.h>

#include "base/log.h"
#include "base/self_metrics.h"
#include "base/text.h"

namespace obelisk {

UnixNanos RetentionClock::now() {
  UnixNanos clock = clock_.now();
  if (!steady_nanos_) return clock;
  int64_t steady = steady_nanos_();
  auto runs_on_from = [&](const Moment& before) {
    return clock.value - before.time <= steady - before.steady + kJumpNanos;
  };
  if (believed_ && !runs_on_from(*believed_)) {
    UnixNanos expected{believed_->time + (steady - believed_->steady)};
    bool is_new = !doubted_ || !runs_on_from(*doubted_);
    if (is_new) {
      doubted_ = Moment{clock.value, steady};
      counter("obelisk_storage_clock_jumps_total", "Times that the clock jumped ahead.").add();
      log_error(
          "storage",
          fmt::format("the clock jumped to {}, {} was expected: nothing is deleted because of it for {} h",
                      format_rfc3339(clock.value), format_rfc3339(expected.value),
                      kBelieveAfterNanos / (3600 * kNanosPerSecond)));
    }
    if (steady - doubted_->steady < kBelieveAfterNanos) return expected;
  }
  doubted_.reset();
  believed_ = Moment{clock.value, steady};
  return clock;
}

}  // namespace obelisk
