#include "query/promql/rate_functions.h"

#include <algorithm>

#include "query/core/histogram_arithmetic.h"
#include "query/promql/go_string.h"

namespace obelisk::promql {
namespace {

bool is_gauge(const Histogram& histogram) {
  return histogram.reset_hint == CounterResetHint::gauge;
}

// A name that does not look like a counter's.
void check_counter_name(const RangeCall& call) {
  if (call.metric.empty()) return;
  for (std::string_view ending : {"_total", "_sum", "_count", "_bucket"}) {
    if (call.metric.ends_with(ending)) return;
  }
  call.annotations.info(call.argument,
                        "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: " +
                            quote_go_string(call.metric));
}

// The change over the window's histograms, resets added; null when they cannot be combined.
std::shared_ptr<Histogram> histogram_change(const RangeCall& call, std::span<const HistogramPtr> points,
                                            bool is_counter) {
  const Histogram* first = points.front().get();
  const Histogram& last = *points.back();
  if (is_counter) {
    if (std::any_of(points.begin(), points.end(),
                    [](const HistogramPtr& point) { return is_gauge(*point); })) {
      call.annotations.not_a_counter(call.argument, call.metric);
    }
  } else if (!is_gauge(*first) || !is_gauge(last)) {
    call.annotations.not_a_gauge(call.argument, call.metric);
  }
  // A first sample that a reset separates from the rest does not matter, nor does its bucket layout.
  Histogram nothing_yet;
  if (is_counter && is_counter_reset(*points[1], *first)) {
    nothing_yet.schema = points[1]->schema;
    nothing_yet.custom_bounds = points[1]->custom_bounds;
    nothing_yet.zero_threshold = points[1]->zero_threshold;
    first = &nothing_yet;
  }
  bool custom = has_custom_bounds(last);
  bool mixed = custom != has_custom_bounds(*first);
  for (size_t i = 1; is_counter && i + 1 < points.size(); ++i)
    mixed |= custom != has_custom_bounds(*points[i]);
  if (mixed) {
    call.annotations.mixed_schemas(call.argument, call.metric);
    return nullptr;
  }
  auto change = std::make_shared<Histogram>(last);
  if (is_counter && !custom) {
    for (size_t i = 1; i < points.size(); ++i) coarsen_histogram(*change, points[i]->schema);
  }
  if (add_histograms(*change, *first, -1).bounds_reconciled)
    call.annotations.bounds_reconciled(call.argument, "subtraction");
  const Histogram* before = first;
  for (size_t i = 1; is_counter && i < points.size(); ++i) {
    const Histogram& current = *points[i];
    if (is_counter_reset(current, *before) && add_histograms(*change, *before, 1).bounds_reconciled) {
      call.annotations.bounds_reconciled(call.argument, "addition");
    }
    before = &current;
  }
  change->reset_hint = CounterResetHint::gauge;
  compact_histogram(*change);
  return change;
}

double float_change(const Window& window, bool is_counter) {
  std::span<const double> values = window.floats;
  double change = values.back() - values.front();
  if (!is_counter || !window.may_reset) return change;
  for (size_t i = 1; i < values.size(); ++i) {
    if (window.is_reset(i)) change += values[i - 1];
  }
  return change;
}

double seconds(int64_t millis) {
  return static_cast<double>(millis) / 1000;
}

}  // namespace

RangeOutcome extrapolated(const RangeCall& call, const Window& window, bool is_counter, bool is_rate) {
  if (!window.floats.empty() && !window.histograms.empty()) {
    call.annotations.mixed_range(call.argument, call.metric);
    return {};
  }
  bool histograms = !window.histograms.empty();
  std::span<const int64_t> times = histograms ? window.histogram_times : window.float_times;
  if (!histograms && is_counter) check_counter_name(call);
  if (times.size() < 2) return {};
  RangeOutcome outcome;
  outcome.present = true;
  std::shared_ptr<Histogram> change;
  double first_value = 0;
  double changed = 0;
  if (histograms) {
    change = histogram_change(call, window.histograms, is_counter);
    if (!change) return {};
    first_value = window.histograms.front()->count;
    changed = change->count;
  } else {
    outcome.value = float_change(window, is_counter);
    first_value = window.floats.front();
    changed = outcome.value;
  }
  double to_start = seconds(times.front() - window.start_ms);
  double to_end = seconds(window.end_ms - times.back());
  double sampled = seconds(times.back() - times.front());
  double interval = sampled / static_cast<double>(times.size() - 1);
  double threshold = interval * 1.1;
  if (to_start >= threshold) to_start = interval / 2;
  if (is_counter && changed > 0 && first_value >= 0)
    to_start = std::min(to_start, sampled * (first_value / changed));
  if (to_end >= threshold) to_end = interval / 2;
  double factor = (sampled + to_start + to_end) / sampled;
  if (is_rate) factor /= seconds(call.range_ms);
  if (!histograms) {
    outcome.value *= factor;
    return outcome;
  }
  multiply_histogram(*change, factor);
  outcome.histogram = std::move(change);
  return outcome;
}

RangeOutcome from_last_two(const RangeCall& call, const Window& window, bool is_rate) {
  size_t floats = window.floats.size();
  size_t histograms = window.histograms.size();
  if (floats + histograms < 2) return {};
  // The two latest samples of either kind.
  size_t taken_floats = 0;
  size_t taken_histograms = 0;
  while (taken_floats + taken_histograms < 2) {
    bool take_float =
        taken_histograms == histograms ||
        (taken_floats < floats && window.float_times[floats - 1 - taken_floats] >
                                      window.histogram_times[histograms - 1 - taken_histograms]);
    ++(take_float ? taken_floats : taken_histograms);
  }
  if (taken_floats == 1) {
    call.annotations.mixed_range(call.argument, call.metric);
    return {};
  }
  std::span<const int64_t> times = taken_floats == 2 ? window.float_times : window.histogram_times;
  double interval = seconds(times[times.size() - 1] - times[times.size() - 2]);
  if (interval == 0) return {};
  RangeOutcome outcome;
  outcome.present = true;
  if (taken_floats == 2) {
    double last = window.floats[floats - 1];
    double before = window.floats[floats - 2];
    outcome.value = is_rate && window.is_reset(floats - 1) ? last : last - before;
    if (is_rate) outcome.value /= interval;
    return outcome;
  }
  const Histogram& last = *window.histograms[histograms - 1];
  const Histogram& before = *window.histograms[histograms - 2];
  if (is_rate && (is_gauge(last) || is_gauge(before)))
    call.annotations.not_a_counter(call.argument, call.metric);
  if (!is_rate && (!is_gauge(last) || !is_gauge(before)))
    call.annotations.not_a_gauge(call.argument, call.metric);
  auto change = std::make_shared<Histogram>(last);
  if (!is_rate || !is_counter_reset(last, before)) {
    HistogramNotes notes = add_histograms(*change, before, -1);
    if (notes.incompatible) {
      call.annotations.mixed_schemas(call.argument, call.metric);
      return {};
    }
    if (notes.bounds_reconciled) call.annotations.bounds_reconciled(call.argument, "subtraction");
  }
  change->reset_hint = CounterResetHint::gauge;
  if (is_rate) divide_histogram(*change, interval);
  compact_histogram(*change);
  outcome.histogram = std::move(change);
  return outcome;
}

}  // namespace obelisk::promql
