#include "query/core/histogram_arithmetic.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "query/core/float_text.h"
#include "query/core/histogram_buckets.h"
#include "query/core/kahan_sum.h"

namespace obelisk {
namespace {

// A histogram with its buckets spread out, for combining.
struct Spread {
  int32_t schema = 0;
  double zero_threshold = 0;
  double zero_count = 0;
  double zero_compensation = 0;
  IndexedCounts positive;
  IndexedCounts negative;
  std::vector<double> bounds;
};

Spread spread(const Histogram& histogram) {
  return {histogram.schema,
          histogram.zero_threshold,
          histogram.zero_count,
          0,
          expand_buckets(histogram.positive_spans, histogram.positive_counts),
          expand_buckets(histogram.negative_spans, histogram.negative_counts),
          histogram.custom_bounds};
}

void drop_empty(IndexedCounts& buckets) {
  std::erase_if(buckets, [](const IndexedCount& bucket) { return bucket.count == 0 && bucket.compensation == 0; });
}

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

void reduce(Spread& histogram, int32_t schema) {
  if (histogram.schema <= schema) return;
  reduce_buckets(histogram.positive, histogram.schema, schema);
  reduce_buckets(histogram.negative, histogram.schema, schema);
  histogram.schema = schema;
}

// What the zero count becomes when the zero bucket is widened to `threshold`, which moves up to the end of a populated
// bucket it would cut.
std::pair<double, double> widened_zero(const Spread& histogram, double threshold) {
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

void widen_zero(Spread& histogram, double threshold) {
  auto [count, reached] = widened_zero(histogram, threshold);
  histogram.zero_count = count;
  histogram.zero_threshold = reached;
  auto swallowed = [&](const IndexedCount& bucket) {
    return exponential_bound(bucket.index - 1, histogram.schema) < histogram.zero_threshold;
  };
  std::erase_if(histogram.positive, swallowed);
  std::erase_if(histogram.negative, swallowed);
}

void reconcile_zero(Spread& a, Spread& b) {
  while (a.zero_threshold != b.zero_threshold) {
    if (a.zero_threshold > b.zero_threshold) widen_zero(b, a.zero_threshold);
    if (b.zero_threshold > a.zero_threshold) widen_zero(a, b.zero_threshold);
  }
}

std::vector<double> common_bounds(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> common;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(common));
  return common;
}

void cut_to_bounds(Spread& histogram, const std::vector<double>& bounds) {
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

// Brings both to one shape. False: they cannot be.
bool reconcile(Spread& a, Spread& b, bool& bounds_reconciled) {
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
  reduce(a, schema);
  reduce(b, schema);
  return true;
}

// target += other / divisor, bucket by bucket, compensated. (Divided, not multiplied by the inverse: means of large numbers
// that cancel out must cancel out exactly.)
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

void store(Histogram& target, Spread& from) {
  drop_empty(from.positive);
  drop_empty(from.negative);
  target.schema = from.schema;
  target.zero_threshold = from.zero_threshold;
  target.zero_count = from.zero_count + from.zero_compensation;
  target.custom_bounds = std::move(from.bounds);
  collapse_buckets(from.positive, target.positive_spans, target.positive_counts);
  collapse_buckets(from.negative, target.negative_spans, target.negative_counts);
}

// Whether some bucket of `current` holds less than `previous` has there.
bool some_bucket_fell(const IndexedCounts& current, const IndexedCounts& previous) {
  size_t i = 0;
  for (const IndexedCount& before : previous) {
    if (before.count == 0) continue;
    while (i < current.size() && current[i].index < before.index) ++i;
    if (i == current.size() || current[i].index != before.index || current[i].count < before.count) return true;
  }
  return false;
}

void append_bucket_text(std::string& out, const HistogramBucket& bucket) {
  out += bucket.lower_inclusive ? ", [" : ", (";
  out += format_go_g(bucket.lower) + "," + format_go_g(bucket.upper);
  out += bucket.upper_inclusive ? "]:" : "):";
  out += format_go_g(bucket.count);
}

}  // namespace

bool has_custom_bounds(const Histogram& histogram) { return histogram.schema == Histogram::kCustomBoundsSchema; }

IndexedCounts expand_buckets(const std::vector<BucketSpan>& spans, const std::vector<double>& counts) {
  IndexedCounts buckets;
  buckets.reserve(counts.size());
  int32_t index = 0;
  size_t at = 0;
  for (const BucketSpan& span : spans) {
    index += span.offset;
    for (uint32_t i = 0; i < span.length && at < counts.size(); ++i) buckets.push_back({index++, counts[at++], 0});
  }
  return buckets;
}

void collapse_buckets(const IndexedCounts& buckets, std::vector<BucketSpan>& spans, std::vector<double>& counts) {
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
    return exponent == 1024 && fraction == 1 ? std::numeric_limits<double>::max() : std::numeric_limits<double>::infinity();
  }
  return std::ldexp(fraction, static_cast<int>(std::max<int64_t>(exponent, -2000)));
}

void compact_histogram(Histogram& histogram) {
  auto has_empty = [](const std::vector<double>& counts) {
    return std::find(counts.begin(), counts.end(), 0.0) != counts.end();
  };
  if (!has_empty(histogram.positive_counts) && !has_empty(histogram.negative_counts)) return;
  Spread spread_out = spread(histogram);
  store(histogram, spread_out);
}

void coarsen_histogram(Histogram& histogram, int32_t schema) {
  if (has_custom_bounds(histogram) || histogram.schema <= schema) return;
  Spread spread_out = spread(histogram);
  reduce(spread_out, schema);
  store(histogram, spread_out);
}

HistogramNotes add_histograms(Histogram& target, const Histogram& other, double sign) {
  HistogramNotes notes;
  Spread a = spread(target);
  Spread b = spread(other);
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
  store(target, a);
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
  if (a.schema != b.schema || a.count != b.count || std::bit_cast<uint64_t>(a.sum) != std::bit_cast<uint64_t>(b.sum) ||
      a.custom_bounds != b.custom_bounds) {
    return false;
  }
  if (!has_custom_bounds(a) && (a.zero_threshold != b.zero_threshold || a.zero_count != b.zero_count)) return false;
  auto same = [](IndexedCounts left, IndexedCounts right) {
    drop_empty(left);
    drop_empty(right);
    return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                      [](const IndexedCount& x, const IndexedCount& y) { return x.index == y.index && x.count == y.count; });
  };
  Spread left = spread(a);
  Spread right = spread(b);
  return same(left.positive, right.positive) && same(left.negative, right.negative);
}

