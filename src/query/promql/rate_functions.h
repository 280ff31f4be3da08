#pragma once
// rate, increase, delta, irate and idelta over the samples of one window, as Prometheus computes them.
//
// The first three take the change between the first and the last sample (with the lost part at each counter
// reset added) and extrapolate it to the ends of the window: all the way where a sample lies within 1.1 mean
// intervals of the end, else by half an interval, and for counters never past the point where the value would
// have been zero.
#include "query/promql/range_functions.h"

namespace obelisk::promql {

RangeOutcome extrapolated(const RangeCall& call, const Window& window, bool is_counter, bool is_rate);
// The same for all steps of a series that has floats without start times alone, without a window object a
// step: windows end at first_end_ms, first_end_ms + step_ms, ... Steps without a result are left as they are;
// false: there was none at all.
struct RangeSteps {
  int64_t first_end_ms = 0;
  int64_t step_ms = 0;
  int64_t range_ms = 0;
};
bool extrapolate_floats(const RawSeries& series, const RangeSteps& steps, bool is_counter, bool is_rate,
                        std::span<double> values);

RangeOutcome from_last_two(const RangeCall& call, const Window& window, bool is_rate);

}  // namespace obelisk::promql
