#include "query/logql/range_aggregation.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "query/logql/lexer.h"
#include "query/logql/literals.h"
#include "query/logql/new_patterns.h"
#include "query/logql/pushed_counts.h"
#include "query/logql/series_table.h"
#include "query/logql/stage_filter.h"
#include "query/logql/window_functions.h"

namespace obelisk::logql {
namespace {

bool counts_rows(const Query& query) {
  switch (query.range_op) {
    case RangeOp::count:
    case RangeOp::bytes:
    case RangeOp::bytes_rate:
      return true;
    case RangeOp::rate:
      return !query.range.unwrap;
    default:
      return false;
  }
}

bool counts_bytes(RangeOp op) {
  return op == RangeOp::bytes || op == RangeOp::bytes_rate;
}
bool is_rate(RangeOp op) {
  return op == RangeOp::rate || op == RangeOp::bytes_rate;
}

// The steps of a grid whose window holds a time; empty when first > last.
struct Steps {
  int64_t first = 0;
  int64_t last = -1;
};

class WindowSteps {
 public:
  WindowSteps(const StepGrid& grid, int64_t range) : grid_(grid), range_(range) {}

  Steps of(int64_t time) const {
    Steps steps;
    int64_t since_start = 0, reach = 0;  // the last instant that still sees the row, counted from the start
    if (__builtin_sub_overflow(time, grid_.start, &since_start)) return steps;
    if (__builtin_add_overflow(since_start, range_ - 1, &reach)) reach = std::numeric_limits<int64_t>::max();
    steps.first = since_start <= 0 ? 0 : (since_start - 1) / grid_.step + 1;
    steps.last =
        reach < 0 ? -1 : std::min<int64_t>(reach / grid_.step, static_cast<int64_t>(grid_.count) - 1);
    return steps;
  }

 private:
  const StepGrid& grid_;
  int64_t range_;
};

// Whole numbers summed over the steps they count in. While there are few they are kept as they are; later as
// the change from step to step.
class StepCounter {
 public:
  // Returns about how many bytes that took.
  uint64_t add(const Steps& steps, int64_t weight, size_t step_count) {
    if (!dense_.empty()) {
      change(steps, weight);
      return 0;
    }
    events_.push_back({static_cast<uint32_t>(steps.first), static_cast<uint32_t>(steps.last), weight});
    if (events_.size() <= step_count) return events_.size() == 1 ? kFirstEventBytes : 2 * sizeof(Event);
    dense_.assign(step_count + 1, {});
    for (const Event& event : events_) change({event.first, event.last}, event.weight);
    events_ = {};
    return (step_count + 1) * sizeof(Change);
  }

  // The sums and whether any row counted.
  void finish(size_t step_count, std::vector<double>& values, std::vector<uint8_t>& present) {
    if (dense_.empty()) {
      dense_.assign(step_count + 1, {});
      for (const Event& event : events_) change({event.first, event.last}, event.weight);
    }
    values.resize(step_count);
    present.resize(step_count);
    int64_t total = 0, rows = 0;
    for (size_t i = 0; i < step_count; ++i) {
      total += dense_[i].weight;
      rows += dense_[i].rows;
      values[i] = static_cast<double>(total);
      present[i] = rows > 0;
    }
  }

 private:
  struct Event {
    uint32_t first, last;
    int64_t weight;
  };
  static constexpr uint64_t kFirstEventBytes = 48;  // with the allocator's own
  struct Change {
    int64_t weight = 0;
    int64_t rows = 0;
  };
  void change(const Steps& steps, int64_t weight) {
    dense_[static_cast<size_t>(steps.first)].weight += weight;
    ++dense_[static_cast<size_t>(steps.first)].rows;
    dense_[static_cast<size_t>(steps.last) + 1].weight -= weight;
    --dense_[static_cast<size_t>(steps.last) + 1].rows;
  }

  std::vector<Event> events_;
  std::vector<Change> dense_;
};

struct SeriesState {
  StepCounter counter;
  std::vector<UnwrappedSample> samples;
};

// The labels of the series that a row belongs to.
class SeriesKey {
 public:
  SeriesKey(const Query& query, const Grouping* outer)
      : unwrap_(query.range.unwrap ? &query.range.unwrap->label : nullptr) {
    const Grouping* grouping = outer != nullptr ? outer : query.grouping ? &*query.grouping : nullptr;
    if (grouping == nullptr) return;
    names_ = grouping->labels;
    std::sort(names_.begin(), names_.end());
    names_.erase(std::unique(names_.begin(), names_.end()), names_.end());
    mode_ = grouping->without ? Mode::without : Mode::by;
  }

