#pragma once
// Go's math.Max and math.Min, which PromQL's results follow where NaN, infinities and signed zeros meet: an
// infinity that decides wins over NaN, NaN over every number.
#include <cmath>
#include <limits>

namespace obelisk::promql {

inline double go_max(double a, double b) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (a == kInfinity || b == kInfinity) return kInfinity;
  if (std::isnan(a) || std::isnan(b)) return std::numeric_limits<double>::quiet_NaN();
  if (a == 0 && b == 0) return std::signbit(a) ? b : a;
  return a > b ? a : b;
}

inline double go_min(double a, double b) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (a == -kInfinity || b == -kInfinity) return -kInfinity;
  if (std::isnan(a) || std::isnan(b)) return std::numeric_limits<double>::quiet_NaN();
  if (a == 0 && b == 0) return std::signbit(a) ? a : b;
  return a < b ? a : b;
}

}  // namespace obelisk::promql
