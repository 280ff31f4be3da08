#pragma once
// The pieces of Go's time layouts. Internal to go_time*.cc: includes a heavy header.
#include <absl/time/time.h>

#include <array>
#include <optional>
#include <string_view>

namespace obelisk::go_time {

enum class Piece {
  none,
  long_month,
  month,
  number_month,
  zero_month,
  long_weekday,
  weekday,
  day,
  under_day,
  zero_day,
  under_year_day,
  zero_year_day,
  hour,
  hour12,
  zero_hour12,
  minute,
  zero_minute,
  second,
  zero_second,
  long_year,
  year,
  upper_pm,
  lower_pm,
  zone_name,
  iso_zone,
  iso_colon_zone,
  number_zone,
  number_colon_zone,
  number_short_zone,
  iso_short_zone,
  fraction_zeros,
  fraction_nines,
};

struct Token {
  Piece piece = Piece::none;
  size_t begin = 0;  // where it starts in the layout
  size_t length = 0;
};

// The next piece of the layout at or after `from`.
Token next_token(std::string_view layout, size_t from);

inline constexpr std::array<std::string_view, 12> kMonths{"January",   "February", "March",    "April",
                                                          "May",       "June",     "July",     "August",
                                                          "September", "October",  "November", "December"};
inline constexpr std::array<std::string_view, 7> kWeekdays{"Monday", "Tuesday",  "Wednesday", "Thursday",
                                                           "Friday", "Saturday", "Sunday"};

// A zone by its name in the system's database; "", "UTC" and "Local" are UTC.
std::optional<absl::TimeZone> find_zone(std::string_view zone);

}  // namespace obelisk::go_time
