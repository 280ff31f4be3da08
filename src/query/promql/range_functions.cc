#include "query/promql/range_functions.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "model/histogram_arithmetic.h"
#include "model/kahan_sum.h"
#include "query/core/aggregate.h"
#include "query/promql/rate_functions.h"

namespace obelisk::promql {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

RangeOutcome number(double value) {
  return {true, value, nullptr};
}
RangeOutcome nothing() {
  return {};
}

// Functions of floats ignore histograms: silently where there is nothing else, with an info in a mixed
// window.
bool has_floats(const RangeCall& call, const Window& window) {
  if (window.floats.empty()) return false;
  if (!window.histograms.empty()) call.annotations.ignored_in_mixed_range(call.argument, call.metric);
  return true;
}

RangeOutcome sum_or_average(const RangeCall& call, const Window& window, AggregateOp op) {
  if (!window.floats.empty() && !window.histograms.empty()) {
    call.annotations.mixed_range(call.argument, call.metric);
    return nothing();
  }
  AggregateState state;
  for (double value : window.floats) state.add(op, value, nullptr);
  for (const HistogramPtr& histogram : window.histograms) state.add(op, 0, histogram.get());
  RangeOutcome outcome;
  outcome.present = state.finish(op, &outcome.value, &outcome.histogram);
  if (state.notes() & AggregateState::incompatible_schemas)
    call.annotations.mixed_schemas(call.argument, call.metric);
  if (state.notes() & AggregateState::reconciled_bounds)
    call.annotations.bounds_reconciled(call.argument, "aggregation");
  if (state.notes() & AggregateState::reset_hint_collision)
    call.annotations.reset_collision(call.argument, "aggregation");
  return outcome;
}

// The last or first sample, whichever kind it is.
RangeOutcome edge_sample(const Window& window, bool last) {
  bool takes_histogram = window.floats.empty();
  if (!window.floats.empty() && !window.histograms.empty()) {
    takes_histogram = last ? window.histogram_times.back() > window.float_times.back()
                           : window.histogram_times.front() < window.float_times.front();
  }
  if (takes_histogram) return {true, 0, last ? window.histograms.back() : window.histograms.front()};
  return number(last ? window.floats.back() : window.floats.front());
}

double edge_time(const Window& window, bool last) {
  int64_t time = last ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max();
  for (const std::span<const int64_t>& times : {window.float_times, window.histogram_times}) {
    if (!times.empty()) time = last ? std::max(time, times.back()) : std::min(time, times.front());
  }
  return static_cast<double>(time) / 1000;
}

// The position of the largest or smallest float; NaN only when all are.
size_t extreme(const Window& window, bool largest, bool last_of_equals) {
  size_t best = 0;
  for (size_t i = 1; i < window.floats.size(); ++i) {
    double value = window.floats[i];
    double known = window.floats[best];
    bool better = largest ? value > known : value < known;
    if (better || std::isnan(known) || (last_of_equals && value == known)) best = i;
  }
  return best;
}

double variance(const Window& window) {
  double count = 0;
  double mean = 0;
  double mean_compensation = 0;
  double squares = 0;
  double squares_compensation = 0;
  for (double value : window.floats) {
    count += 1;
    double distance = value - (mean + mean_compensation);
    kahan_add(distance / count, mean, mean_compensation);
    kahan_add(distance * (value - (mean + mean_compensation)), squares, squares_compensation);
  }
  return (squares + squares_compensation) / count;
}

double median_absolute_deviation(const Window& window) {
  std::vector<double> values(window.floats.begin(), window.floats.end());
  if (std::any_of(values.begin(), values.end(), [](double value) { return std::isnan(value); })) return kNan;
  double median = quantile_of(0.5, values);
  for (double& value : values) value = std::fabs(value - median);
  return quantile_of(0.5, std::move(values));
}

struct Line {
  double slope = 0;
  double intercept = 0;  // at `origin_ms`
};

// Least squares.
Line fit_line(const Window& window, int64_t origin_ms) {
  double count = 0;
  double sum_x = 0, sum_y = 0, sum_xy = 0, sum_x2 = 0;
  double lost_x = 0, lost_y = 0, lost_xy = 0, lost_x2 = 0;
  bool is_constant = true;
  double first = window.floats[0];
  for (size_t i = 0; i < window.floats.size(); ++i) {
    double y = window.floats[i];
    if (y != first) is_constant = false;
    count += 1;
    double x = static_cast<double>(window.float_times[i] - origin_ms) / 1000;
    kahan_add(x, sum_x, lost_x);
    kahan_add(y, sum_y, lost_y);
    kahan_add(x * y, sum_xy, lost_xy);
    kahan_add(x * x, sum_x2, lost_x2);
  }
  if (is_constant) return std::isinf(first) ? Line{kNan, kNan} : Line{0, first};
  sum_x += lost_x;
  sum_y += lost_y;
  sum_xy += lost_xy;
  sum_x2 += lost_x2;
  double covariance = sum_xy - sum_x * sum_y / count;
  double variance_x = sum_x2 - sum_x * sum_x / count;
  double slope = covariance / variance_x;
  return {slope, sum_y / count - slope * sum_x / count};
}

double smooth(const Window& window, double level_factor, double trend_factor) {
  double trend = window.floats[1] - window.floats[0];
  double before = 0;
  double level = window.floats[0];
  for (size_t i = 1; i < window.floats.size(); ++i) {
    double scaled = level_factor * window.floats[i];
    // The trend of the first step is known; later ones follow the level.
    if (i > 1) trend = trend_factor * (level - before) + (1 - trend_factor) * trend;
    double next = scaled + (1 - level_factor) * (level + trend);
    before = level;
    level = next;
  }
  return level;
}

// Visits floats and histograms, each by its position among its kind, in time order.
template <typename Visit>
void in_order(const Window& window, Visit visit) {
  size_t i = 0;
  size_t j = 0;
  while (i < window.floats.size() || j < window.histograms.size()) {
    bool take_float = j == window.histograms.size() ||
                      (i < window.floats.size() && window.float_times[i] < window.histogram_times[j]);
    if (take_float) {
      visit(i++, nullptr);
    } else {
      visit(j, window.histograms[j].get());
      ++j;
    }
  }
}

double count_changes(const Window& window, bool only_resets) {
  double count = 0;
  bool first = true;
  const Histogram* before = nullptr;
  int64_t start_before = 0;
  int64_t time_before = 0;
  in_order(window, [&](size_t at, const Histogram* histogram) {
    bool is_float = histogram == nullptr;
    std::span<const int64_t> starts = is_float ? window.float_starts : window.histogram_starts;
    int64_t time = is_float ? window.float_times[at] : window.histogram_times[at];
    int64_t start = at < starts.size() ? starts[at] : 0;
    if (!first) {
      bool counts = false;
      if ((histogram != nullptr) != (before != nullptr)) {
        counts = true;
      } else if (only_resets) {
        bool starts_anew = StartStep{start_before, time_before, start, time}.is_reset();
        counts = starts_anew || (is_float ? window.floats[at] < window.floats[at - 1]
                                          : is_counter_reset(*histogram, *before));
      } else if (!is_float) {
        counts = !histograms_equal(*histogram, *before);
      } else {
        double value = window.floats[at];
        double value_before = window.floats[at - 1];
        counts = value != value_before && !(std::isnan(value) && std::isnan(value_before));
      }
      if (counts) count += 1;
    }
    first = false;
    before = histogram;
    start_before = start;
    time_before = time;
  });
  return count;
}

RangeOutcome time_of_extreme(const RangeCall& call, const Window& window, bool largest) {
  if (!has_floats(call, window)) return nothing();
  return number(static_cast<double>(window.float_times[extreme(window, largest, true)]) / 1000);
}

}  // namespace

