#include "model/histogram_sum.h"

#include <algorithm>
#include <cmath>

#include "model/kahan_sum.h"

namespace obelisk {

using namespace buckets;

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
  HistogramSpread a{target.shape.schema,       target.shape.zero_threshold,
                    target.zero.value,         target.zero.compensation,
                    target.positive,           target.negative,
                    target.shape.custom_bounds};
  HistogramSpread b = spread(other);
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
  HistogramSpread spread_out{value.shape.schema,       value.shape.zero_threshold,
                             value.zero.value,         value.zero.compensation,
                             value.positive,           value.negative,
                             value.shape.custom_bounds};
  store_spread(result, spread_out);
  result.count = value.count.value + value.count.compensation;
  result.sum = value.sum.value + value.sum.compensation;
  return result;
}

Histogram HistogramSum::sum() const {
  return finish(running_);
}

Histogram HistogramSum::mean() const {
  if (incremental_mean_) return finish(mean_);
  Histogram result = finish(running_);
  if (count_ > 1) divide_histogram(result, static_cast<double>(count_));
  return result;
}

}  // namespace obelisk
