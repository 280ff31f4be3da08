// Calls: which family a function belongs to, and the functions that stand for themselves.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "query/promql/evaluator.h"
#include "query/promql/extended_range.h"
#include "query/promql/functions.h"
#include "query/promql/go_float.h"
#include "query/promql/go_string.h"
#include "query/promql/range_functions.h"
#include "query/promql/rate_functions.h"
#include "query/promql/series_fold.h"
#include "query/promql/tier_read.h"

namespace obelisk::promql {
namespace {

double seconds(int64_t millis) {
  return static_cast<double>(millis) / 1000;
}

// Moves along ascending times to the samples in (start, end].
class WindowCursor {
 public:
  std::pair<size_t, size_t> move_to(std::span<const int64_t> times, int64_t start, int64_t end) {
    while (begin_ < times.size() && times[begin_] <= start) ++begin_;
    if (end_ < begin_) end_ = begin_;
    while (end_ < times.size() && times[end_] <= end) ++end_;
    return {begin_, end_ - begin_};
  }

 private:
  size_t begin_ = 0;
  size_t end_ = 0;
};

class SeriesWindows {
 public:
  explicit SeriesWindows(const RawSeries& series) : series_(series) {}

  // Counts once where the series begins anew, so that rate() need not look for resets in every window.
  void count_resets() {
    Window all;
    all.float_times = series_.float_times;
    all.floats = series_.floats;
    all.float_starts = series_.float_starts;
    resets_.resize(series_.floats.size());
    for (size_t i = 1; i < resets_.size(); ++i) resets_[i] = resets_[i - 1] + (all.is_reset(i) ? 1 : 0);
  }

  Window at(int64_t start_ms, int64_t end_ms) {
    Window window;
    window.start_ms = start_ms;
    window.end_ms = end_ms;
    auto [first, count] = floats_.move_to(series_.float_times, start_ms, end_ms);
    window.float_times = series_.float_times.subspan(first, count);
    window.floats = series_.floats.subspan(first, count);
    if (!series_.float_starts.empty())
      window.float_starts = std::span(series_.float_starts).subspan(first, count);
    if (!resets_.empty() && count > 0) window.may_reset = resets_[first] != resets_[first + count - 1];
    if (series_.histograms.empty()) return window;
    auto [first_histogram, histogram_count] = histograms_.move_to(series_.histogram_times, start_ms, end_ms);
    window.histogram_times = std::span(series_.histogram_times).subspan(first_histogram, histogram_count);
    window.histograms = std::span(series_.histograms).subspan(first_histogram, histogram_count);
    if (!series_.histogram_starts.empty()) {
      window.histogram_starts = std::span(series_.histogram_starts).subspan(first_histogram, histogram_count);
    }
    return window;
  }

