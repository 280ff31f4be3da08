#include "query/traceql/metrics_aggregate.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace obelisk::traceql {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr double kNanosPerSecondFloat = 1e9;

void append_key(std::string& key, const Value& value) {
  key += static_cast<char>(value.type);
  key += value.type == ValueType::string ? std::string(value.text) : value_text(value);
  key += '\0';
}

// A number as metrics show it: durations in seconds.
double shown(const Value& value) {
  return value.type == ValueType::duration ? value.as_number() / kNanosPerSecondFloat : value.as_number();
}

}  // namespace

Result<MetricsAggregate::State*> MetricsAggregate::state_of(SpanView& span) {
  key_.clear();
  for (const FieldExprPtr& attribute : expr_.by) append_key(key_, span.read(attribute->slot));
  auto found = states_.find(key_);
  if (found != states_.end()) return &found->second;
  State& state = states_[key_];
  for (const FieldExprPtr& attribute : expr_.by) {
    StoredValue value(span.read(attribute->slot));
    if (value.type == ValueType::nil) value = StoredValue::of_string("nil");  // as Tempo shows it
    state.labels.emplace_back(attribute->attribute.to_string(), std::move(value));
  }
  state.counts.assign(grid_.count, 0);
  if (!is_counting() && !has_buckets()) state.values.assign(grid_.count, kNone);
  if (has_buckets()) state.buckets = PowerBuckets(grid_.count);
  state.exemplars.resize(std::min<size_t>(exemplars_max_, grid_.count));
  OBELISK_CHECK_OK(charge(state));
  return &state;
}

Result<void> MetricsAggregate::charge(State& state) {
  size_t bytes = 256 + key_.size() * 2 + (state.counts.size() + state.values.size()) * sizeof(double) +
                 state.exemplars.size() * sizeof(MetricsExemplar) + state.buckets.memory_bytes();
  if (bytes <= state.charged_bytes) return {};
  charged_ += bytes - state.charged_bytes;
  Result<void> result = budget_.charge(bytes - state.charged_bytes);
  state.charged_bytes = bytes;
  return result;
}

Result<void> MetricsAggregate::add(SpanView& span) {
  size_t point = grid_.point_of(span.time());
  if (point == grid_.count) return {};
  Value value;
  if (expr_.argument) {
    value = span.read(expr_.argument->slot);
    if (!value.is_number()) return {};
  }
  OBELISK_TRY(State * state, state_of(span));
  state->counts[point] += 1;
  add_value(*state, point, value);
  if (!state->exemplars.empty()) add_exemplar(*state, span, point, value);
  return has_buckets() ? charge(*state) : Result<void>();
}

void MetricsAggregate::add_value(State& state, size_t point, const Value& value) const {
  if (is_counting()) return;
  state.durations = value.type == ValueType::duration;
  if (has_buckets()) return state.buckets.add(point, value.as_number());
  double number = shown(value);
  double& held = state.values[point];
  if (std::isnan(held)) {
    held = number;
  } else if (expr_.function == MetricsFunction::min_over_time) {
    held = std::min(held, number);
  } else if (expr_.function == MetricsFunction::max_over_time) {
    held = std::max(held, number);
  } else {
    held += number;
  }
}

// The first span of a slot stands for it, but an extreme one replaces it where the function is about
// extremes.
void MetricsAggregate::add_exemplar(State& state, SpanView& span, size_t point, const Value& value) const {
  MetricsExemplar& exemplar = state.exemplars[point * state.exemplars.size() / grid_.count];
  double number = expr_.argument ? shown(value) : kNone;
  bool is_better = exemplar.time.value == 0;
  if (expr_.function == MetricsFunction::max_over_time || has_buckets())
    is_better = is_better || number > exemplar.value;
  if (expr_.function == MetricsFunction::min_over_time) is_better = is_better || number < exemplar.value;
  if (is_better) exemplar = {span.trace_id(), number, {span.time()}};
}

SeriesSet MetricsAggregate::finish() {
  SeriesSet series;
  for (auto& [key, state] : states_) finish_state(state, series);
  return series;
}

MetricsSeries MetricsAggregate::simple_series(const State& state) const {
  MetricsSeries series;
  series.labels = state.labels;
  if (state.labels.empty()) {
    series.labels.emplace_back("__name__", StoredValue::of_string(metrics_function_name(expr_.function)));
  }
  series.values = is_counting() ? state.counts : state.values;
  double seconds = static_cast<double>(grid_.step) / kNanosPerSecondFloat;
  for (size_t point = 0; point < series.values.size(); ++point) {
    if (expr_.function == MetricsFunction::rate) series.values[point] /= seconds;
    if (expr_.function == MetricsFunction::avg_over_time) series.values[point] /= state.counts[point];
  }
  return series;
}

void MetricsAggregate::attach_exemplars(State& state, MetricsSeries& series) const {
  size_t wanted = std::max<size_t>(1, exemplars_max_ / std::max<size_t>(1, states_.size()));
  std::erase_if(state.exemplars, [](const MetricsExemplar& exemplar) { return exemplar.time.value == 0; });
  size_t taken = std::min(wanted, state.exemplars.size());
  for (size_t i = 0; i < taken; ++i) {
    MetricsExemplar exemplar = state.exemplars[i * state.exemplars.size() / taken];
    if (std::isnan(exemplar.value)) exemplar.value = series.values[grid_.point_of(exemplar.time.value)];
    series.exemplars.push_back(exemplar);
  }
}

void MetricsAggregate::finish_state(State& state, SeriesSet& out) const {
  if (!has_buckets()) {
    MetricsSeries series = simple_series(state);
    attach_exemplars(state, series);
    out[series.labels] = std::move(series);
    return;
  }
  double unit = state.durations ? kNanosPerSecondFloat : 1;
  auto add = [&](std::string_view name, double label, std::vector<double> values, bool with_exemplars) {
    MetricsSeries series;
    series.labels = state.labels;
    series.labels.emplace_back(name, StoredValue(Value::of_float(label)));
    series.values = std::move(values);
    if (with_exemplars) attach_exemplars(state, series);
    out[series.labels] = std::move(series);
  };
  if (expr_.function == MetricsFunction::histogram_over_time) {
    bool first = true;
    for (const auto& [exponent, counts] : state.buckets.counts()) {
      add("__bucket", std::exp2(exponent) / unit, counts, std::exchange(first, false));
    }
    return;
  }
  for (size_t i = 0; i < expr_.quantiles.size(); ++i) {
    std::vector<double> values(grid_.count);
    for (size_t point = 0; point < grid_.count; ++point)
      values[point] = state.buckets.quantile(point, expr_.quantiles[i]) / unit;
    add("p", expr_.quantiles[i], std::move(values), i + 1 == expr_.quantiles.size());
  }
}

}  // namespace obelisk::traceql
