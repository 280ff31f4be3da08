#include "model/histogram_buckets.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "model/histogram_arithmetic.h"
#include "model/histogram_spread.h"
#include "model/kahan_sum.h"

namespace obelisk {

using namespace buckets;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// A zero bucket, or a first custom bucket reaching up to zero or above, with observations on one side only is
// taken to begin or end at zero.
void narrow_zero_bucket(const Histogram& histogram, double& lower, double& upper) {
  bool positive = !histogram.positive_counts.empty();
  bool negative = !histogram.negative_counts.empty();
  if (positive && !negative) {
    lower = 0;
  } else if (negative && !positive) {
    upper = 0;
  }
}

bool has_nan_observations(const Histogram& histogram, const std::vector<HistogramBucket>& buckets) {
  if (!std::isnan(histogram.sum)) return false;
  double total = 0;
  for (const HistogramBucket& bucket : buckets) total += bucket.count;
  return total < histogram.count;
}

double interpolate_quantile(const HistogramBucket& bucket, double fraction, bool linear) {
  if (linear || (bucket.lower <= 0 && bucket.upper >= 0)) {
    return bucket.lower + (bucket.upper - bucket.lower) * fraction;
  }
  double log_lower = std::log2(std::fabs(bucket.lower));
  double log_upper = std::log2(std::fabs(bucket.upper));
  if (bucket.lower > 0) return std::exp2(log_lower + (log_upper - log_lower) * fraction);
  return -std::exp2(log_upper + (log_lower - log_upper) * (1 - fraction));
}

// How much of an exponential bucket lies below `value`.
double exponential_fraction(double lower, double upper, double value) {
  double log_lower = std::log2(std::fabs(lower));
  double log_upper = std::log2(std::fabs(upper));
  double log_value = std::log2(std::fabs(value));
  if (value > 0) return (log_value - log_lower) / (log_upper - log_lower);
  return 1 - (log_value - log_upper) / (log_lower - log_upper);
}

// The observations up to `value`, for histogram_fraction.
class RankFinder {
 public:
  explicit RankFinder(double value) : value_(value) {}

  void look_at(const HistogramBucket& bucket, double rank, bool linear) {
    if (found_) return;
    if (bucket.lower >= value_) {
      set(rank);
    } else if (bucket.upper > value_) {
      if (linear) {
        // A bucket without a lower end gives no position inside: all of it counts.
        set(bucket.lower == -kInfinity
                ? bucket.count
                : rank + bucket.count * (value_ - bucket.lower) / (bucket.upper - bucket.lower));
      } else {
        set(rank + bucket.count * exponential_fraction(bucket.lower, bucket.upper, value_));
      }
    }
  }
  bool found() const { return found_; }
  double rank(double count) const { return found_ && rank_ < count ? rank_ : count; }

 private:
  void set(double rank) {
    rank_ = rank;
    found_ = true;
  }
  double value_;
  double rank_ = 0;
  bool found_ = false;
};

// The part of one bucket that a trim keeps, and the value its observations are estimated at.
struct Kept {
  double count = 0;
  double value = 0;
};

Kept keep_custom(const HistogramBucket& bucket, double bound, bool keep_lower) {
  double lower = bucket.lower;
  if (lower == -kInfinity && bucket.upper == kInfinity) return {};
  if (lower == -kInfinity) {
    if (bucket.upper <= 0) return keep_lower ? Kept{bucket.count, std::min(bound, bucket.upper)} : Kept{};
    if (!keep_lower && bound < 0) return {};
    lower = 0;
  }
  if (bucket.upper == kInfinity) return keep_lower ? Kept{} : Kept{bucket.count, std::max(bound, lower)};
  double from = keep_lower ? lower : std::clamp(bound, lower, bucket.upper);
  double to = keep_lower ? std::clamp(bound, lower, bucket.upper) : bucket.upper;
  return {bucket.count * (to - from) / (bucket.upper - lower), (from + to) / 2};
}

Kept keep_exponential(const Histogram& histogram, const HistogramBucket& bucket, double bound,
                      bool keep_lower) {
  double lower = bucket.lower;
  double upper = bucket.upper;
  if (bucket.is_zero_bucket) narrow_zero_bucket(histogram, lower, upper);
  double from = keep_lower ? lower : std::clamp(bound, lower, upper);
  double to = keep_lower ? std::clamp(bound, lower, upper) : upper;
  if (from == lower && to == upper) {
    // Whole.
  } else if (from >= to) {
    return {};
  }
  if (bucket.is_zero_bucket) {
    double share = upper > lower ? (to - from) / (upper - lower) : 1;
    return {bucket.count * share, (from + to) / 2};
  }
  double share = 1;
  if (from > lower) {
    share = 1 - exponential_fraction(lower, upper, from);
  } else if (to < upper) {
    share = exponential_fraction(lower, upper, to);
  }
  double middle = std::sqrt(from * to);
  return {bucket.count * share, upper <= 0 ? -middle : middle};
}

}  // namespace

