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

bool make_monotonic(std::vector<ClassicBucket>& buckets) {
  bool forced = false;
  double before = buckets[0].count;
  for (size_t i = 1; i < buckets.size(); ++i) {
    double count = buckets[i].count;
    if (count == before) continue;
    if (almost_equal(before, count)) {
      buckets[i].count = before;
    } else if (count < before) {
      buckets[i].count = before;
      forced = true;
    } else {
      before = count;
    }
  }
  return forced;
}

}  // namespace

ClassicQuantile classic_quantile(double phi, std::vector<ClassicBucket> buckets) {
  if (std::isnan(phi)) return {kNan, false};
  if (phi < 0) return {-kInfinity, false};
  if (phi > 1) return {kInfinity, false};
  normalise(buckets);
  if (buckets.empty() || buckets.back().upper != kInfinity) return {kNan, false};
  bool forced = make_monotonic(buckets);
  if (buckets.size() < 2) return {kNan, false};
  double observations = buckets.back().count;
  if (observations == 0) return {kNan, false};
  double rank = phi * observations;
  size_t at = 0;
  while (at + 1 < buckets.size() && !(buckets[at].count >= rank)) ++at;
  if (at == buckets.size() - 1) return {buckets[buckets.size() - 2].upper, forced};
  if (at == 0 && buckets[0].upper <= 0) return {buckets[0].upper, forced};
  double lower = 0;
  double count = buckets[at].count;
  if (at > 0) {
    lower = buckets[at - 1].upper;
    count -= buckets[at - 1].count;
    rank -= buckets[at - 1].count;
  }
  return {lower + (buckets[at].upper - lower) * (rank / count), forced};
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