 private:
  const RawSeries& series_;
  WindowCursor floats_;
  WindowCursor histograms_;
  std::vector<uint32_t> resets_;
};

bool keeps_name(FunctionId id) {
  return id == FunctionId::last_over_time || id == FunctionId::first_over_time;
}

size_t matrix_argument(const Node& node) {
  for (size_t i = 0; i < node.children.size(); ++i) {
    if (node.children[i]->type() == ValueType::matrix) return i;
  }
  return node.children.size();
}

// Only functions of the change over a range can take its ends into account.
Result<void> check_range_mode(const Node& call) {
  size_t matrix = matrix_argument(call);
  if (matrix >= call.children.size()) return {};
  const Node& range = unwrap_parens(*call.children[matrix]);
  if (range.kind != Node::Kind::matrix || range.range_mode == RangeMode::plain) return {};
  bool anchored = range.range_mode == RangeMode::anchored;
  switch (call.function->id) {
    case FunctionId::delta:
    case FunctionId::increase:
    case FunctionId::rate:
      return {};
    case FunctionId::changes:
    case FunctionId::resets:
      if (anchored) return {};
      break;
    default:
      break;
  }
  return make_error(
      ErrorCode::execution,
      fmt::format("{} modifier can only be used with: {} - not with {}", anchored ? "anchored" : "smoothed",
                  anchored ? "changes, delta, increase, rate, resets" : "delta, increase, rate",
                  call.function->name));
}

// The functions that may stand around `anchored` and `smoothed`; type checking lets no others through.
RangeOutcome extended_outcome(const RangeCall& call, const RawSeries& raw, const ExtendedRange& range) {
  if (call.id == FunctionId::changes || call.id == FunctionId::resets) {
    std::optional<Window> window = anchored_window(raw, range);
    return window ? apply_range_function(call, *window, 0, range.end_ms) : RangeOutcome();
  }
  bool is_counter = call.id != FunctionId::delta;
  return extended_change(call, raw, range, is_counter, call.id == FunctionId::rate);
}

// A name that does not look like a counter's, where a float came out.
void check_counter_name(const RangeCall& call, const StepSeries& result) {
  if (call.metric.empty()) return;
  for (std::string_view ending : {"_total", "_sum", "_count", "_bucket"}) {
    if (call.metric.ends_with(ending)) return;
  }
  bool any_float = false;
  for (size_t step = 0; step < result.values.size() && !any_float; ++step) any_float = result.has_float(step);
  if (!any_float) return;
  call.annotations.info(call.argument,
                        "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: " +
                            quote_go_string(call.metric));
}

Result<void> check_smoothing(const RangeCall& call, size_t step) {
  double level = call.scalars[0][step];
  double trend = call.scalars[1][step];
  if (level <= 0 || level >= 1) {
    return make_error(ErrorCode::execution,
                      fmt::format("invalid smoothing factor. Expected: 0 < sf < 1, got: {:f}", level));
  }
  if (trend <= 0 || trend >= 1) {
    return make_error(ErrorCode::execution,
                      fmt::format("invalid trend factor. Expected: 0 < tf < 1, got: {:f}", trend));
  }
  return {};
}

}  // namespace

Labels labels_of_absent(const Node& argument) {
  const Node* node = &unwrap_parens(argument);
  if (node->kind == Node::Kind::matrix) node = node->children[0].get();
  Labels labels;
  if (node->kind != Node::Kind::selector) return labels;
  std::vector<std::string> seen;
  for (const Matcher& matcher : node->matchers) {
    if (matcher.name == kMetricNameLabel) continue;
    bool known = std::find(seen.begin(), seen.end(), matcher.name) != seen.end();
    if (matcher.op == Matcher::Op::equal && !known) {
      labels.set(matcher.name, matcher.value);
      seen.push_back(matcher.name);
    } else {
      labels.remove(matcher.name);
    }
  }
  return labels;
}

Result<Value> Evaluator::evaluate_call(const Node& node, const Steps& steps) {
  OBELISK_CHECK_OK(check_range_mode(node));
  auto as_value = [](Result<SeriesList> list) -> Result<Value> {
    if (!list.ok()) return list.error();
    return Value(std::move(*list));
  };
  auto constant = [&](double value) -> Result<Value> { return Value(ScalarSteps(steps.count, value)); };
  int64_t query_start = query_steps_.start_ms;
  int64_t query_end = query_end_ms_;
  switch (node.function->id) {
    case FunctionId::pi:
      return constant(std::numbers::pi);
    case FunctionId::start:
      return constant(seconds(query_start));
    case FunctionId::end:
      return constant(seconds(query_end));
    case FunctionId::range:
      return constant(seconds(query_end - query_start));
    case FunctionId::step:
      return constant(is_instant_ ? 0 : seconds(query_steps_.step_ms));
    case FunctionId::time: {
      ScalarSteps times(steps.count);
      for (size_t step = 0; step < steps.count; ++step) times[step] = seconds(steps.time(step));
      return Value(std::move(times));
    }
    case FunctionId::min_of:
    case FunctionId::max_of: {
      OBELISK_TRY(ScalarSteps a, evaluate_scalar(*node.children[0], steps));
      OBELISK_TRY(ScalarSteps b, evaluate_scalar(*node.children[1], steps));
      bool smallest = node.function->id == FunctionId::min_of;
      for (size_t step = 0; step < steps.count; ++step)
        a[step] = smallest ? go_min(a[step], b[step]) : go_max(a[step], b[step]);
      return Value(std::move(a));
    }
    case FunctionId::scalar: {
      OBELISK_TRY(SeriesList list, evaluate_vector(*node.children[0], steps));
      ScalarSteps values(steps.count, std::numeric_limits<double>::quiet_NaN());
      for (size_t step = 0; step < steps.count; ++step) {
        size_t found = 0;
        for (const StepSeries& series : list) {
          if (!series.has_float(step)) continue;
          values[step] = series.values[step];
          if (++found > 1) break;
        }
        if (found > 1) values[step] = std::numeric_limits<double>::quiet_NaN();
      }
      return Value(std::move(values));
    }
    case FunctionId::vector: {
      OBELISK_TRY(ScalarSteps values, evaluate_scalar(*node.children[0], steps));
      SeriesList list(1);
      list[0].values = std::move(values);
      return Value(std::move(list));
    }
    case FunctionId::absent: {
      OBELISK_TRY(SeriesList list, evaluate_vector(*node.children[0], steps));
      StepSeries series = StepSeries::absent(labels_of_absent(*node.children[0]), steps.count);
      bool any = false;
      for (size_t step = 0; step < steps.count; ++step) {
        if (std::any_of(list.begin(), list.end(), [&](const StepSeries& s) { return s.has(step); })) continue;
        series.values[step] = 1;
        any = true;
      }
      SeriesList out;
      if (any) out.push_back(std::move(series));
      return Value(std::move(out));
    }
    case FunctionId::absent_over_time:
      return as_value(call_absent_over_time(node, steps));
    case FunctionId::info:
      return as_value(call_info(node, steps));
    case FunctionId::label_join:
    case FunctionId::label_replace:
      return as_value(call_label_function(node, steps));
    case FunctionId::sort:
    case FunctionId::sort_desc:
    case FunctionId::sort_by_label:
    case FunctionId::sort_by_label_desc:
      return as_value(call_sort(node, steps));
    case FunctionId::timestamp:
    case FunctionId::start_timestamp:
    case FunctionId::day_of_month:
    case FunctionId::day_of_week:
    case FunctionId::day_of_year:
    case FunctionId::days_in_month:
    case FunctionId::hour:
    case FunctionId::minute:
    case FunctionId::month:
    case FunctionId::year:
      return as_value(call_time_function(node, steps));
    case FunctionId::histogram_avg:
    case FunctionId::histogram_count:
    case FunctionId::histogram_sum:
    case FunctionId::histogram_stddev:
    case FunctionId::histogram_stdvar:
    case FunctionId::histogram_fraction:
    case FunctionId::histogram_quantile:
    case FunctionId::histogram_quantiles:
      return as_value(call_histogram_function(node, steps));
    default:
      break;
  }
  if (matrix_argument(node) < node.children.size()) return as_value(call_range_function(node, steps));
  return as_value(call_vector_function(node, steps));
}

Result<SeriesList> Evaluator::call_range_function(const Node& node, const Steps& steps) {
  const std::vector<std::string>* wanted_labels = std::exchange(wanted_labels_, nullptr);
  SeriesFold* fold = std::exchange(fold_, nullptr);
  size_t matrix = matrix_argument(node);
  RangeCall call{node.function->id, *node.children[matrix], node, annotations_, 0, {}, {}};
  for (size_t i = 0; i < node.children.size(); ++i) {
    if (i == matrix) continue;
    OBELISK_TRY(ScalarSteps values, evaluate_scalar(*node.children[i], steps));
    call.scalars.push_back(std::move(values));
  }
  OBELISK_TRY(std::optional<TierData> tier, read_tier(node, *node.children[matrix], steps));
  if (tier) return call_on_tier(call, *tier, steps);
  RangeData data;
  int64_t first = 0;
  SeriesList out;
  std::vector<Hash128> identities;  // of series without all of their labels
  std::optional<RateWindows> rate_windows;
  SeriesSink sink(fold, out, steps.count);
  auto visit = [&](RawSeries& raw) -> Result<void> {
    OBELISK_CHECK_OK(check_cancel_sometimes(steps.count));
    if (sink.is_time_to_ask()) OBELISK_CHECK_OK(expect_room(sink.room_wanted(), steps.count));
    call.metric = raw.metric;
    count_queryable_windows(raw, steps, first, call.range_ms, data.node->time.at != TimeModifiers::At::none);
    StepSeries series = sink.blank(raw);
    Result<void> failed;
    bool any = fill_range_steps(call, data, raw, steps, first, rate_windows, series, failed);
    if (!failed.ok()) return failed.error();
    if (!any) {
      sink.give_back(series);
      return {};
    }
    series.drop_name = raw.drop_name;
    finish_range_series(call, series);
    if (!keeps_name(call.id) && !raw.has_all_labels && !options_.delayed_name_removal)
      identities.push_back(raw.identity);
    sink.put(series);
    return {};
  };
  const Node& argument = unwrap_parens(*node.children[matrix]);
  if (argument.kind == Node::Kind::matrix && trace_ == nullptr) {
    OBELISK_TRY(SeriesRequest request, matrix_request(argument, steps, data));
    request.wanted_labels = wanted_labels;
    request.wants_identity = !keeps_name(call.id) && !options_.delayed_name_removal;
    call.range_ms = data.range_ms;
    OBELISK_TRY(first, reference_time(argument.time, steps.start_ms));
    auto restart = [&] {
      sink.restart();
      identities.clear();
    };
    PromqlStats stats_before = stats_;
    std::vector<uint64_t> queryable_before = queryable_;
    OBELISK_CHECK_OK(for_each_series(request, restart, visit));
    // Equal without the metric's name: what they have together decides whether they are joined or refused.
    bool some_are_equal = has_equal(identities);
    if (some_are_equal || sink.must_collect()) {
      stats_ = stats_before;
      queryable_ = std::move(queryable_before);
      if (some_are_equal) request.wanted_labels = nullptr;
      sink.collect();
      OBELISK_CHECK_OK(for_each_series(request, restart, visit));
    }
  } else {
    OBELISK_TRY(data, read_range(*node.children[matrix], steps));
    call.range_ms = data.range_ms;
    OBELISK_TRY(first, reference_time(data.node->time, steps.start_ms));
    for (RawSeries& raw : data.series) OBELISK_CHECK_OK(visit(raw));
  }
  sink.finish();
  // Series without all of their labels may be equal and yet not the same.
  bool has_all_labels = wanted_labels == nullptr || (identities.empty() && !keeps_name(call.id));
  if (!options_.delayed_name_removal && has_all_labels) OBELISK_CHECK_OK(deduplicate(out));
  return out;
}

Result<RangeData> Evaluator::read_counted_range(const Node& node, const Steps& steps) {
  OBELISK_TRY(RangeData data, read_range(node, steps));
  OBELISK_TRY(int64_t end, reference_time(data.node->time, steps.start_ms));
  for (const RawSeries& raw : data.series) count_queryable_windows(raw, steps, end, data.range_ms, true);
  return data;
}

void Evaluator::count_queryable_windows(const RawSeries& raw, const Steps& steps, int64_t first_end_ms,
                                        int64_t range_ms, bool pinned) {
  if (queryable_.empty()) return;
  SeriesWindows windows(raw);
  for (size_t step = 0; step < steps.count; ++step) {
    int64_t end = pinned ? first_end_ms : first_end_ms + static_cast<int64_t>(step) * steps.step_ms;
    Window window = windows.at(end - range_ms, end);
    uint64_t samples = window.floats.size();
    for (const HistogramPtr& histogram : window.histograms) samples += size_in_floats(*histogram);
    count_queryable(step, samples);
  }
}

void Evaluator::finish_range_series(const RangeCall& call, StepSeries& series) const {
  if (call.id == FunctionId::rate || call.id == FunctionId::increase) check_counter_name(call, series);
  if (!keeps_name(call.id)) drop_name(series);
}

// False: no step has a result.
bool Evaluator::fill_range_steps(const RangeCall& call, const RangeData& data, const RawSeries& raw,
                                 const Steps& steps, int64_t first_end_ms,
                                 std::optional<RateWindows>& rate_windows, StepSeries& series,
                                 Result<void>& failed) {
  RangeMode mode = data.node->range_mode;
  bool pinned = data.node->time.at != TimeModifiers::At::none;
  bool is_counter = call.id == FunctionId::rate || call.id == FunctionId::increase;
  if ((is_counter || call.id == FunctionId::delta) && mode == RangeMode::plain && !pinned &&
      raw.histograms.empty() && raw.float_starts.empty()) {
    if (!rate_windows)
      rate_windows.emplace(RangeSteps{first_end_ms, steps.step_ms, data.range_ms},
                           call.id == FunctionId::rate);
    return extrapolate_floats(raw, is_counter, *rate_windows, series.values);
  }
  SeriesWindows windows(raw);
  if (is_counter) windows.count_resets();
  // A pinned window gives the same at every step, unless another argument or the time itself takes part.
  bool once = pinned && call.scalars.empty();
  bool any = false;
  for (size_t step = 0; step < (once ? 1 : steps.count); ++step) {
    int64_t end = pinned ? first_end_ms : first_end_ms + static_cast<int64_t>(step) * steps.step_ms;
    RangeOutcome outcome;
    if (mode != RangeMode::plain) {
      outcome = extended_outcome(
          call, raw, {end - data.range_ms, end, options_.lookback_ms, mode == RangeMode::smoothed});
    } else {
      Window window = windows.at(end - data.range_ms, end);
      if (window.empty()) continue;
      if (has_worked(window.floats.size() + 16 * window.histograms.size())) {
        failed = check_cancel();
        if (!failed.ok()) return false;
      }
      if (call.id == FunctionId::double_exponential_smoothing) {
        failed = check_smoothing(call, step);
        if (!failed.ok()) return false;
      }
      outcome = apply_range_function(call, window, step, steps.time(step));
    }
    if (!outcome.present) continue;
    any = true;
    if (outcome.histogram) {
      series.set_histogram(step, std::move(outcome.histogram));
    } else {
      series.values[step] = outcome.value;
    }
  }
  if (any && once && steps.count > 1) {
    std::fill(series.values.begin(), series.values.end(), series.values[0]);
    std::fill(series.histograms.begin(), series.histograms.end(),
              series.histograms.empty() ? nullptr : series.histograms[0]);
  }
  return any;
}

Result<SeriesList> Evaluator::call_absent_over_time(const Node& node, const Steps& steps) {
  OBELISK_TRY(RangeData data, read_range(*node.children[0], steps));
  OBELISK_TRY(int64_t first, reference_time(data.node->time, steps.start_ms));
  bool pinned = data.node->time.at != TimeModifiers::At::none;
  std::vector<uint8_t> seen(steps.count, 0);
  for (const RawSeries& raw : data.series) {
    OBELISK_CHECK_OK(check_cancel());
    count_queryable_windows(raw, steps, first, data.range_ms, pinned);
    SeriesWindows windows(raw);
    for (size_t step = 0; step < steps.count; ++step) {
      int64_t end = pinned ? first : first + static_cast<int64_t>(step) * steps.step_ms;
      if (!windows.at(end - data.range_ms, end).empty()) seen[step] = 1;
    }
  }
  SeriesList out;
  if (std::find(seen.begin(), seen.end(), 0) == seen.end()) return out;
  out.push_back(StepSeries::absent(labels_of_absent(*node.children[0]), steps.count));
  for (size_t step = 0; step < steps.count; ++step) {
    if (!seen[step]) out[0].values[step] = 1;
  }
  return out;
}

}  // namespace obelisk::promql
