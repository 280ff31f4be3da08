#include "query/logql/window_functions.h"

#include <cmath>
#include <vector>

#include "base/time.h"
#include "query/core/aggregate.h"

namespace obelisk::logql {
namespace {

double seconds(int64_t nanos) {
  return static_cast<double>(nanos) / static_cast<double>(kNanosPerSecond);
}

double sum_of(std::span<const UnwrappedSample> samples) {
  double sum = 0;
  for (const UnwrappedSample& sample : samples) sum += sample.value;
  return sum;
}

// A running mean, which cannot overflow where a sum could; infinities absorb.
double mean_of(std::span<const UnwrappedSample> samples) {
  double mean = 0;
  double count = 0;
  for (const UnwrappedSample& sample : samples) {
    ++count;
    if (std::isinf(mean)) {
      bool same_sign = std::isinf(sample.value) && (mean > 0) == (sample.value > 0);
      bool finite = !std::isinf(sample.value) && !std::isnan(sample.value);
      if (same_sign || finite) continue;
    }
    mean += sample.value / count - mean / count;
  }
  return mean;
}

double variance_of(std::span<const UnwrappedSample> samples) {
  double count = 0, mean = 0, squares = 0;
  for (const UnwrappedSample& sample : samples) {
    ++count;
    double delta = sample.value - mean;
    mean += delta / count;
    squares += delta * (sample.value - mean);
  }
  return squares / count;
}

// NaN only when all are.
template <typename Better>
double extreme_of(std::span<const UnwrappedSample> samples, Better better) {
  double extreme = samples[0].value;
  for (const UnwrappedSample& sample : samples) {
    if (std::isnan(extreme) || better(sample.value, extreme)) extreme = sample.value;
  }
  return extreme;
}

// The increase of a counter per second: resets are added back, and the ends are extrapolated to the window as
// far as the samples' spacing supports it, but not below a counter of zero.
double counter_rate(std::span<const UnwrappedSample> samples, const Window& window) {
  if (samples.size() < 2) return 0;
  const UnwrappedSample& first = samples.front();
  const UnwrappedSample& last = samples.back();
  double increase = last.value - first.value;
  for (size_t i = 1; i < samples.size(); ++i) {
    if (samples[i].value < samples[i - 1].value) increase += samples[i - 1].value;
  }
  double sampled = seconds(last.time - first.time);
  if (sampled == 0) return 0;
  double spacing = sampled / static_cast<double>(samples.size() - 1);
  double before = seconds(first.time - (window.end - window.range));
  double after = seconds(window.end - last.time);
  double threshold = spacing * 1.1;
  if (before >= threshold) before = spacing / 2;
  if (after >= threshold) after = spacing / 2;
  if (increase > 0 && first.value >= 0) {
    double since_zero = sampled * (first.value / increase);
    if (since_zero < before) before = since_zero;
  }
  return increase * ((sampled + before + after) / sampled) / seconds(window.range);
}

}  // namespace

double window_function(RangeOp op, std::span<const UnwrappedSample> samples, const Window& window) {
  switch (op) {
    case RangeOp::rate:
      return sum_of(samples) / seconds(window.range);
    case RangeOp::sum:
      return sum_of(samples);
    case RangeOp::avg:
      return mean_of(samples);
    case RangeOp::min:
      return extreme_of(samples, [](double a, double b) { return a < b; });
    case RangeOp::max:
      return extreme_of(samples, [](double a, double b) { return a > b; });
    case RangeOp::stdvar:
      return variance_of(samples);
    case RangeOp::stddev:
      return std::sqrt(variance_of(samples));
    case RangeOp::first:
      return samples.front().value;
    case RangeOp::last:
      return samples.back().value;
    case RangeOp::rate_counter:
      return counter_rate(samples, window);
    case RangeOp::quantile: {
      std::vector<double> values;
      values.reserve(samples.size());
      for (const UnwrappedSample& sample : samples) values.push_back(sample.value);
      return quantile_of(window.parameter, std::move(values));
    }
    default:
      return static_cast<double>(samples.size());
  }
}

}  // namespace obelisk::logql
