#include "api/obelisk/past_window.h"

#include <fmt/format.h>

#include "base/text.h"

namespace obelisk {
namespace {

// RFC 3339, or a number of seconds or nanoseconds since the epoch.
Result<UnixNanos> time_of(const Parameters& parameters, std::string_view name, UnixNanos fallback) {
  std::string_view text = parameters.get_or(name, "");
  if (text.empty()) return fallback;
  if (std::optional<int64_t> nanos = parse_rfc3339(text)) return UnixNanos{*nanos};
  std::optional<double> number = parse_float(text);
  if (number && *number >= 0 && *number < 9.2e9) return UnixNanos{static_cast<int64_t>(*number * 1e9)};
  std::optional<int64_t> nanos = parse_int64(text);
  if (nanos && *nanos > 0) return UnixNanos{*nanos};
  return make_error(ErrorCode::invalid_argument,
                    fmt::format("invalid {}: seconds, nanoseconds or RFC 3339", name));
}

}  // namespace

Result<TimeRange> past_window_of(const Parameters& parameters, UnixNanos now) {
  TimeRange range;
  OBELISK_TRY(range.end, time_of(parameters, "end", now));
  OBELISK_TRY(range.begin, time_of(parameters, "start", range.end - 3600 * kNanosPerSecond));
  if (range.end <= range.begin) return make_error(ErrorCode::invalid_argument, "start must lie before end");
  return range;
}

}  // namespace obelisk
