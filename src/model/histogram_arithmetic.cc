#include "model/histogram_arithmetic.h"

#include <algorithm>
#include <bit>

#include "model/histogram_buckets.h"
#include "model/histogram_spread.h"

namespace obelisk {

using namespace buckets;

namespace {

// Whether some bucket of `current` holds less than `previous` has there.
bool some_bucket_fell(const IndexedCounts& current, const IndexedCounts& previous) {
  size_t i = 0;
  for (const IndexedCount& before : previous) {
    if (before.count == 0) continue;
    while (i < current.size() && current[i].index < before.index) ++i;
    if (i == current.size() || current[i].index != before.index || current[i].count < before.count)
      return true;
  }
  return false;
}

}  // namespace

bool has_custom_bounds(const Histogram& histogram) {
  return histogram.schema == Histogram::kCustomBoundsSchema;
}

void compact_histogram(Histogram& histogram) {
  auto has_empty = [](const std::vector<double>& counts) {
    return std::find(counts.begin(), counts.end(), 0.0) != counts.end();
  };
  if (!has_empty(histogram.positive_counts) && !has_empty(histogram.negative_counts)) return;
  HistogramSpread spread_out = spread(histogram);
  store_spread(histogram, spread_out);
}

void coarsen_histogram(Histogram& histogram, int32_t schema) {
  if (has_custom_bounds(histogram) || histogram.schema <= schema) return;
  HistogramSpread spread_out = spread(histogram);
  reduce_spread(spread_out, schema);
  store_spread(histogram, spread_out);
}

HistogramNotes add_histograms(Histogram& target, const Histogram& other, double sign) {
  HistogramNotes notes;
  HistogramSpread a = spread(target);
  HistogramSpread b = spread(other);
  if (!reconcile(a, b, notes.bounds_reconciled)) {
    notes.incompatible = true;
    return notes;
  }
  target.reset_hint = combined_hint(target.reset_hint, other.reset_hint, notes.reset_hint_collision);
  target.count += sign * other.count;
  target.sum += sign * other.sum;
  a.zero_count += sign * b.zero_count;
  add_buckets(a.positive, b.positive, sign);
  add_buckets(a.negative, b.negative, sign);
  store_spread(target, a);
  return notes;
}

void multiply_histogram(Histogram& histogram, double factor) {
  histogram.zero_count *= factor;
  histogram.count *= factor;
  histogram.sum *= factor;
  for (double& count : histogram.positive_counts) count *= factor;
  for (double& count : histogram.negative_counts) count *= factor;
  if (factor < 0) histogram.reset_hint = CounterResetHint::gauge;
}

void divide_histogram(Histogram& histogram, double divisor) {
  histogram.zero_count /= divisor;
  histogram.count /= divisor;
  histogram.sum /= divisor;
  if (divisor < 0) histogram.reset_hint = CounterResetHint::gauge;
  if (divisor == 0) {
    histogram.positive_spans.clear();
    histogram.negative_spans.clear();
    histogram.positive_counts.clear();
    histogram.negative_counts.clear();
    return;
  }
  for (double& count : histogram.positive_counts) count /= divisor;
  for (double& count : histogram.negative_counts) count /= divisor;
}

bool histograms_equal(const Histogram& a, const Histogram& b) {
  if (a.schema != b.schema || a.count != b.count ||
      std::bit_cast<uint64_t>(a.sum) != std::bit_cast<uint64_t>(b.sum) ||
      a.custom_bounds != b.custom_bounds) {
    return false;
  }
  if (!has_custom_bounds(a) && (a.zero_threshold != b.zero_threshold || a.zero_count != b.zero_count))
    return false;
  auto same = [](IndexedCounts left, IndexedCounts right) {
    drop_empty(left);
    drop_empty(right);
    return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                      [](const IndexedCount& x, const IndexedCount& y) {
                        return x.index == y.index && x.count == y.count;
                      });
  };
  HistogramSpread left = spread(a);
  HistogramSpread right = spread(b);
  return same(left.positive, right.positive) && same(left.negative, right.negative);
}

bool is_counter_reset(const Histogram& current, const Histogram& previous) {
  if (current.reset_hint == CounterResetHint::yes) return true;
  if (current.reset_hint == CounterResetHint::no) return false;
  if (has_custom_bounds(current) != has_custom_bounds(previous)) return true;
  if (current.count < previous.count) return true;
  HistogramSpread after = spread(current);
  HistogramSpread before = spread(previous);
  if (has_custom_bounds(current)) {
    if (after.bounds != before.bounds) {
      std::vector<double> common = common_bounds(after.bounds, before.bounds);
      cut_to_bounds(after, common);
      cut_to_bounds(before, common);
    }
    return some_bucket_fell(after.positive, before.positive);
  }
  if (current.schema > previous.schema || current.zero_threshold < previous.zero_threshold) return true;
  auto [zero_count, threshold] = widened_zero(before, current.zero_threshold);
  if (threshold != current.zero_threshold || current.zero_count < zero_count) return true;
  widen_zero(before, current.zero_threshold);
  reduce_spread(before, current.schema);
  return some_bucket_fell(after.positive, before.positive) ||
         some_bucket_fell(after.negative, before.negative);
}

}  // namespace obelisk
