#pragma once
// Compensated summation (Neumaier's form of Kahan's), as the reference sums and averages: the result of
// adding is `sum + compensation`.
#include <cmath>

namespace obelisk {

inline void kahan_add(double increment, double& sum, double& compensation) {
  double total = sum + increment;
  if (std::isinf(total)) {
    compensation = 0;
  } else if (std::fabs(sum) >= std::fabs(increment)) {
    compensation += (sum - total) + increment;
  } else {
    compensation += (increment - total) + sum;
  }
  sum = total;
}

}  // namespace obelisk
