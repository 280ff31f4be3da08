#pragma once
// Small text conversions that several layers need: hexadecimal, numbers as Prometheus and Go print them,
// durations, UTF-8 validity. All functions are pure.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace obelisk {

std::string to_hex(std::string_view bytes);
// Both cases accepted; nullopt when a character is not hexadecimal or the length is odd.
std::optional<std::string> from_hex(std::string_view text);

bool is_valid_utf8(std::string_view text);
// `text` with every invalid byte replaced by U+FFFD.
std::string replace_invalid_utf8(std::string_view text);

// The shortest decimal that reads back as the same double, in the form Go's strconv 'f' -1 / 'g' mix that the
// Prometheus API prints: NaN, +Inf, -Inf, 1e+06 only when the exponent is < -4 or >= 21.
std::string format_sample_value(double value);
// Go's strconv.ParseFloat as far as telemetry uses it: decimal, hexadecimal, inf, infinity, nan in any case,
// `_` refused.
std::optional<double> parse_float(std::string_view text);
std::optional<int64_t> parse_int64(std::string_view text);
std::optional<uint64_t> parse_uint64(std::string_view text);

// Prometheus durations: 1y2w3d4h5m6s7ms in descending units, each at most once. Nanoseconds.
Result<int64_t> parse_prometheus_duration(std::string_view text);
// The inverse: "1h30m", "15s", "0s".
std::string format_prometheus_duration(int64_t nanos);
// Go's time.ParseDuration: signed sequence of decimal numbers with ns us (µs) ms s m h.
Result<int64_t> parse_go_duration(std::string_view text);

// RFC 3339 in UTC with as many fractional digits as needed: 2026-05-03T06:37:57.625976Z.
std::string format_rfc3339(int64_t unix_nanos);
std::optional<int64_t> parse_rfc3339(std::string_view text);

std::string_view trim(std::string_view text);
bool equals_ignoring_case(std::string_view a, std::string_view b);
std::string to_lower(std::string_view text);

}  // namespace obelisk
