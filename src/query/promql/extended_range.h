#pragma once
// Ranges with `anchored` and `smoothed`: what a window is when the values at its ends count and nothing is
// extrapolated. anchored: the left end has the last sample at or before it (no older than the lookback), or
// else the first inside; the right end has the last sample inside. smoothed: both ends have the value on the
// line between the samples around them, for which samples up to one lookback after the end are read. Floats
// and native histograms; a window with both has no rate.
#include <optional>
#include <vector>

#include "query/promql/range_functions.h"

namespace obelisk::promql {

struct ExtendedRange {
  int64_t start_ms = 0;
  int64_t end_ms = 0;
  int64_t lookback_ms = 0;
  bool smoothed = false;
};

// rate (per second), increase and delta.
RangeOutcome extended_change(const RangeCall& call, const RawSeries& series, const ExtendedRange& range,
                             bool is_counter, bool is_rate);

// For changes() and resets() of an anchored range: the one sample that anchors its left end, whichever kind
// it is, and all samples inside. Nothing when no sample lies inside.
std::optional<Window> anchored_window(const RawSeries& series, const ExtendedRange& range);

// The samples such a range shows when it is asked for as it is: both ends and what lies between. Floats only:
// an error where there are histograms, as in Prometheus.
struct ExtendedSamples {
  std::vector<int64_t> times;
  std::vector<double> values;
};
Result<ExtendedSamples> extended_samples(const RawSeries& series, const ExtendedRange& range);

// The value of an instant selector with `smoothed`.
std::optional<double> smoothed_value(const RawSeries& series, int64_t time_ms, int64_t lookback_ms);
Error no_smoothed_histograms();

}  // namespace obelisk::promql
