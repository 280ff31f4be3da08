#pragma once
// The sampling that a W3C tracestate tells of, by OpenTelemetry's member ot=th:. Pure functions.
#include <optional>
#include <string_view>

namespace obelisk {

// How many spans a sampled one stands for: 1 / (1 - threshold). Nothing where the tracestate has no threshold
// or a malformed one.
std::optional<double> multiplier_of_tracestate(std::string_view tracestate);

}  // namespace obelisk
