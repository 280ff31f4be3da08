// Metrics queries: the tree of functions, second stages and arithmetic over a grid of points.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "query/traceql/compare.h"
#include "query/traceql/metrics_aggregate.h"
#include "query/traceql/parser.h"
#include "query/traceql/validate.h"

namespace obelisk::traceql {
namespace {

int64_t floor_to(int64_t value, int64_t step) {
  int64_t rest = value % step;
  return value - (rest < 0 ? rest + step : rest);
}

Result<PointGrid> make_grid(const MetricsOptions& options) {
  if (options.range.begin >= options.range.end) {
    return make_error(ErrorCode::invalid_argument, "the start must lie before the end");
  }
  int64_t span = options.range.end - options.range.begin;
  if (options.instant) return PointGrid{options.range.begin.value, span, 1};
  if (options.step < 0) return make_error(ErrorCode::invalid_argument, "the step must be above 0");
  PointGrid grid;
  grid.step = options.step == 0 ? default_metrics_step(span) : options.step;
  grid.begin = floor_to(options.range.begin.value, grid.step);
  auto points = static_cast<uint64_t>((options.range.end.value - grid.begin - 1) / grid.step + 1);
  if (points > kPointsMax) {
    return make_error(ErrorCode::invalid_argument,
                      fmt::format("{} points a series are more than {}: use a longer step or a shorter range",
                                  points, kPointsMax));
  }
  grid.count = points;
  int64_t end = 0;
  if (__builtin_mul_overflow(grid.step, static_cast<int64_t>(points), &end) ||
      __builtin_add_overflow(grid.begin, end, &end) || end == std::numeric_limits<int64_t>::max()) {
    return make_error(ErrorCode::invalid_argument, "the last step ends after the year 2262");
  }
  return grid;
}

class MetricsRun {
 public:
  MetricsRun(const QueryContext& context, const Query& query, const MetricsOptions& options, PointGrid grid,
             std::optional<size_t> trace_state, std::pair<size_t, size_t> roots)
      : context_(context),
        query_(query),
        grid_(grid),
        exemplars_max_(exemplars_of(query, options)),
        trace_state_(trace_state),
        roots_(roots) {
    constexpr int64_t kLatest = std::numeric_limits<int64_t>::max();
    bool holds_end = (!options.instant || options.holds_end) && grid_.end() != kLatest;
    range_ = {{grid_.begin}, {grid_.end() + (holds_end ? 1 : 0)}};
  }

  Result<SeriesSet> evaluate(const MetricsExpr& expr) {
    OBELISK_TRY(SeriesSet series, evaluate_without_stages(expr));
    for (const MetricsStage& stage : expr.stages) apply_stage(stage, series);
    return series;
  }

  ScanStatistics statistics;

 private:
  // with(exemplars=false) or with(exemplars=5) wins over the request.
  static uint32_t exemplars_of(const Query& query, const MetricsOptions& options) {
    for (const Hint& hint : query.hints) {
      if (hint.name != "exemplars") continue;
      bool is_switch = hint.value.type == ValueType::boolean;
      if (is_switch && hint.value.integer == 0) return 0;
      if (is_switch)
        return options.exemplars_max == 0 ? MetricsOptions().exemplars_max : options.exemplars_max;
      if (hint.value.type == ValueType::integer) {
        return static_cast<uint32_t>(std::clamp<int64_t>(hint.value.integer, 0, options.exemplars_max));
      }
    }
    return options.exemplars_max;
  }

  Result<SeriesSet> evaluate_without_stages(const MetricsExpr& expr) {
    if (expr.kind == MetricsExpr::Kind::query) return evaluate_query(expr);
    OBELISK_ASSERT(expr.kind == MetricsExpr::Kind::operation);
    bool left_is_number = expr.left->kind == MetricsExpr::Kind::number;
    bool right_is_number = expr.right->kind == MetricsExpr::Kind::number;
    if (left_is_number || right_is_number) {
      OBELISK_TRY(SeriesSet series, evaluate(left_is_number ? *expr.right : *expr.left));
      double number = (left_is_number ? expr.left : expr.right)->number;
      return combine_with_number(expr.op, std::move(series), number, left_is_number);
    }
    OBELISK_TRY(SeriesSet left, evaluate(*expr.left));
    OBELISK_TRY(SeriesSet right, evaluate(*expr.right));
    return combine(expr.op, left, right);
  }

  template <typename Aggregate>
  Result<SeriesSet> aggregate(const MetricsExpr& expr, Aggregate& aggregate, bool all_columns) {
    SpanScan scan{context_, query_, *expr.pipeline, range_, all_columns};
    OBELISK_TRY(ScanStatistics read, scan_spans(scan, [&](SpanView& span) { return aggregate.add(span); }));
    statistics.traces += read.traces;
    statistics.spans += read.spans;
    statistics.bytes += read.bytes;
    if (!read.complete) {
      statistics.complete = false;
      statistics.reason = read.reason;
    }
    return aggregate.finish();
  }

  Result<SeriesSet> evaluate_query(const MetricsExpr& expr) {
    if (expr.function == MetricsFunction::compare) {
      CompareAggregate compare(expr, grid_, roots_, exemplars_max_, context_.budget);
      return aggregate(expr, compare, true);
    }
    MetricsAggregate simple(expr, grid_, exemplars_max_, context_.budget, trace_state_);
    OBELISK_TRY(bool pushed, push_down(expr, simple));
    if (pushed) return simple.finish();
    return aggregate(expr, simple, false);
  }

