#include "query/traceql/metrics_aggregate.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "query/core/trace_state.h"

namespace obelisk::traceql {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr double kNanosPerSecondFloat = 1e9;

void append_key(std::string& key, const Value& value) {
  key += static_cast<char>(value.type);
  key += value.type == ValueType::string ? std::string(value.text) : value_text(value);
  key += '\0';
}

StoredValue shown_label(StoredValue value) {
  return value.type == ValueType::nil ? StoredValue::of_string("nil") : value;  // as Tempo shows it
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
  SeriesLabels labels;
  for (const FieldExprPtr& attribute : expr_.by)
    labels.emplace_back(attribute->attribute.to_string(),
                        shown_label(StoredValue(span.read(attribute->slot))));
  return make_state(std::move(labels));
}

Result<MetricsAggregate::State*> MetricsAggregate::make_state(SeriesLabels labels) {
  State& state = states_[key_];
  state.labels = std::move(labels);
  state.counts.assign(grid_.count, 0);
  if (!is_counting() && !has_buckets()) state.values.assign(grid_.count, is_extreme() ? kNone : 0);
  if (has_buckets()) state.buckets = PowerBuckets(grid_.count);
  state.exemplars.resize(std::min<size_t>(exemplars_max_, grid_.count));
  OBELISK_CHECK_OK(charge(state));
  return &state;
}

Result<void> MetricsAggregate::add(const AggregateStates& states) {
  for (const AggregateStates::Group& group : states.groups()) {
    key_.clear();
    SeriesLabels labels;
    for (size_t i = 0; i < expr_.by.size(); ++i) {
      StoredValue value = value_of_key(expr_.by[i]->attribute, group.key[i]);
      append_key(key_, value.view());
      labels.emplace_back(expr_.by[i]->attribute.to_string(), shown_label(std::move(value)));
    }
    auto found = states_.find(key_);  // an absent text and an empty one are one value to the language
    State* state = found == states_.end() ? nullptr : &found->second;
    if (state == nullptr) {
      OBELISK_TRY(state, make_state(std::move(labels)));
    }
    add_group(group, *state);
    OBELISK_CHECK_OK(charge(*state));
  }
  return {};
}

void MetricsAggregate::add_group(const AggregateStates::Group& group, State& state) const {
  state.durations = expr_.argument && expr_.argument->attribute.intrinsic == Intrinsic::duration;
  double unit = state.durations ? kNanosPerSecondFloat : 1;
  for (size_t point = 0; point < grid_.count; ++point) {
    if (group.counts[point] == 0) continue;
    state.counts[point] += static_cast<double>(group.counts[point]);
    if (!group.sums.empty()) merge_value(state.values[point], group.sums[point] / unit);
    if (!group.minima.empty()) merge_value(state.values[point], group.minima[point] / unit);
    if (!group.maxima.empty()) merge_value(state.values[point], group.maxima[point] / unit);
  }
  for (const auto& [exponent, counts] : group.histogram) state.buckets.add(exponent, counts);
  for (size_t slot = 0; slot < group.exemplars.size(); ++slot) {
    const AggregateExemplar& from = group.exemplars[slot];
    MetricsExemplar& held = state.exemplars[slot];
    double value = expr_.argument ? from.value / unit : kNone;
    if (from.found && is_better(held, value)) held = {from.trace_id, value, {from.time}};
  }
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
  Value measured;
  const bool measures = expr_.argument != nullptr;
  if (measures) {
    measured = span.read(expr_.argument->slot);
    auto is_number = [](const Value& value) { return value.is_number(); };
    if (std::ranges::none_of(elements_of(measured), is_number)) return {};
  }
  OBELISK_TRY(State * state, state_of(span));
  double weight = weight_of(span);
  for (const Value& value : elements_of(measured)) {  // of a list every number counts
    if (measures && !value.is_number()) continue;
    state->counts[point] += weight;
    add_value(*state, point, value, weight);
    if (!state->exemplars.empty()) add_exemplar(*state, span, point, value);
  }
  return has_buckets() ? charge(*state) : Result<void>();
}

double MetricsAggregate::weight_of(SpanView& span) const {
  if (!trace_state_) return 1;
  Value state = span.read(*trace_state_);
  return state.is_nil() ? 1 : multiplier_of_tracestate(state.text).value_or(1);
}

void MetricsAggregate::add_value(State& state, size_t point, const Value& value, double weight) const {
  if (is_counting()) return;
  state.durations = value.type == ValueType::duration;
  if (has_buckets()) return state.buckets.add(point, value.as_number(), weight);
  merge_value(state.values[point], is_extreme() ? shown(value) : shown(value) * weight);
}

// As a store merges: NaN is in every sum, and no extreme. A store says infinity of a step without a number
// that could be one, and so may we: it is none.
void MetricsAggregate::merge_value(double& held, double number) const {
  if (is_extreme() && std::isinf(number) &&
      (number > 0) == (expr_.function == MetricsFunction::min_over_time))
    return;
  if (is_extreme() && std::isnan(held)) {
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
bool MetricsAggregate::is_better(const MetricsExemplar& held, double value) const {
  if (held.time.value == 0) return true;
  if (expr_.function == MetricsFunction::max_over_time || has_buckets()) return value > held.value;
  return expr_.function == MetricsFunction::min_over_time && value < held.value;
}

void MetricsAggregate::add_exemplar(State& state, SpanView& span, size_t point, const Value& value) const {
  MetricsExemplar& exemplar = state.exemplars[point * state.exemplars.size() / grid_.count];
  double number = expr_.argument ? shown(value) : kNone;
  if (is_better(exemplar, number)) exemplar = {span.trace_id(), number, {span.time()}};
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
    if (expr_.function == MetricsFunction::sum_over_time && state.counts[point] == 0)
      series.values[point] = kNone;
    if (expr_.function == MetricsFunction::avg_over_time) series.values[point] /= state.counts[point];
  }
  return series;
}

// The exemplars of a state that are shown: spread over the range, as many as its share of what was asked for.
std::vector<MetricsExemplar> MetricsAggregate::take_exemplars(State& state) const {
  size_t wanted = std::max<size_t>(1, exemplars_max_ / std::max<size_t>(1, states_.size()));
  std::erase_if(state.exemplars, [](const MetricsExemplar& exemplar) { return exemplar.time.value == 0; });
  size_t count = std::min(wanted, state.exemplars.size());
  std::vector<MetricsExemplar> taken;
  for (size_t i = 0; i < count; ++i) taken.push_back(state.exemplars[i * state.exemplars.size() / count]);
  return taken;
}

void MetricsAggregate::finish_state(State& state, SeriesSet& out) const {
  std::vector<MetricsExemplar> exemplars = take_exemplars(state);
  if (expr_.function == MetricsFunction::histogram_over_time)
    return finish_histogram(state, std::move(exemplars), out);
  if (expr_.function == MetricsFunction::quantile_over_time)
    return finish_quantiles(state, std::move(exemplars), out);
  MetricsSeries series = simple_series(state);
  for (MetricsExemplar& exemplar : exemplars) {
    if (std::isnan(exemplar.value)) exemplar.value = series.values[grid_.point_of(exemplar.time.value)];
  }
  series.exemplars = std::move(exemplars);
  out[series.labels] = std::move(series);
}

namespace {

MetricsSeries derived_series(const SeriesLabels& labels, std::string_view name, double label,
                             std::vector<double> values) {
  MetricsSeries series;
  series.labels = labels;
  series.labels.emplace_back(name, StoredValue(Value::of_float(label)));
  series.values = std::move(values);
  return series;
}

}  // namespace

// Each exemplar stands at the bucket it was counted in.
void MetricsAggregate::finish_histogram(const State& state, std::vector<MetricsExemplar> exemplars,
                                        SeriesSet& out) const {
  double unit = state.durations ? kNanosPerSecondFloat : 1;
  for (const auto& [exponent, counts] : state.buckets.counts()) {
    MetricsSeries series =
        derived_series(state.labels, "__bucket", PowerBuckets::bound_of(exponent) / unit, counts);
    for (const MetricsExemplar& exemplar : exemplars) {
      double value = state.durations ? std::round(exemplar.value * unit) : exemplar.value;
      if (histogram_exponent(value) == exponent) series.exemplars.push_back(exemplar);
    }
    out[series.labels] = std::move(series);
  }
}

// Each exemplar stands at the quantile it is nearest to, by the values of the whole range.
void MetricsAggregate::finish_quantiles(const State& state, std::vector<MetricsExemplar> exemplars,
                                        SeriesSet& out) const {
  double unit = state.durations ? kNanosPerSecondFloat : 1;
  std::vector<double> overall;
  for (double quantile : expr_.quantiles) overall.push_back(state.buckets.quantile_of_all(quantile) / unit);
  for (size_t i = 0; i < expr_.quantiles.size(); ++i) {
    std::vector<double> values(grid_.count);
    for (size_t point = 0; point < grid_.count; ++point)
      values[point] = state.buckets.quantile(point, expr_.quantiles[i]) / unit;
    MetricsSeries series = derived_series(state.labels, "p", expr_.quantiles[i], std::move(values));
    for (const MetricsExemplar& exemplar : exemplars) {
      auto distance = [&](double value) { return std::abs(value - exemplar.value); };
      auto nearest = std::min_element(overall.begin(), overall.end(),
                                      [&](double a, double b) { return distance(a) < distance(b); });
      if (nearest - overall.begin() == static_cast<ptrdiff_t>(i)) series.exemplars.push_back(exemplar);
    }
    out[series.labels] = std::move(series);
  }
}

}  // namespace obelisk::traceql
