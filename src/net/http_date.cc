#include "net/http_date.h"

#include <fmt/format.h>

#include <array>
#include <ctime>

#include "env/clock.h"

namespace obelisk {

std::string format_http_date(UnixNanos time) {
  // Not strftime: its names follow the locale.
  static constexpr std::array kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::time_t seconds = time.value / kNanosPerSecond;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays[parts.tm_wday], parts.tm_mday,
                     kMonths[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::string_view current_http_date() {
  static thread_local int64_t cached_second = -1;
  static thread_local std::string cached;
  UnixNanos now = SystemClock().now();
  if (now.value / kNanosPerSecond != cached_second) {
    cached_second = now.value / kNanosPerSecond;
    cached = format_http_date(now);
  }
  return cached;
}

}  // namespace obelisk
