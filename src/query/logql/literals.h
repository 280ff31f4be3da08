#pragma once
// Numbers with units in LogQL: durations and byte sizes, as query literals and as label values. The messages
// of errors are Go's (time.ParseDuration, strconv.ParseFloat), since queries select on them through
// __error_details__. Pure functions.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace obelisk::logql {

// A duration in a query: Go's form, or Prometheus' with d, w and y. Nanoseconds.
Result<int64_t> parse_duration_literal(std::string_view text);
// A duration in a label: Go's form only. Nanoseconds. Error: time: missing unit in duration "90".
Result<int64_t> parse_duration_value(std::string_view text);
// "1.5KiB", "3 mb", "2,048": decimal units without i, binary with. Fractions of a byte are cut.
Result<uint64_t> parse_bytes(std::string_view text);
// Error: strconv.ParseFloat: parsing "GET": invalid syntax.
Result<double> parse_number_value(std::string_view text);

// As the formatter writes them back: 1h30m0s (Go), 3.0MB.
std::string format_go_duration(int64_t nanos);
std::string format_bytes(uint64_t bytes);
// "3.0 MB": SI units, one digit behind the point below ten.
std::string humanize_bytes(uint64_t bytes);

}  // namespace obelisk::logql