  LabelsView of(RowLabels& labels) {
    if (mode_ == Mode::all && unwrap_ == nullptr) return labels.sorted();
    picked_.clear();
    if (mode_ == Mode::by) {
      for (const std::string& name : names_) {
        std::string_view value = labels.text_of(name);
        if (!value.empty()) picked_.push_back({name, value});
      }
      return picked_;
    }
    for (const LabelRef& label : labels.sorted()) {
      if (unwrap_ != nullptr && label.name == *unwrap_) continue;
      if (mode_ == Mode::without && std::binary_search(names_.begin(), names_.end(), label.name)) continue;
      picked_.push_back(label);
    }
    return picked_;
  }

  ParserHints hints(const LogRange& range) const {
    return mode_ == Mode::by ? ParserHints::of(range, names_) : ParserHints();
  }

  CountedSeries counted() const { return {mode_, names_}; }

  // What must be known of a row to name its series.
  LabelDemand demand() const {
    LabelDemand demand;
    if (mode_ != Mode::by) return demand;
    demand.everything = false;
    for (const std::string& name : names_) demand.add(name);
    return demand;
  }

 private:
  using Mode = CountedSeries::Mode;
  Mode mode_ = Mode::all;
  std::vector<std::string> names_;
  const std::string* unwrap_;
  std::vector<LabelRef> picked_;
};

class RangeEvaluation {
 public:
  RangeEvaluation(QueryContext& context, const Query& query, const StepGrid& grid, const Grouping* outer,
                  size_t series_max)
      : context_(context),
        query_(query),
        grid_(grid),
        steps_(grid, query.range.range_nanos),
        key_(query, outer),
        series_max_(series_max) {}

  Result<Matrix> run(ReadStatistics& statistics) {
    const LogRange& range = query_.range;
    OBELISK_TRY(LoweredSelector lowered, lower_selector(range.selector));
    // absent_over_time asks only whether there are rows.
    LabelDemand demand = key_.demand();
    if (query_.range_op == RangeOp::absent) demand.everything = false;
    ParserHints hints = query_.range_op == RangeOp::absent ? ParserHints::of(range, {}) : key_.hints(range);
    preserves_errors_ = hints.preserves_errors();
    if (range.unwrap) {
      demand.add(range.unwrap->label);
      for (const LabelFilter& filter : range.unwrap->filters) {
        add_filter_labels(filter, demand);
        OBELISK_TRY(RowStagePtr stage, make_label_filter_stage(filter));
        unwrap_filters_.push_back(std::move(stage));
      }
    }
    TimeRange times;
    if (__builtin_sub_overflow(grid_.start, range.offset_nanos, &times.begin.value) ||
        __builtin_sub_overflow(times.begin.value, range.range_nanos - 1, &times.begin.value) ||
        __builtin_sub_overflow(grid_.at(grid_.count - 1) + 1, range.offset_nanos, &times.end.value)) {
      return make_error(ErrorCode::invalid_argument, "the range or the offset goes beyond the clock");
    }
    OBELISK_TRY(NewPatterns fresh, NewPatterns::prepare(context_, range.selector, times));
    note_incomplete(fresh, statistics);
    OBELISK_TRY(Pipeline pipeline,
                Pipeline::compile(range.selector.stages, lowered.applied, std::move(demand),
                                  UnixNanos{grid_.at(grid_.count - 1)}, &fresh, hints));
    bool reads_line = pipeline.reads_line() || counts_bytes(query_.range_op);
    OBELISK_TRY(Expr metadata, metadata_filter(context_, range.selector, times));
    Expr where = Expr::all_of({std::move(lowered.where), std::move(metadata)});
    if (pipeline.empty() && !range.unwrap && counts_rows(query_)) {
      OBELISK_TRY(std::optional<Matrix> counted,
                  count_in_store(context_, query_, grid_, key_.counted(), where, times, statistics));
      if (counted) return std::move(*counted);
    }
    OBELISK_TRY(Scan scan, log_scan(context_, std::move(where), times, pipeline.demand(), reads_line));
    OBELISK_CHECK_OK(
        for_each_row(context_, scan, pipeline, statistics, [&](const PassedRow& row) { return take(row); }));
    return finish();
  }