  // Lets the store compute the function, where it can be said to a store.
  Result<bool> push_down(const MetricsExpr& expr, MetricsAggregate& result) {
    const SpansetExpr* filter = span_local_filter(query_, *expr.pipeline);
    if (filter == nullptr || trace_state_) return false;
    Scan scan;
    scan.tenant = context_.tenant;
    scan.table = Table::spans;
    scan.range = range_;
    OBELISK_TRY(std::vector<ColumnInfo> columns, context_.reader.columns(context_.at, scan));
    ArrayColumns arrays(columns);
    Lowered lowered = lower_condition(*filter->filter, arrays);
    scan.aggregate = lower_aggregate(expr, grid_, arrays, exemplars_max_);
    if (!lowered.exact || !scan.aggregate) return false;
    scan.where = std::move(lowered.expr);
    // A store's steps begin with their first nanosecond and ours end with their last one: they are put one
    // nanosecond later, and the spans at the very begin of the range are asked for by themselves.
    scan.aggregate->first_time = grid_.begin + 1;
    scan.range.begin = {grid_.begin + 1};
    OBELISK_CHECK_OK(add_aggregate(scan, result));
    scan.aggregate->first_time = grid_.begin;
    scan.range = {{grid_.begin}, {grid_.begin + 1}};
    OBELISK_CHECK_OK(add_aggregate(scan, result));
    return true;
  }

  Result<void> add_aggregate(const Scan& scan, MetricsAggregate& result) {
    OBELISK_TRY(AggregateAnswer answer,
                aggregate_scan(context_.reader, context_.at, scan, context_.budget, context_.cancel));
    OBELISK_CHECK_OK(result.add(answer.states));
    for (const AggregateStates::Group& group : answer.states.groups())
      statistics.spans += std::accumulate(group.counts.begin(), group.counts.end(), uint64_t{0});
    add_coverage(answer.coverage, statistics);
    return {};
  }

  const QueryContext& context_;
  const Query& query_;
  const PointGrid grid_;
  const uint32_t exemplars_max_;
  const std::optional<size_t> trace_state_;
  const std::pair<size_t, size_t> roots_;
  TimeRange range_;
};

// with(extrapolate=true): the slot of the attribute that tells how many spans a sampled one stands for.
std::optional<size_t> read_trace_state(Query& query) {
  bool wanted = std::any_of(query.hints.begin(), query.hints.end(), [](const Hint& hint) {
    return hint.name == "extrapolate" && hint.value.type == ValueType::boolean && hint.value.integer != 0;
  });
  if (!wanted) return std::nullopt;
  query.attributes.push_back({Intrinsic::trace_state, AttributeScope::any, false, "tracestate"});
  return query.attributes.size() - 1;
}

// compare() counts two facts of the trace besides: the slots of rootName and rootServiceName.
std::pair<size_t, size_t> read_roots(Query& query) {
  if (query.metrics->kind != MetricsExpr::Kind::query || query.metrics->function != MetricsFunction::compare)
    return {};
  query.attributes.push_back({Intrinsic::root_name, AttributeScope::any, false, "rootName"});
  query.attributes.push_back({Intrinsic::root_service, AttributeScope::any, false, "rootServiceName"});
  return {query.attributes.size() - 2, query.attributes.size() - 1};
}

}  // namespace

int64_t default_metrics_step(int64_t range_nanos) {
  constexpr int64_t kSecond = kNanosPerSecond;
  int64_t step = range_nanos / 240;
  if (range_nanos < 60 * kSecond)
    return std::max<int64_t>(floor_to(step, 50 * kNanosPerMilli), 50 * kNanosPerMilli);
  for (int64_t unit : {3600 * kSecond, 300 * kSecond, 60 * kSecond, 15 * kSecond, 5 * kSecond}) {
    if (step >= unit) return floor_to(step, unit);
  }
  return std::max<int64_t>(floor_to(step, kSecond), kSecond);
}

Result<bool> is_metrics_query(std::string_view text) {
  OBELISK_TRY(Query query, prepare(text));
  return query.metrics != nullptr;
}

Result<MetricsResult> evaluate_metrics(const QueryContext& context, std::string_view text,
                                       const MetricsOptions& options) {
  OBELISK_TRY(Query query, prepare(text));
  if (!query.metrics) {
    return make_error(ErrorCode::invalid_argument,
                      "not a metrics query: end it in rate() or another metrics function");
  }
  OBELISK_TRY(PointGrid grid, make_grid(options));
  std::optional<size_t> trace_state = read_trace_state(query);
  std::pair<size_t, size_t> roots = read_roots(query);
  MetricsRun run(context, query, options, grid, trace_state, roots);
  OBELISK_TRY(SeriesSet series, run.evaluate(*query.metrics));
  MetricsResult result;
  result.first = {grid.begin + grid.step};
  result.step = grid.step;
  result.point_count = grid.count;
  for (auto& [labels, one] : series) {
    if (result.series.size() == options.series_max) {
      result.partial = true;
      result.message =
          fmt::format("{} of {} series are shown: the answer is limited", options.series_max, series.size());
      break;
    }
    result.series.push_back(std::move(one));
  }
  result.statistics = std::move(run.statistics);
  if (!result.statistics.complete) {
    result.partial = true;
    result.message = result.statistics.reason;
  }
  return result;
}

}  // namespace obelisk::traceql
