#pragma once
// What time it is for retention, which deletes: the clock's time, but not when the clock has just jumped
// ahead of what a steady counter says has passed. Such a time is believed once it has gone on for
// kBelieveAfter; until then time goes on from the last one that was believed, and is counted in
// obelisk_storage_clock_jumps_total. A clock that jumps back is believed at once: then less is deleted.
// A jump while the server is down cannot be told. One thread at a time.
#include <cstdint>
#include <functional>
#include <optional>

#include "env/clock.h"

namespace obelisk {

class RetentionClock {
 public:
  // More than leap seconds and a slow start of NTP make, less than any retention.
  static constexpr int64_t kJumpNanos = 3600 * kNanosPerSecond;
  // Long enough for a person to see the log and set the clock.
  static constexpr int64_t kBelieveAfterNanos = 24 * 3600 * kNanosPerSecond;

  // `steady_nanos` counts on whatever the clock does; without it the clock is always believed.
  RetentionClock(const Clock& clock, std::function<int64_t()> steady_nanos)
      : clock_(clock), steady_nanos_(std::move(steady_nanos)) {}

  UnixNanos now();

 private:
  struct Moment {
    int64_t time = 0;
    int64_t steady = 0;
  };

  const Clock& clock_;
  const std::function<int64_t()> steady_nanos_;
  std::optional<Moment> believed_;
  std::optional<Moment> doubted_;  // when a time ahead was first seen
};

}  // namespace obelisk
