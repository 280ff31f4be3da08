#include "query/promql/extended_range.h"

#include <algorithm>

#include "model/histogram_arithmetic.h"

namespace obelisk::promql {
namespace {

size_t first_after(std::span<const int64_t> times, int64_t time) {
  return static_cast<size_t>(std::upper_bound(times.begin(), times.end(), time) - times.begin());
}

// The positions [begin, end) of the samples that the ends of the range may look at.
std::pair<size_t, size_t> visible(std::span<const int64_t> times, const ExtendedRange& range) {
  size_t begin = first_after(times, range.start_ms - range.lookback_ms);
  size_t end = first_after(times, range.end_ms + (range.smoothed ? range.lookback_ms : 0));
  return {begin, std::max(begin, end)};
}

// The samples that stand at the two ends: the last at or before the start, else the first there is; the last
// there is, or (smoothed) the first at or after the end. Nothing when none lies past the start.
struct Ends {
  size_t first = 0;
  size_t last = 0;
};

std::optional<Ends> ends_of(std::span<const int64_t> times, const ExtendedRange& range) {
  if (times.empty()) return std::nullopt;
  Ends ends;
  ends.last = times.size() - 1;
  std::span<const int64_t> but_last = times.first(ends.last);
  size_t inside = first_after(but_last, range.start_ms);
  ends.first = inside > 0 ? inside - 1 : 0;
  if (range.smoothed)
    ends.last = static_cast<size_t>(std::lower_bound(but_last.begin(), but_last.end(), range.end_ms) -
                                    but_last.begin());
  if (times[ends.last] <= range.start_ms) return std::nullopt;
  return ends;
}

// The value at `time` on the line between two samples. A counter that fell between them is taken to have
// started from zero at the first.
double interpolate(double from, int64_t from_time, double to, int64_t to_time, int64_t time,
                   bool is_counter) {
  if (is_counter && to < from) from = 0;
  return from +
         (to - from) * static_cast<double>(time - from_time) / static_cast<double>(to_time - from_time);
}

struct FloatEnds {
  double left = 0;
  double right = 0;
};

FloatEnds values_at(std::span<const int64_t> times, std::span<const double> values, const Ends& ends,
                    const ExtendedRange& range, bool is_counter) {
  auto between = [&](size_t i, int64_t time) {
    return interpolate(values[i], times[i], values[i + 1], times[i + 1], time, is_counter);
  };
  FloatEnds at{values[ends.first], values[ends.last]};
  if (range.smoothed && times[ends.first] < range.start_ms) at.left = between(ends.first, range.start_ms);
  if (range.smoothed && ends.last > 0 && times[ends.last] > range.end_ms)
    at.right = between(ends.last - 1, range.end_ms);
  return at;
}

// What a counter lost at resets: left end, samples strictly inside, right end.
double lost_at_resets(const FloatEnds& at, std::span<const double> inside) {
  double lost = 0;
  double before = at.left;
  for (double value : inside) {
    if (value < before) lost += before;
    before = value;
  }
  return at.right < before ? lost + before : lost;
}

// The positions of the samples strictly between the two ends of the range.
std::pair<size_t, size_t> strictly_inside(std::span<const int64_t> times, Ends ends,
                                          const ExtendedRange& range) {
  size_t begin = ends.first + (times[ends.first] <= range.start_ms ? 1 : 0);
  size_t end = ends.last + (times[ends.last] >= range.end_ms ? 0 : 1);
  return {begin, std::max(begin, end)};
}

double seconds(int64_t millis) {
  return static_cast<double>(millis) / 1000;
}

RangeOutcome float_change(const RangeCall& call, std::span<const int64_t> times,
                          std::span<const double> values, const ExtendedRange& range, bool is_counter,
                          bool is_rate) {
  std::optional<Ends> ends = ends_of(times, range);
  if (!ends || (range.smoothed && times[ends->first] > range.end_ms)) return {};
  FloatEnds at = values_at(times, values, *ends, range, is_counter);
  double change = at.right - at.left;
  if (is_counter) {
    auto [begin, end] = strictly_inside(times, *ends, range);
    change += lost_at_resets(at, values.subspan(begin, end - begin));
  }
  return {true, is_rate ? change / seconds(call.range_ms) : change, nullptr};
}

// The same for histograms. Each step tells what it met to the annotations; false or null: no result.
class HistogramChange {
 public:
  HistogramChange(const RangeCall& call, std::span<const int64_t> times,
                  std::span<const HistogramPtr> histograms, const ExtendedRange& range)
      : call_(call), times_(times), histograms_(histograms), range_(range) {}