std::vector<HistogramBucket> buckets_of(const Histogram& histogram) {
  std::vector<HistogramBucket> out;
  IndexedCounts positive = expand_buckets(histogram.positive_spans, histogram.positive_counts);
  if (has_custom_bounds(histogram)) {
    const std::vector<double>& bounds = histogram.custom_bounds;
    for (const IndexedCount& bucket : positive) {
      if (bucket.count == 0 || bucket.index < 0) continue;
      size_t at = static_cast<size_t>(bucket.index);
      double lower = at == 0 || at > bounds.size() ? -kInfinity : bounds[at - 1];
      double upper = at >= bounds.size() ? kInfinity : bounds[at];
      out.push_back({lower, upper, bucket.count, lower == -kInfinity, true, false});
    }
    return out;
  }
  IndexedCounts negative = expand_buckets(histogram.negative_spans, histogram.negative_counts);
  for (auto bucket = negative.rbegin(); bucket != negative.rend(); ++bucket) {
    if (bucket->count == 0) continue;
    out.push_back({-exponential_bound(bucket->index, histogram.schema),
                   -exponential_bound(bucket->index - 1, histogram.schema), bucket->count, true, false,
                   false});
  }
  if (histogram.zero_count != 0) {
    out.push_back(
        {-histogram.zero_threshold, histogram.zero_threshold, histogram.zero_count, true, true, true});
  }
  for (const IndexedCount& bucket : positive) {
    if (bucket.count == 0) continue;
    out.push_back({exponential_bound(bucket.index - 1, histogram.schema),
                   exponential_bound(bucket.index, histogram.schema), bucket.count, false, true, false});
  }
  return out;
}

double histogram_quantile(double phi, const Histogram& histogram, NanObservations* nans) {
  if (nans != nullptr) *nans = NanObservations::none;
  if (phi < 0) return -kInfinity;
  if (phi > 1) return kInfinity;
  if (histogram.count == 0 || std::isnan(phi)) return kNan;
  std::vector<HistogramBucket> buckets = buckets_of(histogram);
  // NaN observations are counted but in no bucket: they rank above everything, so counting has to begin at
  // the bottom.
  bool upwards = std::isnan(histogram.sum) || phi < 0.5;
  bool has_nans = has_nan_observations(histogram, buckets);
  double rank = (upwards ? phi : 1 - phi) * histogram.count;
  double count = 0;
  HistogramBucket bucket;
  for (size_t i = 0; i < buckets.size(); ++i) {
    bucket = buckets[upwards ? i : buckets.size() - 1 - i];
    count += bucket.count;
    if (count >= rank) break;
  }
  count = std::min(count, histogram.count);
  if (has_nans && nans != nullptr) {
    *nans = count < rank || buckets.empty() ? NanObservations::make_result_nan : NanObservations::skew_result;
  }
  if (has_nans && (count < rank || buckets.empty())) return kNan;
  bool custom = has_custom_bounds(histogram);
  if (custom) {
    if (bucket.lower == -kInfinity) {
      if (bucket.upper <= 0) return bucket.upper;
      bucket.lower = 0;
    }
    if (bucket.upper == kInfinity) return bucket.lower;
  } else if (bucket.is_zero_bucket) {
    narrow_zero_bucket(histogram, bucket.lower, bucket.upper);
  }
  if (count < rank) return bucket.upper;
  rank = upwards ? rank - (count - bucket.count) : count - rank;
  return interpolate_quantile(bucket, rank / bucket.count, custom);
}

