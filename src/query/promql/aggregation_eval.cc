// Aggregations: groups are numbered once, then each group is folded step by step.
#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "base/text.h"
#include "query/core/aggregate.h"
#include "query/core/float_text.h"
#include "query/core/histogram_text.h"
#include "query/promql/evaluator.h"
#include "query/promql/go_string.h"
#include "query/promql/series_fold.h"

namespace obelisk::promql {
namespace {

AggregateOp core_op(AggregationOp op) {
  switch (op) {
    case AggregationOp::sum:
      return AggregateOp::sum;
    case AggregationOp::avg:
      return AggregateOp::avg;
    case AggregationOp::min:
      return AggregateOp::min;
    case AggregationOp::max:
      return AggregateOp::max;
    case AggregationOp::count:
      return AggregateOp::count;
    case AggregationOp::group:
      return AggregateOp::group;
    case AggregationOp::stddev:
      return AggregateOp::stddev;
    case AggregationOp::stdvar:
      return AggregateOp::stdvar;
    case AggregationOp::quantile:
      return AggregateOp::quantile;
    case AggregationOp::count_values:
      return AggregateOp::count_values;
    case AggregationOp::topk:
      return AggregateOp::topk;
    default:
      return AggregateOp::bottomk;
  }
}

SeriesGroups groups_of(const Node& node, const SeriesList& input) {
  if (!node.without && node.grouping.empty()) {
    SeriesGroups all;
    all.group_of.resize(input.size());
    if (!input.empty()) all.labels.emplace_back();
    return all;
  }
  std::vector<const Labels*> labels;
  labels.reserve(input.size());
  for (const StepSeries& series : input) labels.push_back(&series.labels);
  return group_series(labels, Grouping{node.without, node.grouping});
}

// The positions of the series of each group, in input order.
std::vector<std::vector<uint32_t>> members_of(const SeriesGroups& groups) {
  std::vector<std::vector<uint32_t>> members(groups.labels.size());
  for (uint32_t i = 0; i < groups.group_of.size(); ++i) members[groups.group_of[i]].push_back(i);
  return members;
}

bool drops_name_later(const SeriesList& input, const std::vector<uint32_t>& members) {
  return std::any_of(members.begin(), members.end(), [&](uint32_t i) { return input[i].drop_name; });
}

// Labels as the reference hashes them: each name and value preceded by its length (a byte, or 255 and three).
uint64_t reference_hash(const Labels& labels) {
  std::string bytes;
  auto append = [&](std::string_view text) {
    if (text.size() < 255) {
      bytes += static_cast<char>(text.size());
    } else {
      bytes += '\xff';
      for (int shift : {0, 8, 16}) bytes += static_cast<char>(text.size() >> shift & 0xff);
    }
    bytes += text;
  };
  for (const Label& label : labels) {
    append(label.name);
    append(label.value);
  }
  return XXH64(bytes.data(), bytes.size(), 0);
}

// Where in [0, 1] a series lies for limit_ratio: by the hash of its labels, so that a ratio and its
// complement split every vector in two, and that the same series are chosen as by the reference.
double ratio_position(const Labels& labels) {
  return static_cast<double>(reference_hash(labels)) / 18446744073709551615.0;
}

bool all_floats(const SeriesList& input, const std::vector<uint32_t>& members) {
  return std::all_of(members.begin(), members.end(), [&](uint32_t i) { return input[i].histograms.empty(); });
}

// NaN counts as small, so that the largest of numbers is found among it.
bool by_number(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && !std::isnan(b);
  return a < b;
}

// sum() or count() of floats, a column at a time; false: no step has a sample.
bool fold_columns(const SeriesList& input, const std::vector<uint32_t>& members, bool counts,
                  std::vector<double>& result) {
  size_t steps = result.size();
  std::vector<double> sums(steps), compensations(steps);
  std::vector<int64_t> seen(steps);
  for (uint32_t member : members) {
    if (counts) {
      count_columns(input[member].values, sums.data(), seen.data());
    } else {
      add_columns(input[member].values, sums.data(), compensations.data(), seen.data());
    }
  }
  bool any = false;
  for (size_t step = 0; step < steps; ++step) {
    if (seen[step] == 0) continue;
    result[step] = sums[step] + compensations[step];
    any = true;
  }
  return any;
}

// Whether the operand can leave out labels that the aggregation does not group by: a selector, or a function
// of a range selector.
bool may_leave_out_labels(const Node& node) {
  if (node.without) return false;
  switch (node.aggregation) {
    case AggregationOp::count_values:
    case AggregationOp::topk:
    case AggregationOp::bottomk:
    case AggregationOp::limitk:
    case AggregationOp::limit_ratio:
      return false;
    default:
      break;
  }
  const Node& operand = unwrap_parens(*node.children[0]);
  if (operand.kind == Node::Kind::selector) return true;
  if (operand.kind != Node::Kind::call) return false;
  switch (operand.function->id) {
    case FunctionId::absent_over_time:
      return false;
    default:
      break;
  }
  return std::any_of(operand.children.begin(), operand.children.end(),
                     [](const NodePtr& child) { return unwrap_parens(*child).kind == Node::Kind::matrix; });
}

// Whether the parameter of topk and its like leaves anything to do; an error where it cannot be used.
Result<bool> check_parameter(const Node& node, const ScalarSteps& parameter, Annotations& annotations) {
  auto [lowest, highest] = std::minmax_element(parameter.begin(), parameter.end(), by_number);
  bool any_nan =
      std::any_of(parameter.begin(), parameter.end(), [](double value) { return std::isnan(value); });
  if (node.aggregation == AggregationOp::limit_ratio) {
    if (any_nan) return make_error(ErrorCode::execution, "Ratio value is NaN");
    for (auto [value, limit] : {std::pair(*highest, 1.0), std::pair(*lowest, -1.0)}) {
      if (std::clamp(value, -1.0, 1.0) == value || (value > 0) != (limit > 0)) continue;
      annotations.warn(*node.children[1],
                       fmt::format("ratio value should be between -1 and 1, got {}, capping to {}",
                                   format_go_g(value), format_go_g(limit)));
    }
    return *highest != 0 || *lowest != 0;
  }
  if (any_nan) return make_error(ErrorCode::execution, "Parameter value is NaN");
  if (*highest < 1) return false;
  if (*lowest <= -9223372036854775808.0) {
    return make_error(ErrorCode::execution, "Scalar value " + format_go_g(*lowest) + " underflows int64");
  }
  if (*highest >= 9223372036854775808.0) {
    return make_error(ErrorCode::execution, "Scalar value " + format_go_g(*highest) + " overflows int64");
  }
  return true;
}

}  // namespace

Result<SeriesList> Evaluator::evaluate_aggregation(const Node& node, const Steps& steps) {
  ScalarSteps parameter;
  std::string label;
  if (node.children.size() > 1) {
    OBELISK_TRY(Value value, evaluate(*node.children[1], steps));
    if (ScalarSteps* numbers = std::get_if<ScalarSteps>(&value)) {
      parameter = std::move(*numbers);
    } else {
      label = std::get<std::string>(std::move(value));
    }
  }
  SeriesFold fold(node.aggregation == AggregationOp::count, steps.count);
  if (may_leave_out_labels(node)) {
    wanted_labels_ = &node.grouping;
    bool folds = node.aggregation == AggregationOp::sum || node.aggregation == AggregationOp::count;
    if (folds && trace_ == nullptr) fold_ = &fold;
  }
  OBELISK_TRY(SeriesList input, evaluate_vector(*node.children[0], steps));
  wanted_labels_ = nullptr;
  fold_ = nullptr;
  if (fold.is_complete()) return fold.finish();
  switch (node.aggregation) {
    case AggregationOp::quantile:
      return quantile_groups(node, input, parameter);
    case AggregationOp::count_values:
      return count_value_groups(node, input, label, steps.count);
    case AggregationOp::topk:
    case AggregationOp::bottomk:
    case AggregationOp::limitk:
    case AggregationOp::limit_ratio:
      return select_samples(node, std::move(input), parameter);
    default:
      return fold_groups(node, input, steps.count);
  }
}

Result<SeriesList> Evaluator::fold_groups(const Node& node, const SeriesList& input, size_t steps) {
  AggregateOp op = core_op(node.aggregation);
  SeriesGroups groups = groups_of(node, input);
  std::vector<std::vector<uint32_t>> members = members_of(groups);
  OBELISK_CHECK_OK(expect_room(members.size(), steps));
  SeriesList out;
  out.reserve(members.size());
  uint8_t notes = 0;
  for (size_t group = 0; group < members.size(); ++group) {
    OBELISK_CHECK_OK(check_cancel());
    StepSeries series = StepSeries::absent(groups.labels[group], steps);
    series.drop_name = drops_name_later(input, members[group]);
    bool floats_only = all_floats(input, members[group]);
    if (floats_only && (op == AggregateOp::sum || op == AggregateOp::count)) {
      bool counts = op == AggregateOp::count;
      if (fold_columns(input, members[group], counts, series.values)) out.push_back(std::move(series));
      continue;
    }
    std::vector<AggregateState> states(steps);
    if (floats_only) {
      for (uint32_t member : members[group]) {
        const std::vector<double>& values = input[member].values;
        for (size_t step = 0; step < steps; ++step) {
          if (!is_absent(values[step])) states[step].add(op, values[step], nullptr);
        }
      }
    } else {
      for (uint32_t member : members[group]) {
        for (size_t step = 0; step < steps; ++step) {
          if (input[member].has(step))
            states[step].add(op, input[member].values[step], input[member].histogram(step));
        }
      }
    }
    bool any = false;
    for (size_t step = 0; step < steps; ++step) {
      HistogramPtr histogram;
      double value = 0;
      bool filled = states[step].finish(op, &value, &histogram);
      notes |= states[step].notes();
      if (!filled) continue;
      any = true;
      if (histogram) {
        series.set_histogram(step, std::move(histogram));
      } else {
        series.values[step] = value;
      }
    }
    if (any) out.push_back(std::move(series));
  }
  const Node& at = *node.children[0];
  if (notes & AggregateState::ignored_histogram)
    annotations_.ignored_in_aggregation(at, aggregation_op_text(node.aggregation));
  if (notes & AggregateState::mixed_types) {
    annotations_.warn(at, "encountered a mix of histograms and floats for aggregation");
  }
  if (notes & AggregateState::incompatible_schemas) annotations_.mixed_schemas(at, "");
  if (notes & AggregateState::reconciled_bounds) annotations_.bounds_reconciled(at, "aggregation");
  if (notes & AggregateState::reset_hint_collision) annotations_.reset_collision(at, "aggregation");
  return out;
}

Result<SeriesList> Evaluator::quantile_groups(const Node& node, const SeriesList& input,
                                              const ScalarSteps& phi) {
  SeriesGroups groups = groups_of(node, input);
  std::vector<std::vector<uint32_t>> members = members_of(groups);
  OBELISK_CHECK_OK(expect_room(members.size(), phi.size()));
  if (!input.empty()) {
    // Of a parameter that changes from step to step the worst on each side is told.
    const Node& at = *node.children[1];
    auto [lowest, highest] = std::minmax_element(phi.begin(), phi.end(), by_number);
    if (std::any_of(phi.begin(), phi.end(), [](double value) { return std::isnan(value); }))
      annotations_.bad_quantile(at, std::numeric_limits<double>::quiet_NaN());
    if (*highest > 1) annotations_.bad_quantile(at, *highest);
    if (*lowest < 0) annotations_.bad_quantile(at, *lowest);
  }
  SeriesList out;
  bool ignored = false;
  for (size_t group = 0; group < members.size(); ++group) {
    OBELISK_CHECK_OK(check_cancel());
    StepSeries series = StepSeries::absent(groups.labels[group], phi.size());
    series.drop_name = drops_name_later(input, members[group]);
    bool any = false;
    for (size_t step = 0; step < phi.size(); ++step) {
      std::vector<double> values;
      for (uint32_t member : members[group]) {
        if (input[member].has_float(step)) values.push_back(input[member].values[step]);
        ignored |= input[member].histogram(step) != nullptr;
      }
      if (values.empty()) continue;
      series.values[step] = quantile_of(phi[step], std::move(values));
      any = true;
    }
    if (any) out.push_back(std::move(series));
  }
  if (ignored) annotations_.ignored_in_aggregation(*node.children[0], "quantile");
  return out;
}

Result<SeriesList> Evaluator::count_value_groups(const Node& node, const SeriesList& input,
                                                 const std::string& label, size_t steps) {
  if (label.empty() || !is_valid_utf8(label)) {
    return Error{ErrorCode::execution, "invalid label name " + quote_go_string(label),
                 position_of(query_, node.source.begin)};
  }
  // `without` takes the label of the value away again where it names it.
  bool named = std::find(node.grouping.begin(), node.grouping.end(), label) != node.grouping.end();
  bool shows_value = !node.without || !(named || label == kMetricNameLabel);
  SeriesGroups groups = groups_of(node, input);
  std::unordered_map<Labels, size_t> index;
  SeriesList out;
  for (size_t i = 0; i < input.size(); ++i) {
    OBELISK_CHECK_OK(check_cancel());
    for (size_t step = 0; step < steps; ++step) {
      if (!input[i].has(step)) continue;
      const Histogram* histogram = input[i].histogram(step);
      Labels labels = groups.labels[groups.group_of[i]];
      if (shows_value) {
        labels.set(label, histogram != nullptr ? histogram_text(*histogram)
                                               : format_plain_float(input[i].values[step]));
      }
      auto [at, is_new] = index.try_emplace(labels, out.size());
      if (is_new) {
        // Every different value makes a series: the one aggregation whose output can be larger than its
        // input.
        OBELISK_CHECK_OK(expect_room(out.size() + 1, steps));
        out.push_back(StepSeries::absent(std::move(labels), steps));
      }
      double& count = out[at->second].values[step];
      count = is_absent(count) ? 1 : count + 1;
    }
  }
  return out;
}

Result<SeriesList> Evaluator::select_samples(const Node& node, SeriesList input,
                                             const ScalarSteps& parameter) {
  AggregationOp op = node.aggregation;
  std::string_view name = aggregation_op_text(op);
  OBELISK_TRY(bool anything, check_parameter(node, parameter, annotations_));
  if (!anything) return SeriesList();
  SeriesGroups groups = groups_of(node, input);
  std::vector<std::vector<uint32_t>> members = members_of(groups);
  std::vector<uint8_t> keep(input.size());
  std::vector<double> position;
  if (op == AggregationOp::limit_ratio) {
    for (const StepSeries& series : input) position.push_back(ratio_position(series.labels));
  }
  bool ignored = false;
  std::vector<uint32_t> best_first;  // the order of an instant result
  for (size_t step = 0; step < parameter.size(); ++step) {
    OBELISK_CHECK_OK(check_cancel());
    std::fill(keep.begin(), keep.end(), 0);
    bool by_ratio = op == AggregationOp::limit_ratio;
    double ratio = by_ratio ? std::clamp(parameter[step], -1.0, 1.0) : 0;
    int64_t k = by_ratio ? 0 : static_cast<int64_t>(parameter[step]);
    for (const std::vector<uint32_t>& group : members) {
      if (op == AggregationOp::limit_ratio) {
        for (uint32_t member : group) {
          keep[member] = ratio >= 0 ? position[member] < ratio : position[member] >= 1.0 + ratio;
        }
        continue;
      }
      if (k < 1) continue;
      if (op == AggregationOp::limitk) {
        int64_t taken = 0;
        for (uint32_t member : group) {
          if (!input[member].has(step)) continue;
          if (taken++ == k) break;
          keep[member] = 1;
        }
        continue;
      }
      std::vector<uint32_t> present;
      std::vector<double> values;
      for (uint32_t member : group) {
        ignored |= input[member].histogram(step) != nullptr;
        if (!input[member].has_float(step)) continue;
        present.push_back(member);
        values.push_back(input[member].values[step]);
      }
      size_t count = static_cast<uint64_t>(k) < values.size() ? static_cast<size_t>(k) : values.size();
      for (uint32_t best : select_top(op == AggregationOp::topk, count, values)) {
        keep[present[best]] = 1;
        if (parameter.size() == 1) best_first.push_back(present[best]);
      }
    }
    for (size_t i = 0; i < input.size(); ++i) {
      if (!keep[i]) input[i].clear(step);
    }
  }
  if (ignored) annotations_.ignored_in_aggregation(node, name);
  SeriesList out;
  bool ordered =
      is_instant_ && (op == AggregationOp::topk || op == AggregationOp::bottomk) && parameter.size() == 1;
  if (ordered) {
    for (uint32_t index : best_first) out.push_back(std::move(input[index]));
    return out;
  }
  for (StepSeries& series : input) {
    bool any = false;
    for (size_t step = 0; step < series.values.size() && !any; ++step) any = series.has(step);
    if (any) out.push_back(std::move(series));
  }
  return out;
}

}  // namespace obelisk::promql
