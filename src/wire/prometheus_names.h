#pragma once
// OTLP names as Prometheus names, by translation strategy (otlp_translation.h).
// Escaped metric names: with suffixes every run of other characters than letters, digits and ':' becomes one
// '_'; without, '_' of the name stay. With suffixes the unit is spelled out and appended unless the name has
// it; monotonic sums end in _total, gauges of unit "1" in _ratio. Escaped label names: every character other
// than letters, digits and
// '_' becomes '_'; a leading digit gets "key_" in front, a single leading '_' gets "key". Unescaped names
// stay UTF-8. Pure functions.
#include <string>
#include <string_view>

#include "base/arena.h"
#include "wire/otlp_translation.h"

namespace obelisk {

enum class OtlpMetricKind : uint8_t { gauge, monotonic_sum, other };

// Empty when nothing usable is left of it.
std::string prometheus_metric_name(std::string_view name, std::string_view unit, OtlpMetricKind kind,
                                   const OtlpTranslation& translation = {});
// "By/s" -> "bytes_per_second"; empty for "1", annotations in braces and no unit.
std::string prometheus_unit(std::string_view unit);
// Copies into the arena only when the name changes.
std::string_view prometheus_label_name(std::string_view key, Arena& arena,
                                       const OtlpTranslation& translation = {});

}  // namespace obelisk