double histogram_fraction(double lower, double upper, const Histogram& histogram, NanObservations* nans) {
  if (nans != nullptr) *nans = NanObservations::none;
  if (histogram.count == 0 || std::isnan(lower) || std::isnan(upper)) return kNan;
  if (lower >= upper) return 0;
  std::vector<HistogramBucket> buckets = buckets_of(histogram);
  double count = histogram.count;
  if (has_nan_observations(histogram, buckets)) {
    if (nans != nullptr) *nans = NanObservations::skew_result;
    count = 0;
    for (const HistogramBucket& bucket : buckets) count += bucket.count;
  }
  RankFinder low(lower);
  RankFinder high(upper);
  double rank = 0;
  bool custom = has_custom_bounds(histogram);
  for (HistogramBucket bucket : buckets) {
    bool around_zero = bucket.lower <= 0 && bucket.upper >= 0;
    if (around_zero) narrow_zero_bucket(histogram, bucket.lower, bucket.upper);
    low.look_at(bucket, rank, custom || around_zero);
    high.look_at(bucket, rank, custom || around_zero);
    if (low.found() && high.found()) break;
    rank += bucket.count;
  }
  return (high.rank(count) - low.rank(count)) / histogram.count;
}

double histogram_variance(const Histogram& histogram) {
  double mean = histogram.sum / histogram.count;
  double variance = 0;
  double compensation = 0;
  for (const HistogramBucket& bucket : buckets_of(histogram)) {
    double value = 0;
    if (has_custom_bounds(histogram)) {
      value = (bucket.upper + bucket.lower) / 2;
    } else if (!bucket.is_zero_bucket) {
      value = std::sqrt(bucket.upper * bucket.lower);
      if (bucket.upper < 0) value = -value;
    }
    double distance = value - mean;
    kahan_add(bucket.count * distance * distance, variance, compensation);
  }
  return (variance + compensation) / histogram.count;
}

Histogram trim_histogram(const Histogram& histogram, double bound, bool keep_lower) {
  if (bound == (keep_lower ? kInfinity : -kInfinity)) return histogram;
  Histogram result = histogram;
  result.count = 0;
  result.sum = 0;
  result.zero_count = 0;
  bool changed = false;
  auto take = [&](const HistogramBucket& bucket) {
    Kept kept;
    if (std::isfinite(bound)) {
      kept = has_custom_bounds(histogram) ? keep_custom(bucket, bound, keep_lower)
                                          : keep_exponential(histogram, bucket, bound, keep_lower);
    }
    if (kept.count != bucket.count) changed = true;
    result.count += kept.count;
    if (kept.count != 0) result.sum += kept.count * kept.value;
    return kept.count;
  };
  auto take_side = [&](const std::vector<BucketSpan>& spans, const std::vector<double>& counts,
                       bool negative) {
    IndexedCounts kept;
    Histogram one = histogram;  // one bucket at a time, so that its bounds come from one place
    for (const IndexedCount& bucket : expand_buckets(spans, counts)) {
      if (bucket.count == 0) continue;
      one.zero_count = 0;
      one.positive_spans.clear();
      one.negative_spans.clear();
      one.positive_counts.clear();
      one.negative_counts.clear();
      (negative ? one.negative_spans : one.positive_spans) = {{bucket.index, 1}};
      (negative ? one.negative_counts : one.positive_counts) = {bucket.count};
      double count = take(buckets_of(one).front());
      if (count != 0) kept.push_back({bucket.index, count, 0});
    }
    return kept;
  };
  IndexedCounts negative = take_side(histogram.negative_spans, histogram.negative_counts, true);
  if (histogram.zero_count != 0) {
    result.zero_count =
        take({-histogram.zero_threshold, histogram.zero_threshold, histogram.zero_count, true, true, true});
  }
  IndexedCounts positive = take_side(histogram.positive_spans, histogram.positive_counts, false);
  if (!changed) return histogram;
  collapse_buckets(positive, result.positive_spans, result.positive_counts);
  collapse_buckets(negative, result.negative_spans, result.negative_counts);
  return result;
}

}  // namespace obelisk
