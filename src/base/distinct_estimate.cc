#include "base/distinct_estimate.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace obelisk {

void DistinctEstimate::add(uint64_t hash) {
  uint64_t rest = hash << kIndexBits;
  int run = rest == 0 ? 64 - kIndexBits : std::countl_zero(rest);
  uint8_t& held = registers_[hash >> (64 - kIndexBits)];
  held = std::max(held, static_cast<uint8_t>(run + 1));
}

void DistinctEstimate::merge(const DistinctEstimate& other) {
  for (size_t i = 0; i < registers_.size(); ++i) registers_[i] = std::max(registers_[i], other.registers_[i]);
}

double DistinctEstimate::value() const {
  const auto count = static_cast<double>(registers_.size());
  double sum = 0, empty = 0;
  for (uint8_t held : registers_) {
    sum += std::exp2(-static_cast<double>(held));
    empty += held == 0 ? 1 : 0;
  }
  double estimate = 0.7213 / (1 + 1.079 / count) * count * count / sum;
  if (estimate <= 2.5 * count && empty > 0) return count * std::log(count / empty);
  return estimate;
}

}  // namespace obelisk
