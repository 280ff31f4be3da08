#include "query/promql/extended_range.h"

#include <algorithm>

namespace obelisk::promql {
namespace {

struct Sample {
  int64_t time = 0;
  double value = 0;
};

// The value at `time` on the line between two samples. A counter that fell between them was reset: left of
// the window it is taken to have started from zero, right of it to go on rising.
double interpolate(const Sample& before, const Sample& after, int64_t time, bool is_counter, bool left_end) {
  double from = before.value;
  double to = after.value;
  if (is_counter && to < from) {
    if (left_end) {
      from = 0;
    } else {
      to += from;
    }
  }
  return from + (to - from) * static_cast<double>(time - before.time) /
                    static_cast<double>(after.time - before.time);
}

size_t first_after(std::span<const int64_t> times, int64_t time) {
  return static_cast<size_t>(std::upper_bound(times.begin(), times.end(), time) - times.begin());
}

}  // namespace

std::optional<ExtendedWindow> extended_window(const RawSeries& series, int64_t start_ms, int64_t end_ms,
                                              int64_t lookback_ms, bool smoothed, bool is_counter) {
  std::span<const int64_t> times = series.float_times;
  std::span<const double> values = series.floats;
  auto sample = [&](size_t i) { return Sample{times[i], values[i]}; };
  size_t inside = first_after(times, start_ms);  // first inside
  size_t after = first_after(times, end_ms);     // first past the end
  bool has_before = inside > 0 && times[inside - 1] > start_ms - lookback_ms;
  bool has_after = smoothed && after < times.size() && times[after] <= end_ms + lookback_ms;
  bool ends_on_sample = after > inside && times[after - 1] == end_ms;
  if (ends_on_sample) has_after = false;
  if (inside == after && !(has_before && has_after)) return std::nullopt;
  ExtendedWindow window;
  size_t first = has_before ? inside - 1 : inside;
  size_t last = has_after ? after : after - 1;
  window.left = values[first];
  if (smoothed && times[first] < start_ms)
    window.left = interpolate(sample(first), sample(first + 1), start_ms, is_counter, true);
  window.right = values[last];
  if (smoothed && times[last] > end_ms)
    window.right = interpolate(sample(last - 1), sample(last), end_ms, is_counter, false);
  window.times.push_back(start_ms);
  window.values.push_back(window.left);
  for (size_t i = inside; i < after; ++i) {
    window.inside.push_back(values[i]);
    if (times[i] >= end_ms) continue;
    window.times.push_back(times[i]);
    window.values.push_back(values[i]);
  }
  window.times.push_back(end_ms);
  window.values.push_back(window.right);
  return window;
}

double extended_change(const ExtendedWindow& window, bool is_counter) {
  double change = window.right - window.left;
  if (!is_counter) return change;
  double before = window.left;
  for (double value : window.inside) {
    if (value < before) change += before;
    before = value;
  }
  if (window.right < before) change += before;
  return change;
}

std::optional<double> smoothed_value(const RawSeries& series, int64_t time_ms, int64_t lookback_ms) {
  std::span<const int64_t> times = series.float_times;
  size_t after = first_after(times, time_ms);
  if (after == 0 || times[after - 1] <= time_ms - lookback_ms) return std::nullopt;
  Sample before{times[after - 1], series.floats[after - 1]};
  if (before.time == time_ms || after == times.size() || times[after] > time_ms + lookback_ms)
    return before.value;
  return interpolate(before, {times[after], series.floats[after]}, time_ms, false, false);
}

}  // namespace obelisk::promql
