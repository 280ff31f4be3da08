#pragma once
// OTLP names as Prometheus names: the translation strategy UnderscoreEscapingWithSuffixes, Prometheus'
// default. Metric names: every run of other characters than letters, digits and ':' becomes one '_'; the unit
// is spelled out and appended unless the name has it; monotonic sums end in _total, gauges of unit "1" in
// _ratio. Label names: every character other than letters, digits and '_' becomes '_'; a leading digit gets
// "key_" in front, a single leading '_' gets "key". Pure functions.
#include <string>
#include <string_view>

#include "base/arena.h"

namespace obelisk {

enum class OtlpMetricKind : uint8_t { gauge, monotonic_sum, other };

std::string prometheus_metric_name(std::string_view name, std::string_view unit, OtlpMetricKind kind);
// "By/s" -> "bytes_per_second"; empty for "1", annotations in braces and no unit.
std::string prometheus_unit(std::string_view unit);
// Copies into the arena only when the name changes.
std::string_view prometheus_label_name(std::string_view key, Arena& arena);

}  // namespace obelisk
