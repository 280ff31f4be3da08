#pragma once
// OpenMetrics text 1.0.0. Strict is what the specification says a parser must refuse, for validators
// (openmetrics_rules.h). Lenient is what Prometheus takes when it scrapes: the same lines, without the rules
// on names, grouping, order and values, and with quoted UTF-8 names and a trailing comma in label sets; le
// and quantile are spelled canonically. In both modes the page must end with "# EOF". Times are seconds, kept
// to the nanosecond when written in decimal.
#include <optional>
#include <string_view>

#include "wire/exposition.h"

namespace obelisk {

enum class OpenMetricsMode : uint8_t { lenient, strict };

// A time as a page has it: seconds, to the nanosecond when written in decimal, else rounded to milliseconds.
std::optional<UnixNanos> parse_openmetrics_time(std::string_view text);

// Of the options only created_as_start_time is looked at, and only in lenient mode.
Result<Exposition> parse_openmetrics(std::string_view page, OpenMetricsMode mode,
                                     const ExpositionOptions& options = {});

}  // namespace obelisk
