#include "query/promql/rate_functions.h"

#include <algorithm>
#include <optional>

#include "base/assert.h"
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

std::span<const RateWindow> RateWindows::of(std::span<const int64_t> times, size_t first_step,
                                            size_t step_count) {
  OBELISK_ASSERT(step_count <= kWindowsMax);
  if (first_step != first_step_ || windows_.size() != step_count ||
      !std::equal(times.begin(), times.end(), times_.begin(), times_.end())) {
    build(times, first_step, step_count);
  }
  return windows_;
}

void RateWindows::build(std::span<const int64_t> times, size_t first_step, size_t step_count) {
  times_.assign(times.begin(), times.end());
  first_step_ = first_step;
  windows_.clear();
  int64_t first_start_ms =
      steps_.first_end_ms + static_cast<int64_t>(first_step) * steps_.step_ms - steps_.range_ms;
  size_t begin =
      static_cast<size_t>(std::upper_bound(times.begin(), times.end(), first_start_ms) - times.begin());
  size_t end = begin;
  for (size_t step = first_step; step < first_step + step_count; ++step) {
    int64_t end_ms = steps_.first_end_ms + static_cast<int64_t>(step) * steps_.step_ms;
    int64_t start_ms = end_ms - steps_.range_ms;
    while (begin < times.size() && times[begin] <= start_ms) ++begin;
    end = std::max(begin, end);
    while (end < times.size() && times[end] <= end_ms) ++end;
    RateWindow& window = windows_.emplace_back();
    if (end - begin < 2) continue;
    window.first = static_cast<uint32_t>(begin);
    window.last = static_cast<uint32_t>(end - 1);
    window.sampled = seconds(times[end - 1] - times[begin]);
    window.to_start = seconds(times[begin] - start_ms);
    window.to_end = seconds(end_ms - times[end - 1]);
    double interval = window.sampled / static_cast<double>(end - begin - 1);
    double threshold = interval * 1.1;
    if (window.to_start >= threshold) window.to_start = interval / 2;
    if (window.to_end >= threshold) window.to_end = interval / 2;
    window.factor = (window.sampled + window.to_start + window.to_end) / window.sampled;
    if (is_rate_) window.factor /= range_seconds();
  }
}

namespace {

// The steps of `windows`, which are those of `values`.
bool extrapolate_windows(std::span<const double> floats, std::span<const RateWindow> windows,
                         const RateWindows& call, bool is_counter, bool may_reset, std::span<double> values) {
  bool any = false;
  for (size_t step = 0; step < windows.size(); ++step) {
    const RateWindow& window = windows[step];
    if (window.first == window.last) continue;
    double first = floats[window.first];
    double change = floats[window.last] - first;
    for (size_t i = window.first + 1; may_reset && i <= window.last; ++i) {
      if (floats[i] < floats[i - 1]) change += floats[i - 1];
    }
    double factor = window.factor;
    if (is_counter && change > 0 && first >= 0 && window.may_begin_later(first, change)) {
      double to_start = std::min(window.to_start, window.sampled * (first / change));
      factor = (window.sampled + to_start + window.to_end) / window.sampled;
      if (call.is_rate()) factor /= call.range_seconds();
    }
    values[step] = change * factor;
    any = true;
  }
  return any;
}

}  // namespace

bool extrapolate_floats(const RawSeries& series, bool is_counter, RateWindows& windows,
                        std::span<double> values) {
  const std::span<const double> floats = series.floats;
  bool may_reset = false;
  for (size_t i = 1; is_counter && i < floats.size(); ++i) may_reset |= floats[i] < floats[i - 1];
  bool any = false;
  for (size_t step = 0; step < values.size(); step += RateWindows::kWindowsMax) {
    size_t count = std::min(RateWindows::kWindowsMax, values.size() - step);
    any |= extrapolate_windows(floats, windows.of(series.float_times, step, count), windows, is_counter,
                               may_reset, values.subspan(step, count));
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