RangeOutcome apply_range_function(const RangeCall& call, const Window& window, size_t step, int64_t time_ms) {
  switch (call.id) {
    case FunctionId::rate:
      return extrapolated(call, window, true, true);
    case FunctionId::increase:
      return extrapolated(call, window, true, false);
    case FunctionId::delta:
      return extrapolated(call, window, false, false);
    case FunctionId::irate:
      return from_last_two(call, window, true);
    case FunctionId::idelta:
      return from_last_two(call, window, false);
    case FunctionId::sum_over_time:
      return sum_or_average(call, window, AggregateOp::sum);
    case FunctionId::avg_over_time:
      return sum_or_average(call, window, AggregateOp::avg);
    case FunctionId::count_over_time:
      return number(static_cast<double>(window.floats.size() + window.histograms.size()));
    case FunctionId::present_over_time:
      return number(1);
    case FunctionId::last_over_time:
      return edge_sample(window, true);
    case FunctionId::first_over_time:
      return edge_sample(window, false);
    case FunctionId::ts_of_last_over_time:
      return number(edge_time(window, true));
    case FunctionId::ts_of_first_over_time:
      return number(edge_time(window, false));
    case FunctionId::ts_of_max_over_time:
      return time_of_extreme(call, window, true);
    case FunctionId::ts_of_min_over_time:
      return time_of_extreme(call, window, false);
    case FunctionId::changes:
      return number(count_changes(window, false));
    case FunctionId::resets:
      return number(count_changes(window, true));
    case FunctionId::max_over_time:
    case FunctionId::min_over_time:
      if (!has_floats(call, window)) return nothing();
      return number(window.floats[extreme(window, call.id == FunctionId::max_over_time, false)]);
    case FunctionId::stddev_over_time:
      if (!has_floats(call, window)) return nothing();
      return number(std::sqrt(variance(window)));
    case FunctionId::stdvar_over_time:
      if (!has_floats(call, window)) return nothing();
      return number(variance(window));
    case FunctionId::mad_over_time:
      if (!has_floats(call, window)) return nothing();
      return number(median_absolute_deviation(window));
    case FunctionId::quantile_over_time: {
      if (!has_floats(call, window)) return nothing();
      double phi = call.scalars[0][step];
      if (std::isnan(phi) || phi < 0 || phi > 1) call.annotations.bad_quantile(*call.call.children[0], phi);
      return number(quantile_of(phi, std::vector<double>(window.floats.begin(), window.floats.end())));
    }
    case FunctionId::deriv:
    case FunctionId::predict_linear: {
      if (window.floats.size() < 2) {
        if (window.floats.size() == 1 && !window.histograms.empty()) has_floats(call, window);
        return nothing();
      }
      has_floats(call, window);
      if (call.id == FunctionId::deriv) return number(fit_line(window, window.float_times[0]).slope);
      Line line = fit_line(window, time_ms);
      return number(line.slope * call.scalars[0][step] + line.intercept);
    }
    case FunctionId::double_exponential_smoothing:
      if (window.floats.size() < 2) {
        if (window.floats.size() == 1 && !window.histograms.empty()) has_floats(call, window);
        return nothing();
      }
      has_floats(call, window);
      return number(smooth(window, call.scalars[0][step], call.scalars[1][step]));
    default:
      return nothing();
  }
}

}  // namespace obelisk::promql
