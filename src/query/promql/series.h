#pragma once
// The data an evaluation works on: samples as stored, and values at the steps of a query.
#include <bit>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "model/histogram.h"
#include "model/labels.h"

namespace obelisk::promql {

using HistogramPtr = std::shared_ptr<const Histogram>;

// The steps an expression is evaluated at: start, start + step, ... `count` of them.
struct Steps {
  int64_t start_ms = 0;
  int64_t step_ms = 1;
  size_t count = 1;
  int64_t time(size_t index) const { return start_ms + static_cast<int64_t>(index) * step_ms; }
  int64_t last() const { return time(count - 1); }
};

// "No sample", as StepSeries keeps it. The same test as is_stale_marker, inline: it stands in every inner
// loop.
inline bool is_absent(double value) {
  return std::bit_cast<uint64_t>(value) == kStaleMarkerBits;
}

// One series over the steps. A step without a sample holds the stale marker, a NaN that no computation and no
// stored sample that counts can have (storing it means "no sample"). Where `histograms` has a histogram, the
// value does not count; `histograms` is empty or has one entry a step.
struct StepSeries {
  Labels labels;
  bool drop_name = false;  // delayed name removal: the name goes when the query ends
  std::vector<double> values;
  std::vector<HistogramPtr> histograms;

  static StepSeries absent(Labels labels, size_t steps) {
    return {std::move(labels), false, std::vector<double>(steps, stale_marker()), {}};
  }
  const Histogram* histogram(size_t step) const {
    return histograms.empty() ? nullptr : histograms[step].get();
  }
  bool has_float(size_t step) const { return !is_absent(values[step]) && histogram(step) == nullptr; }
  bool has(size_t step) const { return !is_absent(values[step]) || histogram(step) != nullptr; }
  void set_histogram(size_t step, HistogramPtr histogram) {
    if (histograms.empty()) histograms.resize(values.size());
    histograms[step] = std::move(histogram);
  }
  void clear(size_t step) {
    values[step] = stale_marker();
    if (!histograms.empty()) histograms[step].reset();
  }
  void copy_step(const StepSeries& from, size_t step) {
    values[step] = from.values[step];
    if (from.histogram(step) != nullptr) set_histogram(step, from.histograms[step]);
  }
};

using SeriesList = std::vector<StepSeries>;
using ScalarSteps = std::vector<double>;  // one value a step
using Value = std::variant<ScalarSteps, std::string, SeriesList>;

// The samples of one stored (or sub-queried) series, without stale markers, ascending in time. Floats and
// histograms apart. Times in milliseconds. Spans borrow from `owner` (a batch as read) or from the series'
// own vectors.
struct RawSeries {
  // All of them, or with `has_all_labels` false those that were asked for; what tells the series apart
  // without its metric's name is then `identity`.
  Labels labels;
  bool has_all_labels = true;
  Hash128 identity;
  std::string_view metric;  // the metric's name, for messages; of what `owner` or `labels` keep
  bool drop_name = false;
  std::span<const int64_t> float_times;
  std::span<const double> floats;
  // When counting began, a sample; 0 unknown. Empty when start times are not asked for.
  std::vector<int64_t> float_starts;
  std::vector<int64_t> histogram_starts;
  std::vector<int64_t> histogram_times;
  std::vector<HistogramPtr> histograms;
  // Of what a downsampled tier has in the place of samples up to here: each stands for the series this much
  // longer.
  int64_t sparse_until_ms = std::numeric_limits<int64_t>::min();
  int64_t sparse_slack_ms = 0;
  // Times at which the series was said to have ended: instants after one, and before the next sample, have no
  // value.
  std::vector<int64_t> stale_times;

  std::shared_ptr<const void> owner;
  std::vector<int64_t> own_times;
  std::vector<double> own_floats;

  RawSeries() = default;
  RawSeries(RawSeries&&) = default;
  RawSeries& operator=(RawSeries&&) = default;
  RawSeries(const RawSeries&) = delete;
  RawSeries& operator=(const RawSeries&) = delete;
};

// A sample's start time and time beside those of the sample before.
struct StartStep {
  int64_t start_before = 0;
  int64_t time_before = 0;
  int64_t start = 0;
  int64_t time = 0;

  // Whether the start alone says that the counter began anew. A start at or after its own sample says nothing
  // (unknown, or wrong). One exactly at the sample before is how deltas chain, unless that one had none.
  bool is_reset() const {
    if (start == 0 || start >= time || start < time_before) return false;
    return start > time_before || (start_before != 0 && start_before < time_before);
  }
  // Whether the sample claims a span of time that the one before had counted already.
  bool overlaps() const { return start != 0 && start < time_before && start != start_before; }
};

// The samples of a series inside (start, end].
struct Window {
  std::span<const int64_t> float_times;
  std::span<const double> floats;
  std::span<const int64_t> float_starts;  // as RawSeries has them
  std::span<const int64_t> histogram_starts;
  std::span<const int64_t> histogram_times;
  std::span<const HistogramPtr> histograms;
  int64_t start_ms = 0;
  int64_t end_ms = 0;
  // False when it is known without looking that is_reset() holds for no sample.
  bool may_reset = true;
  // Of a downsampled tier the samples here are some of those in the window: what the others add.
  struct Told {
    size_t samples = 0;  // in all
    double lost = 0;     // the floats before falls
  };
  const Told* told = nullptr;
  size_t samples_in(std::span<const int64_t> times) const { return told ? told->samples : times.size(); }
  // Whether the counter began anew between float i - 1 and float i: it fell, or says that it started later.
  bool is_reset(size_t i) const {
    return floats[i] < floats[i - 1] || (!float_starts.empty() && float_start_step(i).is_reset());
  }
  StartStep float_start_step(size_t i) const {
    return {float_starts[i - 1], float_times[i - 1], float_starts[i], float_times[i]};
  }
  StartStep histogram_start_step(size_t i) const {
    if (histogram_starts.empty()) return {};
    return {histogram_starts[i - 1], histogram_times[i - 1], histogram_starts[i], histogram_times[i]};
  }
  bool empty() const { return floats.empty() && histograms.empty(); }
};

}  // namespace obelisk::promql