 private:
  Result<bool> take(const PassedRow& passed) {
    LogRow& row = passed.row;
    int64_t time = 0;
    if (__builtin_add_overflow(row.time, query_.range.offset_nanos, &time)) return true;
    Steps steps = steps_.of(time);
    if (steps.first > steps.last) return true;
    double value = 0;
    if (query_.range.unwrap) {
      OBELISK_TRY(bool found, unwrap(row, value));
      if (!found) return true;
    }
    if (row.labels.has_error() && !is_preserved(row.labels.error())) return pipeline_error(row.labels);
    if (query_.range_op == RangeOp::absent) {
      uncharged_ += absent_.add(steps, 1, grid_.count);
      return true;
    }
    SeriesState& series = states_[series_of(passed)];
    if (series_max_ != 0 && states_.size() > series_max_) return too_many_series(series_max_);
    if (counts_rows(query_)) {
      int64_t weight = counts_bytes(query_.range_op) ? static_cast<int64_t>(row.line.size()) : 1;
      uncharged_ += series.counter.add(steps, weight, grid_.count);
    } else {
      series.samples.push_back({time, value});
      uncharged_ += 2 * sizeof(UnwrappedSample);  // vectors double
    }
    if (uncharged_ >= kChargeBytes) OBELISK_CHECK_OK(charge());
    return true;
  }

  // The value of the unwrapped label. False: the row has none, or a filter after the unwrap drops it.
  Result<bool> unwrap(LogRow& row, double& value) {
    const Unwrap& unwrap = *query_.range.unwrap;
    std::string_view text;
    if (!row.labels.get(unwrap.label, text) || text.empty()) return false;
    Error fault;
    bool converted = convert(unwrap.conversion, text, value, fault);
    if (!converted) row.labels.set_error(kSampleExtractionError, fault.message);
    for (const RowStagePtr& filter : unwrap_filters_) {
      if (!filter->apply(row)) return false;
    }
    return true;
  }

  static bool convert(Conversion conversion, std::string_view text, double& value, Error& fault) {
    auto take = [&](const auto& result, double scale) {
      if (result.ok())
        value = static_cast<double>(*result) * scale;
      else
        fault = result.error();
      return result.ok();
    };
    switch (conversion) {
      case Conversion::none:
        return take(parse_number_value(text), 1);
      case Conversion::bytes:
        return take(parse_bytes(text), 1);
      case Conversion::duration:
      case Conversion::duration_seconds: {
        Result<int64_t> nanos = parse_duration_value(text);
        if (!nanos.ok()) return take(nanos, 1);
        value = static_cast<double>(*nanos) / static_cast<double>(kNanosPerSecond);
        return true;
      }
    }
    return false;
  }

  // Asked for by name, what parsers failed on counts like any line.
  bool is_preserved(std::string_view error) const {
    return preserves_errors_ && (error == kJsonParserError || error == kLogfmtParserError);
  }

  static Error pipeline_error(RowLabels& labels) {
    std::string error(labels.error());
    return make_error(
        ErrorCode::invalid_argument,
        fmt::format(
            "pipeline error: '{0}' for series: '{1}'. A metric query takes no failed lines: drop them "
            "with a filter such as | __error__=\"\" behind the stage that fails (also after unwrap)",
            error, Labels(labels.sorted()).to_string()));
  }

  size_t series_of(const PassedRow& passed) {
    // Rows that keep the labels of their stream keep its series too.
    bool plain = passed.row.labels.unchanged();
    if (plain && passed.batch == cached_batch_ && passed.group < cached_.size() &&
        cached_[passed.group] != kNone) {
      return cached_[passed.group];
    }
    bool added = false;
    size_t index = table_.find_or_add(key_.of(passed.row.labels), added);
    if (added) {
      states_.emplace_back();
      uncharged_ += kSeriesBytes + grid_.count * 9;  // with its values in the answer
    }
    if (plain) {
      if (passed.batch != cached_batch_) {
        cached_batch_ = passed.batch;
        cached_.clear();
      }
      if (cached_.size() <= passed.group) cached_.resize(passed.group + 1, kNone);
      cached_[passed.group] = index;
    }
    return index;
  }

  // Charges what has been gathered since the last time.
  Result<void> charge() { return context_.budget.charge(std::exchange(uncharged_, 0)); }

