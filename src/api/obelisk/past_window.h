#pragma once
// The window of time a request of this folder asks about. Pure.
#include "base/result.h"
#include "base/time.h"
#include "net/url.h"

namespace obelisk {

// `start` and `end` as seconds, nanoseconds or RFC 3339; without them the last hour.
Result<TimeRange> past_window_of(const Parameters& parameters, UnixNanos now);

}  // namespace obelisk