bool is_counter_reset(const Histogram& current, const Histogram& previous) {
  if (current.reset_hint == CounterResetHint::yes) return true;
  if (current.reset_hint == CounterResetHint::no) return false;
  if (has_custom_bounds(current) != has_custom_bounds(previous)) return true;
  if (current.count < previous.count) return true;
  Spread after = spread(current);
  Spread before = spread(previous);
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
  reduce(before, current.schema);
  return some_bucket_fell(after.positive, before.positive) || some_bucket_fell(after.negative, before.negative);
}

template <typename Change>
void HistogramSum::for_each_number(Running& target, Change change) {
  for (Number* number : {&target.zero, &target.count, &target.sum}) {
    change(number->value);
    change(number->compensation);
  }
  for (IndexedCounts* buckets : {&target.positive, &target.negative}) {
    for (IndexedCount& bucket : *buckets) {
      change(bucket.count);
      change(bucket.compensation);
    }
  }
}

void HistogramSum::combine(Running& target, const Histogram& other, double divisor, HistogramNotes& notes) {
  Spread a{target.shape.schema, target.shape.zero_threshold, target.zero.value,          target.zero.compensation,
           target.positive,     target.negative,             target.shape.custom_bounds};
  Spread b = spread(other);
  if (!reconcile(a, b, notes.bounds_reconciled)) {
    notes.incompatible = true;
    return;
  }
  bool collision = false;
  target.shape.reset_hint = combined_hint(target.shape.reset_hint, other.reset_hint, collision);
  target.shape.schema = a.schema;
  target.shape.zero_threshold = a.zero_threshold;
  target.shape.custom_bounds = std::move(a.bounds);
  target.zero = {a.zero_count, a.zero_compensation};
  kahan_add(b.zero_count / divisor, target.zero.value, target.zero.compensation);
  kahan_add(other.count / divisor, target.count.value, target.count.compensation);
  kahan_add(other.sum / divisor, target.sum.value, target.sum.compensation);
  target.positive = std::move(a.positive);
  target.negative = std::move(a.negative);
  add_buckets(target.positive, b.positive, divisor);
  add_buckets(target.negative, b.negative, divisor);
}

