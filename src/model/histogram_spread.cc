#include "model/histogram_spread.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "model/kahan_sum.h"

namespace obelisk::buckets {
namespace {

void merge_equal_indices(IndexedCounts& buckets) {
  size_t kept = 0;
  for (size_t i = 0; i < buckets.size(); ++i) {
    if (kept > 0 && buckets[kept - 1].index == buckets[i].index) {
      buckets[kept - 1].count += buckets[i].count;
      buckets[kept - 1].compensation += buckets[i].compensation;
    } else {
      buckets[kept++] = buckets[i];
    }
  }
  buckets.resize(kept);
}

void reduce_buckets(IndexedCounts& buckets, int32_t from, int32_t to) {
  // Bucket i holds (base^(i-1), base^i]; 2^shift neighbours make one coarser bucket.
  int32_t shift = from - to;
  if (shift <= 0) return;
  if (shift > 31) shift = 31;
  for (IndexedCount& bucket : buckets) {
    bucket.index = static_cast<int32_t>(((static_cast<int64_t>(bucket.index) - 1) >> shift) + 1);
  }
  merge_equal_indices(buckets);
}

void reconcile_zero(HistogramSpread& a, HistogramSpread& b) {
  while (a.zero_threshold != b.zero_threshold) {
    if (a.zero_threshold > b.zero_threshold) widen_zero(b, a.zero_threshold);
    if (b.zero_threshold > a.zero_threshold) widen_zero(a, b.zero_threshold);
  }
}

}  // namespace

IndexedCounts expand_buckets(const std::vector<BucketSpan>& spans, const std::vector<double>& counts) {
  IndexedCounts buckets;
  buckets.reserve(counts.size());
  int32_t index = 0;
  size_t at = 0;
  for (const BucketSpan& span : spans) {
    index += span.offset;
    for (uint32_t i = 0; i < span.length && at < counts.size(); ++i)
      buckets.push_back({index++, counts[at++], 0});
  }
  return buckets;
}

void collapse_buckets(const IndexedCounts& buckets, std::vector<BucketSpan>& spans,
                      std::vector<double>& counts) {
  spans.clear();
  counts.clear();
  int32_t next = 0;
  for (const IndexedCount& bucket : buckets) {
    if (spans.empty() || bucket.index != next) spans.push_back({bucket.index - next, 0});
    ++spans.back().length;
    counts.push_back(bucket.count + bucket.compensation);
    next = bucket.index + 1;
  }
}

double exponential_bound(int32_t index, int32_t schema) {
  int64_t exponent = 0;
  double fraction = 1;
  if (schema <= 0) {
    exponent = static_cast<int64_t>(index) << -schema;
  } else {
    exponent = index >> schema;
    fraction = std::exp2(static_cast<double>(index & ((1 << schema) - 1)) / static_cast<double>(1 << schema));
  }
  if (exponent >= 1024) {
    // 2^1024 itself would be the first bound past the range: the largest double stands for it.
    return exponent == 1024 && fraction == 1 ? std::numeric_limits<double>::max()
                                             : std::numeric_limits<double>::infinity();
  }
  return std::ldexp(fraction, static_cast<int>(std::max<int64_t>(exponent, -2000)));
}

HistogramSpread spread(const Histogram& histogram) {
  return {histogram.schema,
          histogram.zero_threshold,
          histogram.zero_count,
          0,
          expand_buckets(histogram.positive_spans, histogram.positive_counts),
          expand_buckets(histogram.negative_spans, histogram.negative_counts),
          histogram.custom_bounds};
}

void drop_empty(IndexedCounts& buckets) {
  std::erase_if(buckets,
                [](const IndexedCount& bucket) { return bucket.count == 0 && bucket.compensation == 0; });
}

void reduce_spread(HistogramSpread& histogram, int32_t schema) {
  if (histogram.schema <= schema) return;
  reduce_buckets(histogram.positive, histogram.schema, schema);
  reduce_buckets(histogram.negative, histogram.schema, schema);
  histogram.schema = schema;
}

std::pair<double, double> widened_zero(const HistogramSpread& histogram, double threshold) {
  for (;;) {
    bool again = false;
    double count = histogram.zero_count;
    for (const IndexedCount& bucket : histogram.positive) {
      double lower = exponential_bound(bucket.index - 1, histogram.schema);
      double upper = exponential_bound(bucket.index, histogram.schema);
      if (lower >= threshold) break;
      count += bucket.count;
      if (upper > threshold) {
        if (bucket.count != 0) threshold = upper;
        break;
      }
    }
    for (const IndexedCount& bucket : histogram.negative) {
      double lower = exponential_bound(bucket.index - 1, histogram.schema);
      double upper = exponential_bound(bucket.index, histogram.schema);
      if (lower >= threshold) break;
      count += bucket.count;
      if (upper > threshold) {
        if (bucket.count != 0) {
          threshold = upper;
          again = true;  // the positive side has to be counted anew
        }
        break;
      }
    }
    if (!again) return {count, threshold};
  }
}

void widen_zero(HistogramSpread& histogram, double threshold) {
  auto [count, reached] = widened_zero(histogram, threshold);
  histogram.zero_count = count;
  histogram.zero_threshold = reached;
  auto swallowed = [&](const IndexedCount& bucket) {
    return exponential_bound(bucket.index - 1, histogram.schema) < histogram.zero_threshold;
  };
  std::erase_if(histogram.positive, swallowed);
  std::erase_if(histogram.negative, swallowed);
}

std::vector<double> common_bounds(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> common;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(common));
  return common;
}

