#pragma once
// Histograms made of cumulative `le` buckets: quantiles and fractions by linear interpolation. Pure
// functions.
#include <vector>

namespace obelisk::promql {

struct ClassicBucket {
  double upper = 0;
  double count = 0;  // of all observations up to `upper`
};

struct ClassicQuantile {
  double value = 0;
  bool forced_monotonic = false;  // some count was smaller than one below it, by more than rounding
  // Of the buckets that were: the lowest and highest bound, and the most that was missing.
  double lowest_fixed = 0;
  double highest_fixed = 0;
  double largest_fall = 0;
};

// `buckets` in any order. NaN without a +Inf bucket, without a second bucket, or without observations.
ClassicQuantile classic_quantile(double phi, std::vector<ClassicBucket> buckets);
double classic_fraction(double lower, double upper, std::vector<ClassicBucket> buckets);

}  // namespace obelisk::promql
