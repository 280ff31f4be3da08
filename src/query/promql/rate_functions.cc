#include "query/promql/rate_functions.h"

#include <algorithm>
#include <optional>

#include "model/histogram_arithmetic.h"

namespace obelisk::promql {
namespace {

bool is_gauge(const Histogram& histogram) {
  return histogram.reset_hint == CounterResetHint::gauge;
}

bool is_histogram_reset(const Window& window, size_t i, const Histogram& before) {
  return window.histogram_start_step(i).is_reset() || is_counter_reset(*window.histograms[i], before);
}

// Samples whose start lies inside what was counted before: told once a series.
void check_overlaps(const RangeCall& call, const Window& window) {
  bool overlaps = false;
  for (size_t i = 1; i < window.float_starts.size() && !overlaps; ++i)
    overlaps = window.float_start_step(i).overlaps();
  for (size_t i = 1; i < window.histogram_starts.size() && !overlaps; ++i)
    overlaps = window.histogram_start_step(i).overlaps();
  if (overlaps) call.annotations.overlapping_starts(call.argument, call.metric);
}

// The change over the window's histograms, resets added; null when they cannot be combined.
std::shared_ptr<Histogram> histogram_change(const RangeCall& call, const Window& window, bool is_counter) {
  std::span<const HistogramPtr> points = window.histograms;
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
  if (is_counter && is_histogram_reset(window, 1, *first)) {
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
    if (is_histogram_reset(window, i, *before) && add_histograms(*change, *before, 1).bounds_reconciled) {
      call.annotations.bounds_reconciled(call.argument, "addition");
    }
    before = points[i].get();
  }
  change->reset_hint = CounterResetHint::gauge;
  compact_histogram(*change);
  return change;
}

double float_change(const Window& window, bool is_counter) {
  std::span<const double> values = window.floats;
  double change = values.back() - values.front();
  if (is_counter && window.told != nullptr) return change + window.told->lost;
  if (!is_counter || !window.may_reset) return change;
  for (size_t i = 1; i < values.size(); ++i) {
    if (window.is_reset(i)) change += values[i - 1];
  }
  return change;
}

double seconds(int64_t millis) {
  return static_cast<double>(millis) / 1000;
}

// When the first sample began to count, if that is inside the window: it was zero then, so that nothing need
// be extrapolated to the left.
std::optional<int64_t> start_inside(const Window& window, bool histograms) {
  std::span<const int64_t> starts = histograms ? window.histogram_starts : window.float_starts;
  int64_t first = histograms ? window.histogram_times.front() : window.float_times.front();
  if (starts.empty() || starts[0] == 0 || starts[0] <= window.start_ms || starts[0] >= first)
    return std::nullopt;
  return starts[0];
}

// Scales a change between two samples to the whole window.
struct Stretch {
  double sampled = 0;  // seconds between the samples (or the start) that the change is between
  double to_start = 0;
  double to_end = 0;
  double factor() const { return sampled == 0 ? 1 : (sampled + to_start + to_end) / sampled; }
};

// How the samples of a window lie in it, in seconds, and by how much a change between them is stretched. Kept
// from window to window: where samples come regularly it stays the same, and with it five divisions.
struct Spacing {
  int64_t sampled_ms = -1;
  int64_t to_start_ms = 0;
  int64_t to_end_ms = 0;
  size_t samples = 0;
  double sampled = 0;
  double to_start = 0;
  double to_end = 0;
  double factor = 1;  // of a rate by `range_seconds`, unless that is 0

