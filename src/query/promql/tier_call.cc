// Functions of ranges from downsampled tiers: what apply_range_function computes from samples, from buckets.
#include <algorithm>

#include "model/histogram_arithmetic.h"
#include "query/promql/evaluator.h"
#include "query/promql/tier_read.h"

namespace obelisk::promql {
namespace {

// Rows [first, first + count) of a column.
struct Rows {
  size_t first = 0;
  size_t count = 0;
};

// Where the last window lay in a column: the next one mostly lies a few rows on.
class WindowPlace {
 public:
  // The rows with times in (after, until].
  Rows rows_in(const std::vector<int64_t>& times, int64_t after, int64_t until) {
    if (times.empty()) return {};
    move(times, after, from_);
    move(times, until, to_);
    return {from_, to_ - from_};
  }

 private:
  static constexpr size_t kStepsMax = 8;

  // To the first row after `time`.
  static void move(const std::vector<int64_t>& times, int64_t time, size_t& at) {
    for (size_t steps = 0; at > 0 && times[at - 1] > time; --at) {
      if (++steps > kStepsMax) break;
    }
    for (size_t steps = 0; at < times.size() && times[at] <= time; ++at) {
      if (++steps > kStepsMax) break;
    }
    bool found = (at == 0 || times[at - 1] <= time) && (at == times.size() || times[at] > time);
    if (!found) at = static_cast<size_t>(std::upper_bound(times.begin(), times.end(), time) - times.begin());
  }

  size_t from_ = 0;
  size_t to_ = 0;
};

std::span<const int64_t> times_of(const TierColumn& column, Rows rows) {
  return std::span(column.times).subspan(rows.first, rows.count);
}
std::span<const double> values_of(const TierColumn& column, Rows rows) {
  return std::span(column.values).subspan(rows.first, rows.count);
}

double sum_of(const TierColumn& column, Rows rows) {
  double sum = 0;
  for (double value : values_of(column, rows)) sum += value;
  return sum;
}

// The windows of one series. What a window refers to lives until the next one.
class TierWindows {
 public:
  TierWindows(const RangeCall& call, const TierSeries& series) : call_(call), series_(series) {}

  RangeOutcome at(int64_t start_ms, int64_t end_ms, int64_t time_ms) {
    start_ms_ = start_ms;
    end_ms_ = end_ms;
    switch (call_.id) {
      case FunctionId::rate:
      case FunctionId::increase:
      case FunctionId::delta:
        return change(time_ms);
      case FunctionId::first_over_time:
      case FunctionId::ts_of_first_over_time:
        return of_samples(TierAspect::first, TierAspect::histogram_first, time_ms);
      case FunctionId::last_over_time:
      case FunctionId::ts_of_last_over_time:
        return of_samples(TierAspect::last, TierAspect::histogram_last, time_ms);
      case FunctionId::min_over_time:
        return of_samples(TierAspect::minimum, TierAspect::histogram_last, time_ms);
      case FunctionId::max_over_time:
        return of_samples(TierAspect::maximum, TierAspect::histogram_last, time_ms);
      case FunctionId::sum_over_time:
      case FunctionId::avg_over_time:
        return sum(time_ms);
      default:
        return count();
    }
  }

  // What the window holds of all aspects that were read.
  uint64_t row_count() {
    uint64_t rows = 0;
    for (size_t i = 0; i < kTierAspectCount; ++i) rows += in_window(static_cast<TierAspect>(i)).count;
    return rows;
  }

 private:
  Rows in_window(TierAspect aspect) {
    return places_[static_cast<size_t>(aspect)].rows_in(series_.of(aspect).times, start_ms_, end_ms_);
  }
  double total(TierAspect aspect) { return sum_of(series_.of(aspect), in_window(aspect)); }

  Window window() const {
    Window window;
    window.start_ms = start_ms_;
    window.end_ms = end_ms_;
    return window;
  }

  RangeOutcome of_samples(TierAspect floats, TierAspect histograms, int64_t time_ms) {
    Window samples = window();
    Rows rows = in_window(floats);
    samples.float_times = times_of(series_.of(floats), rows);
    samples.floats = values_of(series_.of(floats), rows);
    rows = in_window(histograms);
    samples.histogram_times = times_of(series_.of(histograms), rows);
    samples.histograms = std::span(series_.of(histograms).histograms).subspan(rows.first, rows.count);
    if (samples.empty()) return {};
    return apply_range_function(call_, samples, 0, time_ms);
  }

  RangeOutcome count() {
    double samples = total(TierAspect::count) + total(TierAspect::histogram_count);
    if (samples == 0) return {};
    return {true, call_.id == FunctionId::present_over_time ? 1 : samples, nullptr};
  }