void HistogramSum::multiply(Running& target, double factor) {
  for_each_number(target, [&](double& number) { number *= factor; });
}

void HistogramSum::divide(Running& target, double divisor) {
  for_each_number(target, [&](double& number) { number /= divisor; });
}

bool HistogramSum::overflows(const Running& value) {
  auto is_infinite = [](const IndexedCount& bucket) { return std::isinf(bucket.count); };
  return std::isinf(value.zero.value) || std::isinf(value.count.value) || std::isinf(value.sum.value) ||
         std::any_of(value.positive.begin(), value.positive.end(), is_infinite) ||
         std::any_of(value.negative.begin(), value.negative.end(), is_infinite);
}

void HistogramSum::add(const Histogram& histogram) {
  seen_reset_ |= histogram.reset_hint == CounterResetHint::yes;
  seen_no_reset_ |= histogram.reset_hint == CounterResetHint::no;
  if (notes_.incompatible) return;
  ++count_;
  if (count_ == 1) {
    running_.shape = histogram;
    running_.zero = {histogram.zero_count, 0};
    running_.count = {histogram.count, 0};
    running_.sum = {histogram.sum, 0};
    running_.positive = expand_buckets(histogram.positive_spans, histogram.positive_counts);
    running_.negative = expand_buckets(histogram.negative_spans, histogram.negative_counts);
    return;
  }
  double n = static_cast<double>(count_);
  if (!incremental_mean_) {
    Running before = running_;
    combine(running_, histogram, 1, notes_);
    if (notes_.incompatible || !overflows(running_) || overflows(before)) return;
    incremental_mean_ = true;
    mean_ = std::move(before);
    divide(mean_, n - 1);
  } else {
    combine(running_, histogram, 1, notes_);
  }
  multiply(mean_, (n - 1) / n);
  combine(mean_, histogram, n, notes_);
}

HistogramNotes HistogramSum::notes() const {
  HistogramNotes notes = notes_;
  notes.reset_hint_collision = seen_reset_ && seen_no_reset_;
  return notes;
}

Histogram HistogramSum::finish(const Running& value) {
  Histogram result = value.shape;
  Spread spread_out{value.shape.schema, value.shape.zero_threshold, value.zero.value,         value.zero.compensation,
                    value.positive,     value.negative,             value.shape.custom_bounds};
  store(result, spread_out);
  result.count = value.count.value + value.count.compensation;
  result.sum = value.sum.value + value.sum.compensation;
  return result;
}

Histogram HistogramSum::sum() const { return finish(running_); }

Histogram HistogramSum::mean() const {
  if (incremental_mean_) return finish(mean_);
  Histogram result = finish(running_);
  if (count_ > 1) divide_histogram(result, static_cast<double>(count_));
  return result;
}

std::string histogram_text(const Histogram& histogram) {
  std::string out = "{count:" + format_go_g(histogram.count) + ", sum:" + format_go_g(histogram.sum);
  for (const HistogramBucket& bucket : buckets_of(histogram)) append_bucket_text(out, bucket);
  return out + "}";
}

}  // namespace obelisk