  void update(int64_t new_sampled_ms, size_t new_samples, int64_t new_to_start_ms, int64_t new_to_end_ms,
              double range_seconds) {
    if (new_sampled_ms == sampled_ms && new_samples == samples && new_to_start_ms == to_start_ms &&
        new_to_end_ms == to_end_ms)
      return;
    sampled_ms = new_sampled_ms;
    samples = new_samples;
    to_start_ms = new_to_start_ms;
    to_end_ms = new_to_end_ms;
    sampled = seconds(sampled_ms);
    double interval = sampled / static_cast<double>(samples - 1);
    double threshold = interval * 1.1;
    to_start = seconds(to_start_ms);
    to_end = seconds(to_end_ms);
    if (to_start >= threshold) to_start = interval / 2;
    if (to_end >= threshold) to_end = interval / 2;
    factor = (sampled + to_start + to_end) / sampled;
    if (range_seconds != 0) factor /= range_seconds;
  }
  // False: a counter that grew by `change` from `first` surely was above zero all the way to the left.
  bool may_begin_later(double first, double change) const {
    return !(sampled * first > to_start * change * 1.000001);
  }
};

}  // namespace

RangeOutcome extrapolated(const RangeCall& call, const Window& window, bool is_counter, bool is_rate) {
  if (!window.floats.empty() && !window.histograms.empty()) {
    call.annotations.mixed_range(call.argument, call.metric);
    return {};
  }
  bool histograms = !window.histograms.empty();
  std::span<const int64_t> times = histograms ? window.histogram_times : window.float_times;
  std::optional<int64_t> start = is_counter ? start_inside(window, histograms) : std::nullopt;
  if (times.size() < 2 && !start) return {};
  if (is_counter) check_overlaps(call, window);
  RangeOutcome outcome;
  outcome.present = true;
  std::shared_ptr<Histogram> change;
  if (histograms) {
    if (times.size() > 1) {
      change = histogram_change(call, window, is_counter);
      if (!change) return {};
    }
  } else {
    outcome.value = float_change(window, is_counter);
  }
  double interval = times.size() > 1 ? seconds(times.back() - times.front()) /
                                           static_cast<double>(window.samples_in(times) - 1)
                                     : 0;
  double threshold = interval * 1.1;
  Stretch stretch{seconds(times.back() - times.front()), seconds(times.front() - window.start_ms),
                  seconds(window.end_ms - times.back())};
  if (start) {
    stretch.sampled = seconds(times.back() - *start);
    stretch.to_start = 0;
    if (!histograms) {
      outcome.value += window.floats.front();
    } else if (!change) {
      change = std::make_shared<Histogram>(*window.histograms.front());
    } else if (add_histograms(*change, *window.histograms.front(), 1).incompatible) {
      call.annotations.mixed_schemas(call.argument, call.metric);
      return {};
    }
  } else {
    if (stretch.to_start >= threshold) stretch.to_start = interval / 2;
    double first_value = histograms ? window.histograms.front()->count : window.floats.front();
    double changed = histograms ? change->count : outcome.value;
    if (is_counter && changed > 0 && first_value >= 0)
      stretch.to_start = std::min(stretch.to_start, stretch.sampled * (first_value / changed));
  }
  if (stretch.to_end >= threshold) stretch.to_end = interval / 2;
  double factor = stretch.factor();
  if (is_rate) factor /= seconds(call.range_ms);
  if (!histograms) {
    outcome.value *= factor;
    return outcome;
  }
  multiply_histogram(*change, factor);
  outcome.histogram = std::move(change);
  return outcome;
}

bool extrapolate_floats(const RawSeries& series, const RangeSteps& steps, bool is_counter, bool is_rate,
                        std::span<double> values) {
  const int64_t* times = series.float_times.data();
  const double* floats = series.floats.data();
  const size_t count = series.floats.size();
  bool may_reset = false;
  for (size_t i = 1; is_counter && i < count; ++i) may_reset |= floats[i] < floats[i - 1];
  const double range_seconds = seconds(steps.range_ms);
  Spacing spacing;
  size_t begin = 0;
  size_t end = 0;
  bool any = false;
  for (size_t step = 0; step < values.size(); ++step) {
    int64_t end_ms = steps.first_end_ms + static_cast<int64_t>(step) * steps.step_ms;
    int64_t start_ms = end_ms - steps.range_ms;
    while (begin < count && times[begin] <= start_ms) ++begin;
    end = std::max(begin, end);
    while (end < count && times[end] <= end_ms) ++end;
    if (end - begin < 2) continue;
    double change = floats[end - 1] - floats[begin];
    for (size_t i = begin + 1; may_reset && i < end; ++i) {
      if (floats[i] < floats[i - 1]) change += floats[i - 1];
    }
    spacing.update(times[end - 1] - times[begin], end - begin, times[begin] - start_ms,
                   end_ms - times[end - 1], is_rate ? range_seconds : 0);
    double factor = spacing.factor;
    if (is_counter && change > 0 && floats[begin] >= 0 && spacing.may_begin_later(floats[begin], change)) {
      double to_start = std::min(spacing.to_start, spacing.sampled * (floats[begin] / change));
      factor = (spacing.sampled + to_start + spacing.to_end) / spacing.sampled;
      if (is_rate) factor /= range_seconds;
    }
    values[step] = change * factor;
    any = true;
  }
  return any;
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
  if (!is_rate || !is_histogram_reset(window, histograms - 1, before)) {
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