  RangeOutcome sum(int64_t time_ms) {
    Rows counted = in_window(TierAspect::histogram_count);
    if (in_window(TierAspect::histogram_sum).count != counted.count) {
      bool mixed = in_window(TierAspect::sum).count > 0;
      if (mixed) {
        call_.annotations.mixed_range(call_.argument, call_.metric);
      } else {
        call_.annotations.mixed_schemas(call_.argument, call_.metric);
      }
      return {};
    }
    RangeCall summing = call_;
    summing.id = FunctionId::sum_over_time;
    Window sums = window();
    Rows rows = in_window(TierAspect::sum);
    sums.float_times = times_of(series_.of(TierAspect::sum), rows);
    sums.floats = values_of(series_.of(TierAspect::sum), rows);
    rows = in_window(TierAspect::histogram_sum);
    sums.histogram_times = times_of(series_.of(TierAspect::histogram_sum), rows);
    sums.histograms =
        std::span(series_.of(TierAspect::histogram_sum).histograms).subspan(rows.first, rows.count);
    if (sums.empty()) return {};
    RangeOutcome outcome = apply_range_function(summing, sums, 0, time_ms);
    if (!outcome.present || call_.id == FunctionId::sum_over_time) return outcome;
    if (!outcome.histogram) {
      outcome.value /= total(TierAspect::count);
      return outcome;
    }
    auto mean = std::make_shared<Histogram>(*outcome.histogram);
    divide_histogram(*mean, sum_of(series_.of(TierAspect::histogram_count), counted));
    outcome.histogram = std::move(mean);
    return outcome;
  }

  // Buckets by the times of their last samples; first, last and count have a row for each.
  RangeOutcome change(int64_t time_ms) {
    const TierColumn& first = series_.of(TierAspect::first);
    const TierColumn& last = series_.of(TierAspect::last);
    const TierColumn& count = series_.of(TierAspect::count);
    Window ends = window();
    Rows rows = in_window(TierAspect::last);
    Window::Told told;
    if (rows.count > 0) {
      size_t end = rows.first + rows.count;
      for (size_t i = rows.first; i < end; ++i) {
        told.samples += static_cast<size_t>(count.values[i]);
        if (i > rows.first && first.values[i] < last.values[i - 1]) told.lost += last.values[i - 1];
      }
      told.lost += lost_between(count.times[rows.first], count.times[end - 1]);
      float_times_ = {first.times[rows.first], last.times[end - 1]};
      floats_ = {first.values[rows.first], last.values[end - 1]};
      size_t kept = told.samples > 1 ? 2 : 1;
      ends.float_times = std::span(float_times_).first(kept);
      ends.floats = std::span(floats_).first(kept);
    }
    gather_histograms();
    ends.histogram_times = histogram_times_;
    ends.histograms = histograms_;
    if (ends.empty()) return {};
    if (!histograms_.empty()) told.samples = static_cast<size_t>(total(TierAspect::histogram_count));
    ends.told = &told;
    return apply_range_function(call_, ends, 0, time_ms);
  }

  double lost_between(int64_t first_end, int64_t last_end) {
    const TierColumn& lost = series_.of(TierAspect::lost);
    return sum_of(lost, lost_place_.rows_in(lost.times, first_end - 1, last_end));
  }

  void gather_histograms() {
    histogram_times_.clear();
    histograms_.clear();
    std::vector<std::pair<int64_t, HistogramPtr>> all;
    for (TierAspect aspect :
         {TierAspect::histogram_first, TierAspect::histogram_turns, TierAspect::histogram_last}) {
      const TierColumn& column = series_.of(aspect);
      Rows rows = in_window(aspect);
      for (size_t i = rows.first; i < rows.first + rows.count; ++i)
        all.emplace_back(column.times[i], column.histograms[i]);
    }
    std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (auto& [time, histogram] : all) {
      if (!histogram_times_.empty() && histogram_times_.back() == time) continue;
      histogram_times_.push_back(time);
      histograms_.push_back(std::move(histogram));
    }
  }

  const RangeCall& call_;
  const TierSeries& series_;
  std::array<WindowPlace, kTierAspectCount> places_;
  WindowPlace lost_place_;
  int64_t start_ms_ = 0;
  int64_t end_ms_ = 0;
  std::array<int64_t, 2> float_times_{};
  std::array<double, 2> floats_{};
  std::vector<int64_t> histogram_times_;
  std::vector<HistogramPtr> histograms_;
};

}  // namespace

Result<SeriesList> Evaluator::call_on_tier(RangeCall& call, const TierData& data, const Steps& steps) {
  call.range_ms = data.range_ms;
  OBELISK_TRY(int64_t first, reference_time(data.node->time, steps.start_ms));
  bool pinned = data.node->time.at != TimeModifiers::At::none;
  OBELISK_CHECK_OK(expect_room(data.series.size(), steps.count));
  SeriesList out;
  for (const auto& [labels, columns] : data.series) {
    OBELISK_CHECK_OK(check_cancel());
    call.metric = labels.get(kMetricNameLabel);
    StepSeries series = StepSeries::absent(labels, steps.count);
    TierWindows windows(call, columns);
    bool any = false;
    for (size_t step = 0; step < steps.count; ++step) {
      int64_t end = pinned ? first : first + static_cast<int64_t>(step) * steps.step_ms;
      RangeOutcome outcome = windows.at(end - data.range_ms, end, steps.time(step));
      uint64_t rows = windows.row_count();
      count_queryable(step, rows);
      if (has_worked(rows)) OBELISK_CHECK_OK(check_cancel());
      if (!outcome.present) continue;
      any = true;
      if (outcome.histogram) {
        series.set_histogram(step, std::move(outcome.histogram));
      } else {
        series.values[step] = outcome.value;
      }
    }
    if (any) out.push_back(std::move(series));
  }
  for (StepSeries& series : out) {
    call.metric = series.labels.get(kMetricNameLabel);
    finish_range_series(call, series);
  }
  if (!options_.delayed_name_removal) OBELISK_CHECK_OK(deduplicate(out));
  return out;
}

}  // namespace obelisk::promql
