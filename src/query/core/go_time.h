#pragma once
// Go's time layouts ("2006-01-02T15:04:05Z07:00"): formatting and parsing, in UTC or in a named zone. Zones
// come from the system's time zone database. Instants outside the years 1678 to 2261 do not fit into
// UnixNanos and are an error. Pure functions, safe from any thread.
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace obelisk {

// In UTC.
std::string format_go_time(UnixNanos time, std::string_view layout);
// `zone` "" and "UTC" are UTC, "Local" is taken as UTC (servers have no other place), else a name of the
// database.
Result<std::string> format_go_time_in(UnixNanos time, std::string_view layout, std::string_view zone);
Result<UnixNanos> parse_go_time(std::string_view layout, std::string_view text, std::string_view zone);

}  // namespace obelisk
