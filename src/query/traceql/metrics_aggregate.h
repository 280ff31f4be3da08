#pragma once
// Aggregates the spans that a metrics query finds into series. One object an evaluation of one metrics
// function. Not thread safe. Bounds: series and their buckets are charged to the query's budget; exemplars
// are at most one a series and slot of the range, with as many slots as exemplars were asked for.
#include <optional>
#include <unordered_map>

#include "query/traceql/metrics_pushdown.h"
#include "query/traceql/metrics_series.h"
#include "query/traceql/span_scan.h"

namespace obelisk::traceql {

class MetricsAggregate {
 public:
  MetricsAggregate(const MetricsExpr& expr, const PointGrid& grid, uint32_t exemplars_max, Budget& budget,
                   std::optional<size_t> trace_state = std::nullopt)
      : expr_(expr), grid_(grid), exemplars_max_(exemplars_max), budget_(budget), trace_state_(trace_state) {}
  ~MetricsAggregate() { budget_.release(charged_); }
  MetricsAggregate(const MetricsAggregate&) = delete;
  MetricsAggregate& operator=(const MetricsAggregate&) = delete;

  Result<void> add(SpanView& span);
  // What a store has computed for lower_aggregate(expr, ...), instead of spans.
  Result<void> add(const AggregateStates& states);
  SeriesSet finish();

 private:
  struct State {
    SeriesLabels labels;
    std::vector<double> counts;
    std::vector<double> values;  // sum, smallest or largest so far
    PowerBuckets buckets;
    bool durations = false;
    std::vector<MetricsExemplar> exemplars;  // by slot; time 0: none yet
    size_t charged_bytes = 0;
    State() : buckets(0) {}
  };

  Result<State*> state_of(SpanView& span);
  Result<State*> make_state(SeriesLabels labels);
  void add_group(const AggregateStates::Group& group, State& state) const;
  Result<void> charge(State& state);
  void merge_value(double& held, double number) const;
  void add_value(State& state, size_t point, const Value& value, double weight) const;
  double weight_of(SpanView& span) const;
  bool is_better(const MetricsExemplar& held, double value) const;
  void add_exemplar(State& state, SpanView& span, size_t point, const Value& value) const;
  void finish_state(State& state, SeriesSet& out) const;
  MetricsSeries simple_series(const State& state) const;
  std::vector<MetricsExemplar> take_exemplars(State& state) const;
  void finish_histogram(const State& state, std::vector<MetricsExemplar> exemplars, SeriesSet& out) const;
  void finish_quantiles(const State& state, std::vector<MetricsExemplar> exemplars, SeriesSet& out) const;
  bool is_counting() const {
    return expr_.function == MetricsFunction::rate || expr_.function == MetricsFunction::count_over_time;
  }
  bool is_extreme() const {
    return expr_.function == MetricsFunction::min_over_time ||
           expr_.function == MetricsFunction::max_over_time;
  }
  bool has_buckets() const {
    return expr_.function == MetricsFunction::quantile_over_time ||
           expr_.function == MetricsFunction::histogram_over_time;
  }

  const MetricsExpr& expr_;
  const PointGrid& grid_;
  const uint32_t exemplars_max_;
  Budget& budget_;
  const std::optional<size_t> trace_state_;  // its slot: spans count for all they stand for
  uint64_t charged_ = 0;
  std::string key_;
  std::unordered_map<std::string, State> states_;
};

}  // namespace obelisk::traceql
