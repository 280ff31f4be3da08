#pragma once
// What a native histogram says about its observations: its buckets with bounds, quantiles, fractions,
// variance, and cutting at a value. Pure functions. Inside an exponential bucket observations are taken to
// lie evenly on a logarithmic scale; inside the zero bucket and inside buckets with custom bounds evenly on a
// linear one.
#include <vector>

#include "model/histogram.h"

namespace obelisk {

struct HistogramBucket {
  double lower = 0;
  double upper = 0;
  double count = 0;
  bool lower_inclusive = false;
  bool upper_inclusive = false;
  bool is_zero_bucket = false;
};

// The populated buckets from the lowest to the highest.
std::vector<HistogramBucket> buckets_of(const Histogram& histogram);

// What a caller may want to tell about NaN observations (sum is NaN and count exceeds the buckets).
enum class NanObservations : uint8_t { none, skew_result, make_result_nan };

double histogram_quantile(double phi, const Histogram& histogram, NanObservations* nans);
double histogram_fraction(double lower, double upper, const Histogram& histogram, NanObservations* nans);
double histogram_variance(const Histogram& histogram);

// Keeps the observations up to `bound` (keep_lower) or from it on; sum is estimated anew.
Histogram trim_histogram(const Histogram& histogram, double bound, bool keep_lower);

}  // namespace obelisk