  Result<Matrix> finish() {
    OBELISK_CHECK_OK(charge());
    if (query_.range_op == RangeOp::absent) return absent();
    Matrix matrix;
    matrix.reserve(states_.size());
    for (size_t i = 0; i < states_.size(); ++i) {
      OBELISK_CHECK_OK(context_.cancel.check());
      MatrixSeries series;
      series.labels = table_.labels(i);
      if (counts_rows(query_))
        finish_counts(states_[i], series);
      else
        finish_samples(states_[i], series);
      states_[i] = {};
      matrix.push_back(std::move(series));
    }
    std::sort(matrix.begin(), matrix.end(),
              [](const MatrixSeries& a, const MatrixSeries& b) { return a.labels < b.labels; });
    return matrix;
  }

  void finish_counts(SeriesState& state, MatrixSeries& series) {
    state.counter.finish(grid_.count, series.values, series.present);
    if (!is_rate(query_.range_op)) return;
    double seconds = static_cast<double>(query_.range.range_nanos) / static_cast<double>(kNanosPerSecond);
    for (double& value : series.values) value /= seconds;
  }

  void finish_samples(SeriesState& state, MatrixSeries& series) {
    std::vector<UnwrappedSample>& samples = state.samples;
    auto earlier = [](const UnwrappedSample& a, const UnwrappedSample& b) { return a.time < b.time; };
    if (!std::is_sorted(samples.begin(), samples.end(), earlier))
      std::stable_sort(samples.begin(), samples.end(), earlier);
    series.values.assign(grid_.count, 0);
    series.present.assign(grid_.count, 0);
    size_t begin = 0, end = 0;
    for (size_t i = 0; i < grid_.count; ++i) {
      Window window{grid_.at(i), query_.range.range_nanos, query_.parameter.value_or(0)};
      while (end < samples.size() && samples[end].time <= window.end) ++end;
      int64_t before = 0;  // the first instant that is not in the window any more
      if (__builtin_sub_overflow(window.end, window.range, &before))
        before = std::numeric_limits<int64_t>::min();
      while (begin < end && samples[begin].time <= before) ++begin;
      if (begin == end) continue;
      series.present[i] = 1;
      series.values[i] =
          window_function(query_.range_op, std::span(samples).subspan(begin, end - begin), window);
    }
  }

  // 1 where no row counted, with the labels that the selector fixes.
  Matrix absent() {
    MatrixSeries series;
    absent_.finish(grid_.count, series.values, series.present);
    bool any = false;
    for (size_t i = 0; i < grid_.count; ++i) {
      series.present[i] = !series.present[i];
      series.values[i] = 1;
      any = any || series.present[i];
    }
    if (!any) return {};
    std::vector<Label> labels;
    const std::vector<Matcher>& matchers = query_.range.selector.matchers;
    for (const Matcher& matcher : matchers) {
      auto same_name = [&](const Matcher& other) { return other.name == matcher.name; };
      bool once = std::count_if(matchers.begin(), matchers.end(), same_name) == 1;
      if (matcher.op == MatchOp::equal && once) labels.push_back({matcher.name, matcher.value});
    }
    series.labels = Labels(std::move(labels));
    Matrix matrix;
    matrix.push_back(std::move(series));
    return matrix;
  }

  static constexpr size_t kNone = static_cast<size_t>(-1);

  QueryContext& context_;
  const Query& query_;
  const StepGrid& grid_;
  WindowSteps steps_;
  SeriesKey key_;
  std::vector<RowStagePtr> unwrap_filters_;
  SeriesTable table_;
  std::vector<SeriesState> states_;
  StepCounter absent_;
  uint64_t cached_batch_ = 0;
  std::vector<size_t> cached_;
  // What a series takes besides its rows: its labels as texts, its places in tables.
  static constexpr uint64_t kSeriesBytes = 448;
  static constexpr uint64_t kChargeBytes = 1 << 20;
  const size_t series_max_;
  bool preserves_errors_ = false;
  uint64_t uncharged_ = 0;
};

}  // namespace

bool can_sum_rows(RangeOp op) {
  return op == RangeOp::count || op == RangeOp::bytes || op == RangeOp::rate || op == RangeOp::bytes_rate ||
         op == RangeOp::sum;
}

Error too_many_series(size_t series_max) {
  return make_error(
      ErrorCode::invalid_argument,
      fmt::format("maximum number of series ({}) reached for a single query; select fewer streams or "
                  "aggregate over labels",
                  series_max));
}

Result<Matrix> evaluate_range(QueryContext& context, const Query& query, const StepGrid& grid,
                              const Grouping* outer, size_t series_max, ReadStatistics& statistics) {
  return RangeEvaluation(context, query, grid, outer, series_max).run(statistics);
}

}  // namespace obelisk::logql
