#pragma once
// rate, increase, delta, irate and idelta over the samples of one window, as Prometheus computes them.
//
// The first three take the change between the first and the last sample (with the lost part at each counter
// reset added) and extrapolate it to the ends of the window: all the way where a sample lies within 1.1 mean
// intervals of the end, else by half an interval, and for counters never past the point where the value would
// have been zero.
#include <cstdint>
#include <span>
#include <vector>

#include "query/promql/range_functions.h"

namespace obelisk::promql {

RangeOutcome extrapolated(const RangeCall& call, const Window& window, bool is_counter, bool is_rate);

// Windows end at first_end_ms, first_end_ms + step_ms, ...
struct RangeSteps {
  int64_t first_end_ms = 0;
  int64_t step_ms = 0;
  int64_t range_ms = 0;
};

// How the samples of a window lie in it: which they are, and by how much a change between the first and the
// last is stretched. Says nothing of their values, so that series with the same times share it.
struct RateWindow {
  uint32_t first = 0;  // of the samples of a series
  uint32_t last = 0;   // equal to `first` where there are less than two
  double factor = 1;   // of a change between them
  // In seconds:
  double sampled = 0;
  double to_start = 0;
  double to_end = 0;

  // False: a counter that grew by `change` from `value` surely was above zero all the way to the left.
  bool may_begin_later(double value, double change) const {
    return !(sampled * value > to_start * change * 1.000001);
  }
};

// The windows of some steps over a series' times, kept while the next series has the same: those of one
// sender mostly do. One object serves one call of one function, on one thread; at most kWindowsMax windows
// are held.
class RateWindows {
 public:
  static constexpr size_t kWindowsMax = 4096;

  RateWindows(const RangeSteps& steps, bool is_rate) : steps_(steps), is_rate_(is_rate) {}
  // Of the steps from `first_step` on. Lives until the next call.
  std::span<const RateWindow> of(std::span<const int64_t> times, size_t first_step, size_t step_count);
  double range_seconds() const { return static_cast<double>(steps_.range_ms) / 1000; }
  bool is_rate() const { return is_rate_; }

 private:
  void build(std::span<const int64_t> times, size_t first_step, size_t step_count);

  RangeSteps steps_;
  bool is_rate_;
  std::vector<int64_t> times_;
  size_t first_step_ = 0;
  std::vector<RateWindow> windows_;
};

// extrapolated() for all steps of a series that has floats without start times alone, without a window object
// a step. Steps without a result are left as they are; false: there was none at all.
bool extrapolate_floats(const RawSeries& series, bool is_counter, RateWindows& windows,
                        std::span<double> values);

RangeOutcome from_last_two(const RangeCall& call, const Window& window, bool is_rate);

}  // namespace obelisk::promql