  RangeOutcome change(bool is_counter, bool is_rate) {
    std::optional<Ends> ends = ends_of(times_, range_);
    if (!ends || (range_.smoothed && times_[ends->first] > range_.end_ms)) return {};
    ends_ = *ends;
    if (!check_kinds(is_counter)) return {};
    std::optional<Histogram> left = at_start(is_counter);
    std::optional<Histogram> right = left ? at_end(is_counter) : std::nullopt;
    if (!right) return {};
    bool gauges = left->reset_hint == CounterResetHint::gauge && right->reset_hint == CounterResetHint::gauge;
    if (!is_counter && !gauges) call_.annotations.not_a_gauge(call_.argument, call_.metric);
    auto result = std::make_shared<Histogram>(*right);
    if (!combine(*result, *left, -1)) return {};
    if (is_counter && !add_lost(*result, *left, *right)) return {};
    if (is_rate) divide_histogram(*result, seconds(call_.range_ms));
    result->reset_hint = CounterResetHint::gauge;
    compact_histogram(*result);
    return {true, 0, std::move(result)};
  }

 private:
  bool check_kinds(bool is_counter) const {
    bool custom = has_custom_bounds(*histograms_[ends_.first]);
    for (size_t i = ends_.first; i <= ends_.last; ++i) {
      if (has_custom_bounds(*histograms_[i]) != custom) {
        call_.annotations.mixed_schemas(call_.argument, call_.metric);
        return false;
      }
      if (is_counter && histograms_[i]->reset_hint == CounterResetHint::gauge)
        call_.annotations.not_a_counter(call_.argument, call_.metric);
    }
    return true;
  }

  bool combine(Histogram& target, const Histogram& other, double sign) const {
    HistogramNotes notes = add_histograms(target, other, sign);
    if (notes.incompatible) {
      call_.annotations.mixed_schemas(call_.argument, call_.metric);
      return false;
    }
    if (notes.bounds_reconciled)
      call_.annotations.bounds_reconciled(call_.argument, sign > 0 ? "addition" : "subtraction");
    return true;
  }

  std::optional<Histogram> at_start(bool is_counter) const {
    if (range_.smoothed && times_[ends_.first] < range_.start_ms)
      return between(ends_.first, range_.start_ms, is_counter);
    return *histograms_[ends_.first];
  }
  std::optional<Histogram> at_end(bool is_counter) const {
    if (range_.smoothed && ends_.last > 0 && times_[ends_.last] > range_.end_ms)
      return between(ends_.last - 1, range_.end_ms, is_counter);
    return *histograms_[ends_.last];
  }

  // The histogram at `time`, between samples i and i + 1.
  std::optional<Histogram> between(size_t i, int64_t time, bool is_counter) const {
    const Histogram& before = *histograms_[i];
    const Histogram& after = *histograms_[i + 1];
    if (time == times_[i]) return before;
    if (time == times_[i + 1]) return after;
    double share = static_cast<double>(time - times_[i]) / static_cast<double>(times_[i + 1] - times_[i]);
    Histogram result = after;
    if (is_counter && is_counter_reset(after, before)) {
      multiply_histogram(result, share);
      return result;
    }
    if (!combine(result, before, -1)) return std::nullopt;
    multiply_histogram(result, share);
    if (!combine(result, before, 1)) return std::nullopt;
    return result;
  }

  // Adds what was lost at the resets between the two ends.
  bool add_lost(Histogram& result, const Histogram& left, const Histogram& right) const {
    size_t next = ends_.first + 1;
    const Histogram* before = &left;
    bool starts_between = range_.smoothed && times_[ends_.first] < range_.start_ms;
    if (starts_between && is_counter_reset(*histograms_[next], *histograms_[ends_.first])) {
      // The reset is in the left end's value already.
      before = histograms_[next].get();
      ++next;
    }
    if (next > ends_.last) return true;
    for (; next < ends_.last; ++next) {
      const Histogram& current = *histograms_[next];
      if (is_counter_reset(current, *before) && !combine(result, *before, 1)) return false;
      before = &current;
    }
    return !is_counter_reset(right, *before) || combine(result, *before, 1);
  }