void cut_to_bounds(HistogramSpread& histogram, const std::vector<double>& bounds) {
  for (IndexedCount& bucket : histogram.positive) {
    size_t at = static_cast<size_t>(bucket.index);
    if (at >= histogram.bounds.size()) {
      bucket.index = static_cast<int32_t>(bounds.size());
    } else {
      auto next = std::lower_bound(bounds.begin(), bounds.end(), histogram.bounds[at]);
      bucket.index = static_cast<int32_t>(next - bounds.begin());
    }
  }
  merge_equal_indices(histogram.positive);
  histogram.bounds = bounds;
}

bool reconcile(HistogramSpread& a, HistogramSpread& b, bool& bounds_reconciled) {
  bool custom = a.schema == Histogram::kCustomBoundsSchema;
  if (custom != (b.schema == Histogram::kCustomBoundsSchema)) return false;
  if (custom) {
    if (a.bounds == b.bounds) return true;
    bounds_reconciled = true;
    std::vector<double> common = common_bounds(a.bounds, b.bounds);
    cut_to_bounds(a, common);
    cut_to_bounds(b, common);
    return true;
  }
  reconcile_zero(a, b);
  int32_t schema = std::min(a.schema, b.schema);
  reduce_spread(a, schema);
  reduce_spread(b, schema);
  return true;
}

void add_buckets(IndexedCounts& target, const IndexedCounts& other, double divisor) {
  IndexedCounts merged;
  merged.reserve(target.size() + other.size());
  size_t i = 0;
  size_t j = 0;
  while (i < target.size() || j < other.size()) {
    if (j == other.size() || (i < target.size() && target[i].index < other[j].index)) {
      merged.push_back(target[i++]);
    } else if (i == target.size() || other[j].index < target[i].index) {
      merged.push_back({other[j].index, other[j].count / divisor, 0});
      ++j;
    } else {
      merged.push_back(target[i++]);
      kahan_add(other[j++].count / divisor, merged.back().count, merged.back().compensation);
    }
  }
  target = std::move(merged);
}

CounterResetHint combined_hint(CounterResetHint a, CounterResetHint b, bool& collision) {
  if (a == b) return a;
  if (a == CounterResetHint::gauge || b == CounterResetHint::gauge) return CounterResetHint::gauge;
  if (a != CounterResetHint::unknown && b != CounterResetHint::unknown) collision = true;
  return CounterResetHint::unknown;
}

void store_spread(Histogram& target, HistogramSpread& from) {
  drop_empty(from.positive);
  drop_empty(from.negative);
  target.schema = from.schema;
  target.zero_threshold = from.zero_threshold;
  target.zero_count = from.zero_count + from.zero_compensation;
  target.custom_bounds = std::move(from.bounds);
  collapse_buckets(from.positive, target.positive_spans, target.positive_counts);
  collapse_buckets(from.negative, target.negative_spans, target.negative_counts);
}

}  // namespace obelisk::buckets
