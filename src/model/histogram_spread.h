#pragma once
// A histogram with its buckets spread out as (index, count) pairs: the form in which histograms are brought
// to a common shape and combined. What the arithmetic (histogram_arithmetic.h, histogram_sum.h) is made of;
// in a namespace of its own, since the names are short. Pure functions.
#include <cstdint>
#include <utility>
#include <vector>

#include "model/histogram.h"

namespace obelisk::buckets {

// One populated bucket: exponential index (upper bound base^index) or position in the custom bounds.
struct IndexedCount {
  int32_t index = 0;
  double count = 0;
  double compensation = 0;  // what a compensated sum has lost so far
};
using IndexedCounts = std::vector<IndexedCount>;  // ascending indices

IndexedCounts expand_buckets(const std::vector<BucketSpan>& spans, const std::vector<double>& counts);
void collapse_buckets(const IndexedCounts& buckets, std::vector<BucketSpan>& spans,
                      std::vector<double>& counts);

// The upper bound of bucket `index` of an exponential schema; the largest double and then +Inf past its end.
double exponential_bound(int32_t index, int32_t schema);

struct HistogramSpread {
  int32_t schema = 0;
  double zero_threshold = 0;
  double zero_count = 0;
  double zero_compensation = 0;
  IndexedCounts positive;
  IndexedCounts negative;
  std::vector<double> bounds;  // custom bounds, schema -53
};

HistogramSpread spread(const Histogram& histogram);
// Writes shape and buckets back; count, sum and hint of `target` stay. Empty buckets are dropped.
void store_spread(Histogram& target, HistogramSpread& from);

void drop_empty(IndexedCounts& buckets);
// Merges buckets down to a coarser exponential schema; nothing when it is coarser already.
void reduce_spread(HistogramSpread& histogram, int32_t schema);
// What the zero count becomes when the zero bucket is widened to `threshold`, which moves up to the end of a
// populated bucket it would cut.
std::pair<double, double> widened_zero(const HistogramSpread& histogram, double threshold);
void widen_zero(HistogramSpread& histogram, double threshold);
std::vector<double> common_bounds(const std::vector<double>& a, const std::vector<double>& b);
void cut_to_bounds(HistogramSpread& histogram, const std::vector<double>& bounds);
// Brings both to one shape. False: they cannot be (exponential with custom bounds).
bool reconcile(HistogramSpread& a, HistogramSpread& b, bool& bounds_reconciled);
// target += other / divisor, bucket by bucket, compensated. (Divided, not multiplied by the inverse: means of
// large numbers that cancel out must cancel out exactly.)
void add_buckets(IndexedCounts& target, const IndexedCounts& other, double divisor);
// The reset hint of a sum; `collision` is set when "reset" meets "not reset".
CounterResetHint combined_hint(CounterResetHint a, CounterResetHint b, bool& collision);

}  // namespace obelisk::buckets