  const RangeCall& call_;
  std::span<const int64_t> times_;
  std::span<const HistogramPtr> histograms_;
  const ExtendedRange& range_;
  Ends ends_;
};

}  // namespace

Error no_smoothed_histograms() {
  return make_error(ErrorCode::execution,
                    "smoothed and anchored modifiers do not work with native histograms");
}

RangeOutcome extended_change(const RangeCall& call, const RawSeries& series, const ExtendedRange& range,
                             bool is_counter, bool is_rate) {
  auto [first, last] = visible(series.float_times, range);
  auto [first_histogram, last_histogram] = visible(series.histogram_times, range);
  bool floats = last > first;
  bool histograms = last_histogram > first_histogram;
  if (floats && histograms) {
    call.annotations.mixed_range(call.argument, call.metric);
    return {};
  }
  if (histograms) {
    size_t count = last_histogram - first_histogram;
    return HistogramChange(call, std::span(series.histogram_times).subspan(first_histogram, count),
                           std::span(series.histograms).subspan(first_histogram, count), range)
        .change(is_counter, is_rate);
  }
  return float_change(call, series.float_times.subspan(first, last - first),
                      series.floats.subspan(first, last - first), range, is_counter, is_rate);
}

std::optional<Window> anchored_window(const RawSeries& series, const ExtendedRange& range) {
  // Positions counted from the start of the series: [visible begin, first past the start, visible end).
  auto [floats_begin, floats_end] = visible(series.float_times, range);
  auto [histograms_begin, histograms_end] = visible(series.histogram_times, range);
  size_t first = std::max(floats_begin, first_after(series.float_times, range.start_ms));
  size_t first_histogram = std::max(histograms_begin, first_after(series.histogram_times, range.start_ms));
  if (first >= floats_end && first_histogram >= histograms_end) return std::nullopt;
  bool float_before = first > floats_begin;
  bool histogram_before = first_histogram > histograms_begin;
  if (float_before &&
      (!histogram_before || series.float_times[first - 1] >= series.histogram_times[first_histogram - 1])) {
    --first;
  } else if (histogram_before) {
    --first_histogram;
  }
  size_t count = floats_end > first ? floats_end - first : 0;
  size_t histogram_count = histograms_end > first_histogram ? histograms_end - first_histogram : 0;
  Window window;
  window.start_ms = range.start_ms;
  window.end_ms = range.end_ms;
  window.float_times = series.float_times.subspan(first, count);
  window.floats = series.floats.subspan(first, count);
  window.histogram_times = std::span(series.histogram_times).subspan(first_histogram, histogram_count);
  window.histograms = std::span(series.histograms).subspan(first_histogram, histogram_count);
  if (!series.float_starts.empty())
    window.float_starts = std::span(series.float_starts).subspan(first, count);
  if (!series.histogram_starts.empty())
    window.histogram_starts = std::span(series.histogram_starts).subspan(first_histogram, histogram_count);
  return window;
}

Result<ExtendedSamples> extended_samples(const RawSeries& series, const ExtendedRange& range) {
  auto [first_histogram, last_histogram] = visible(series.histogram_times, range);
  if (last_histogram > first_histogram) return no_smoothed_histograms();
  auto [first, last] = visible(series.float_times, range);
  std::span<const int64_t> times = series.float_times.subspan(first, last - first);
  std::span<const double> values = series.floats.subspan(first, last - first);
  ExtendedSamples samples;
  std::optional<Ends> ends = ends_of(times, range);
  if (!ends) return samples;
  FloatEnds at = values_at(times, values, *ends, range, false);
  auto [begin, end] = strictly_inside(times, *ends, range);
  samples.times.push_back(range.start_ms);
  samples.values.push_back(at.left);
  for (size_t i = begin; i < end; ++i) {
    samples.times.push_back(times[i]);
    samples.values.push_back(values[i]);
  }
  samples.times.push_back(range.end_ms);
  samples.values.push_back(at.right);
  return samples;
}

std::optional<double> smoothed_value(const RawSeries& series, int64_t time_ms, int64_t lookback_ms) {
  std::span<const int64_t> times = series.float_times;
  size_t after = first_after(times, time_ms);
  if (after == 0 || times[after - 1] <= time_ms - lookback_ms) return std::nullopt;
  double before = series.floats[after - 1];
  bool between = times[after - 1] != time_ms && after < times.size() && times[after] <= time_ms + lookback_ms;
  if (!between) return before;
  return interpolate(before, times[after - 1], series.floats[after], times[after], time_ms, false);
}

}  // namespace obelisk::promql
