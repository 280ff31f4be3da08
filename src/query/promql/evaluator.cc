#include "query/promql/evaluator.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "model/histogram_arithmetic.h"
#include "query/promql/evaluation_trace.h"
#include "query/promql/functions.h"

namespace obelisk::promql {
namespace {

uint64_t bytes_of(const Value& value) {
  if (const ScalarSteps* scalar = std::get_if<ScalarSteps>(&value)) return scalar->size() * sizeof(double);
  const SeriesList* list = std::get_if<SeriesList>(&value);
  if (list == nullptr) return 0;
  constexpr uint64_t kBytesOfLabel = 2 * sizeof(std::string);
  constexpr uint64_t kBytesOfHistogram = sizeof(HistogramPtr) + 256;
  uint64_t total = 0;
  for (const StepSeries& series : *list) {
    total += sizeof(StepSeries) + series.values.size() * sizeof(double) +
             series.labels.size() * kBytesOfLabel + series.histograms.size() * kBytesOfHistogram;
  }
  return total;
}

uint64_t points_of(const StepSeries& series) {
  uint64_t points = 0;
  for (size_t step = 0; step < series.values.size(); ++step) points += series.has(step) ? 1 : 0;
  return points;
}

Error same_labelset() {
  return make_error(ErrorCode::execution, "vector cannot contain metrics with the same labelset");
}

// Joins `from` into `into`; false when both have a sample at some step.
bool join_series(StepSeries& into, const StepSeries& from) {
  for (size_t step = 0; step < into.values.size(); ++step) {
    if (!from.has(step)) continue;
    if (into.has(step)) return false;
    into.copy_step(from, step);
  }
  return true;
}

}  // namespace

void remove_metric_labels(Labels& labels) {
  labels.remove(kMetricNameLabel);
  labels.remove("__type__");
  labels.remove("__unit__");
}

bool wants_only_totals(const Node& node) {
  switch (node.kind) {
    case Node::Kind::selector:
    case Node::Kind::matrix:
      return true;
    case Node::Kind::paren:
      return wants_only_totals(*node.children[0]);
    case Node::Kind::aggregation:
      return (node.aggregation == AggregationOp::sum || node.aggregation == AggregationOp::avg) &&
             wants_only_totals(*node.children[0]);
    case Node::Kind::call:
      return (node.function->id == FunctionId::sum_over_time ||
              node.function->id == FunctionId::avg_over_time) &&
             wants_only_totals(*node.children[0]);
    default:
      return false;  // subqueries and operators: whether samples lie next to each other in storage is not
                     // known
  }
}

Evaluator::Evaluator(const QueryContext& context, const PromqlOptions& options, std::string_view query,
                     const Steps& query_steps, bool is_instant)
    : context_(context),
      options_(options),
      query_(query),
      query_steps_(query_steps),
      query_end_ms_(query_steps.last()),
      is_instant_(is_instant),
      annotations_(query) {
  if (options_.count_queryable_samples) queryable_.resize(query_steps.count);
}

Result<void> Evaluator::count_samples(uint64_t samples) {
  stats_.samples += samples;
  if (stats_.samples <= options_.samples_max) return {};
  return make_error(ErrorCode::too_large,
                    "query processing would load too many samples into memory in query execution");
}

Result<void> Evaluator::expect_room(uint64_t series, uint64_t steps) const {
  uint64_t bytes = series * (steps * sizeof(double) + sizeof(StepSeries));
  Result<void> fits = context_.budget.charge(bytes);
  context_.budget.release(bytes);
  return fits;
}

Result<Value> Evaluator::evaluate(const Node& node, const Steps& steps) {
  if (trace_ == nullptr) return evaluate_charged(node, steps);
  trace_->enter(node);
  uint64_t samples_before = stats_.samples;
  Result<Value> value = evaluate_charged(node, steps);
  const SeriesList* list = value.ok() ? std::get_if<SeriesList>(&*value) : nullptr;
  uint64_t series = 0;
  uint64_t points = 0;
  for (size_t i = 0; list != nullptr && i < list->size(); ++i) {
    uint64_t of_series = points_of((*list)[i]);
    series += of_series > 0 ? 1 : 0;
    points += of_series;
  }
  trace_->leave(stats_.samples - samples_before, series, points, list != nullptr);
  return value;
}

Result<Value> Evaluator::evaluate_charged(const Node& node, const Steps& steps) {
  OBELISK_CHECK_OK(check_cancel());
  OBELISK_CHECK_OK(expect_room(1, steps.count));
  uint64_t before = charged_bytes_;
  OBELISK_TRY(Value value, evaluate_node(node, steps));
  // The operands are gone; what is left of this node is its result.
  context_.budget.release(charged_bytes_ - before);
  charged_bytes_ = before + bytes_of(value);
  OBELISK_CHECK_OK(context_.budget.charge(charged_bytes_ - before));
  return value;
}

Result<Value> Evaluator::evaluate_node(const Node& node, const Steps& steps) {
  switch (node.kind) {
    case Node::Kind::number:
      return Value(ScalarSteps(steps.count, node.number));
    case Node::Kind::string:
      return Value(node.text);
    case Node::Kind::paren:
      return evaluate(*node.children[0], steps);
    case Node::Kind::unary:
      return evaluate_unary(node, steps);
    case Node::Kind::binary:
      return evaluate_binary(node, steps);
    case Node::Kind::call:
      return evaluate_call(node, steps);
    case Node::Kind::aggregation: {
      OBELISK_TRY(SeriesList list, evaluate_aggregation(node, steps));
      return Value(std::move(list));
    }
    case Node::Kind::selector: {
      OBELISK_TRY(SeriesList list, evaluate_selector(node, steps, SampleAspect::value));
      return Value(std::move(list));
    }
    case Node::Kind::matrix:
    case Node::Kind::subquery:
      break;  // only read_range looks at them
  }
  return make_error(ErrorCode::internal, "a range vector stands where an instant vector is needed");
}

Result<SeriesList> Evaluator::evaluate_vector(const Node& node, const Steps& steps) {
  OBELISK_TRY(Value value, evaluate(node, steps));
  OBELISK_ASSERT(std::holds_alternative<SeriesList>(value));
  return std::get<SeriesList>(std::move(value));
}

Result<ScalarSteps> Evaluator::evaluate_scalar(const Node& node, const Steps& steps) {
  OBELISK_TRY(Value value, evaluate(node, steps));
  OBELISK_ASSERT(std::holds_alternative<ScalarSteps>(value));
  return std::get<ScalarSteps>(std::move(value));
}

Result<Value> Evaluator::evaluate_unary(const Node& node, const Steps& steps) {
  OBELISK_TRY(Value value, evaluate(*node.children[0], steps));
  if (node.op != BinaryOp::sub) return value;
  if (ScalarSteps* scalar = std::get_if<ScalarSteps>(&value)) {
    for (double& number : *scalar) number = -number;
    return value;
  }
  SeriesList& list = std::get<SeriesList>(value);
  for (StepSeries& series : list) {
    drop_name(series);
    for (size_t step = 0; step < series.values.size(); ++step) {
      if (const Histogram* histogram = series.histogram(step)) {
        auto negated = std::make_shared<Histogram>(*histogram);
        multiply_histogram(*negated, -1);
        series.set_histogram(step, std::move(negated));
      } else if (!is_absent(series.values[step])) {
        series.values[step] = -series.values[step];
      }
    }
  }
  OBELISK_CHECK_OK(deduplicate(list));
  return value;
}

void Evaluator::drop_name(StepSeries& series) const {
  if (options_.delayed_name_removal) {
    series.drop_name = true;
  } else {
    remove_metric_labels(series.labels);
  }
}

Result<void> Evaluator::deduplicate(SeriesList& list) const {
  if (list.size() < 2) return {};
  std::unordered_multimap<uint64_t, size_t> seen;
  seen.reserve(list.size());
  size_t kept = 0;
  for (size_t i = 0; i < list.size(); ++i) {
    uint64_t hash = list[i].labels.hash();
    auto [begin, end] = seen.equal_range(hash);
    auto same = std::find_if(begin, end, [&](const auto& entry) {
      return list[entry.second].labels == list[i].labels && list[entry.second].drop_name == list[i].drop_name;
    });
    if (same != end) {
      if (!join_series(list[same->second], list[i])) return same_labelset();
      continue;
    }
    if (kept != i) list[kept] = std::move(list[i]);
    seen.emplace(hash, kept++);
  }
  list.resize(kept);
  return {};
}

bool Evaluator::has_equal(std::vector<Hash128>& identities) {
  auto before = [](const Hash128& a, const Hash128& b) {
    return a.low != b.low ? a.low < b.low : a.high < b.high;
  };
  std::sort(identities.begin(), identities.end(), before);
  return std::adjacent_find(identities.begin(), identities.end()) != identities.end();
}

Result<void> Evaluator::finish(SeriesList& list) const {
  for (StepSeries& series : list) {
    if (series.drop_name) remove_metric_labels(series.labels);
    series.drop_name = false;
  }
  return deduplicate(list);
}

Result<int64_t> Evaluator::duration_ms(const DurationExpr& duration, bool must_be_positive) const {
  int64_t range = query_end_ms_ - query_steps_.start_ms;
  return duration.evaluate_ms(is_instant_ ? 0 : query_steps_.step_ms, range, must_be_positive);
}

Result<int64_t> Evaluator::reference_time(const TimeModifiers& time, int64_t step_time) const {
  int64_t reference = step_time;
  switch (time.at) {
    case TimeModifiers::At::none:
      break;
    case TimeModifiers::At::time:
      reference = time.at_ms;
      break;
    case TimeModifiers::At::start:
      reference = query_steps_.start_ms;
      break;
    case TimeModifiers::At::end:
      reference = query_end_ms_;
      break;
  }
  if (!time.offset) return reference;
  OBELISK_TRY(int64_t offset, duration_ms(*time.offset, false));
  return reference - offset;
}

}  // namespace obelisk::promql
