#include "query/promql/classic_histogram.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace obelisk::promql {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
// Differences this small between neighbouring counts are rounding of rate(), not a broken histogram.
constexpr double kSmallDelta = 1e-12;

bool almost_equal(double a, double b) {
  if (a == b) return true;
  double sum = std::fabs(a) + std::fabs(b);
  double difference = std::fabs(a - b);
  if (a == 0 || b == 0 || sum < std::numeric_limits<double>::min()) {
    return difference < kSmallDelta * std::numeric_limits<double>::min();
  }
  return difference / std::min(sum, std::numeric_limits<double>::max()) < kSmallDelta;
}

// Sorted by bound, equal bounds added up.
void normalise(std::vector<ClassicBucket>& buckets) {
  std::stable_sort(buckets.begin(), buckets.end(),
                   [](const ClassicBucket& a, const ClassicBucket& b) { return a.upper < b.upper; });
  size_t kept = 0;
  for (size_t i = 0; i < buckets.size(); ++i) {
    if (kept > 0 && buckets[kept - 1].upper == buckets[i].upper) {
      buckets[kept - 1].count += buckets[i].count;
    } else {
      buckets[kept++] = buckets[i];
    }
  }
  buckets.resize(kept);
}

void make_monotonic(std::vector<ClassicBucket>& buckets, ClassicQuantile& told) {
  double before = buckets[0].count;
  for (size_t i = 1; i < buckets.size(); ++i) {
    double count = buckets[i].count;
    if (count == before) continue;
    if (almost_equal(before, count)) {
      buckets[i].count = before;
    } else if (count < before) {
      if (!told.forced_monotonic) told.lowest_fixed = buckets[i].upper;
      told.forced_monotonic = true;
      told.highest_fixed = buckets[i].upper;
      told.largest_fall = std::max(told.largest_fall, before - count);
      buckets[i].count = before;
    } else {
      before = count;
    }
  }
}

// The first bucket whose count reaches the rank, searched by halves: counts may be NaN, and then which one is
// found depends on how it is looked for.
size_t bucket_of_rank(const std::vector<ClassicBucket>& buckets, double rank) {
  size_t low = 0;
  size_t high = buckets.size() - 1;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (buckets[middle].count >= rank) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

}  // namespace

ClassicQuantile classic_quantile(double phi, std::vector<ClassicBucket> buckets) {
  ClassicQuantile result;
  result.value = kNan;
  if (std::isnan(phi)) return result;
  if (phi < 0 || phi > 1) {
    result.value = phi < 0 ? -kInfinity : kInfinity;
    return result;
  }
  normalise(buckets);
  if (buckets.empty() || buckets.back().upper != kInfinity) return result;
  make_monotonic(buckets, result);
  if (buckets.size() < 2 || buckets.back().count == 0) {
    result.forced_monotonic = false;
    return result;
  }
  double rank = phi * buckets.back().count;
  size_t at = bucket_of_rank(buckets, rank);
  if (at == buckets.size() - 1) {
    result.value = buckets[buckets.size() - 2].upper;
  } else if (at == 0 && buckets[0].upper <= 0) {
    result.value = buckets[0].upper;
  } else {
    double lower = at > 0 ? buckets[at - 1].upper : 0;
    double below = at > 0 ? buckets[at - 1].count : 0;
    double count = buckets[at].count - below;
    result.value = lower + (buckets[at].upper - lower) * ((rank - below) / count);
  }
  return result;
}

double classic_fraction(double lower, double upper, std::vector<ClassicBucket> buckets) {
  normalise(buckets);
  if (buckets.empty() || buckets.back().upper != kInfinity) return kNan;
  double count = buckets.back().count;
  if (count == 0 || std::isnan(lower) || std::isnan(upper)) return kNan;
  if (lower >= upper) return 0;
  auto rank_of = [&](double value) {
    double rank = 0;
    for (size_t i = 0; i < buckets.size(); ++i) {
      double low = i > 0 ? buckets[i - 1].upper : buckets[0].upper > 0 ? 0 : -kInfinity;
      double high = buckets[i].upper;
      if (low >= value) return rank;
      if (high > value) {
        if (low == -kInfinity) return buckets[i].count;
        return rank + (buckets[i].count - rank) * (value - low) / (high - low);
      }
      rank = buckets[i].count;
    }
    return count;
  };
  return (std::min(rank_of(upper), count) - std::min(rank_of(lower), count)) / count;
}

}  // namespace obelisk::promql
