#pragma once
// Ranges with `anchored` and `smoothed`: what a window is when values at its ends count, not extrapolation.
// anchored: the left end has the last sample at or before it (no older than the lookback), or else the first
// inside; the right end has the last sample inside. smoothed: both ends have the value on the line between
// the samples around them, for which samples up to one lookback after the end are read. Floats only, as in
// Prometheus.
#include <optional>
#include <vector>

#include "query/promql/series.h"

namespace obelisk::promql {

struct ExtendedWindow {
  std::vector<int64_t> times;  // ascending: the left end, the samples between, the right end
  std::vector<double> values;
  double left = 0;  // the values at the ends, with counter resets at the ends taken into account when asked
  double right = 0;
  std::vector<double> inside;  // the values of the samples that resets are looked for in
};

// Nothing when no sample lies inside (start, end].
std::optional<ExtendedWindow> extended_window(const RawSeries& series, int64_t start_ms, int64_t end_ms,
                                              int64_t lookback_ms, bool smoothed, bool is_counter);

// The change over the window; for counters what was lost at resets is added.
double extended_change(const ExtendedWindow& window, bool is_counter);

// The value of an instant selector with `smoothed`.
std::optional<double> smoothed_value(const RawSeries& series, int64_t time_ms, int64_t lookback_ms);

}  // namespace obelisk::promql
