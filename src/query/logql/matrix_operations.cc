#include "query/logql/matrix_operations.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "query/core/aggregate.h"
#include "query/core/go_regex.h"
#include "query/core/vector_matching.h"
#include "query/logql/binary_arithmetic.h"
#include "query/logql/lexer.h"

namespace obelisk::logql {
namespace {

MatrixSeries empty_series(Labels labels, size_t step_count) {
  MatrixSeries series;
  series.labels = std::move(labels);
  series.values.assign(step_count, 0);
  series.present.assign(step_count, 0);
  return series;
}

AggregateOp core_operation(VectorOp op) {
  switch (op) {
    case VectorOp::sum:
      return AggregateOp::sum;
    case VectorOp::avg:
      return AggregateOp::avg;
    case VectorOp::min:
      return AggregateOp::min;
    case VectorOp::max:
      return AggregateOp::max;
    case VectorOp::count:
      return AggregateOp::count;
    case VectorOp::stddev:
      return AggregateOp::stddev;
    default:
      return AggregateOp::stdvar;
  }
}

Matrix fold_groups(AggregateOp op, const SeriesGroups& groups, const Matrix& input, size_t step_count) {
  Matrix out;
  for (const Labels& labels : groups.labels) out.push_back(empty_series(labels, step_count));
  std::vector<AggregateState> states(groups.labels.size());
  for (size_t step = 0; step < step_count; ++step) {
    for (AggregateState& state : states) state = AggregateState();
    for (size_t i = 0; i < input.size(); ++i) {
      if (input[i].present[step]) states[groups.group_of[i]].add(op, input[i].values[step], nullptr);
    }
    for (size_t group = 0; group < states.size(); ++group) {
      std::shared_ptr<const Histogram> histogram;
      out[group].present[step] = states[group].finish(op, &out[group].values[step], &histogram) ? 1 : 0;
    }
  }
  return out;
}

// The k best of each group at each step keep their own labels. With one step the result is in that order.
Matrix select_best(bool largest, size_t k, const SeriesGroups& groups, Matrix input, size_t step_count) {
  std::vector<std::vector<uint32_t>> members(groups.labels.size());
  for (uint32_t i = 0; i < input.size(); ++i) members[groups.group_of[i]].push_back(i);
  std::vector<uint32_t> order;
  for (size_t step = 0; step < step_count; ++step) {
    for (const std::vector<uint32_t>& group : members) {
      std::vector<double> values;
      std::vector<uint32_t> series;
      for (uint32_t i : group) {
        if (!input[i].present[step]) continue;
        values.push_back(input[i].values[step]);
        series.push_back(i);
      }
      std::vector<uint8_t> chosen(series.size(), 0);
      for (uint32_t position : select_top(largest, k, values)) {
        chosen[position] = 1;
        order.push_back(series[position]);
      }
      for (size_t i = 0; i < series.size(); ++i) input[series[i]].present[step] = chosen[i];
    }
  }
  if (step_count != 1) return input;
  Matrix ordered;
  for (uint32_t index : order) ordered.push_back(std::move(input[index]));
  return ordered;
}

// Only an instant vector has an order.
Matrix sort_by_value(bool descending, Matrix input, size_t step_count) {
  if (step_count != 1) return input;
  std::stable_sort(input.begin(), input.end(), [&](const MatrixSeries& a, const MatrixSeries& b) {
    double x = a.values[0], y = b.values[0];
    if (std::isnan(x) || std::isnan(y)) return !std::isnan(x) && std::isnan(y);
    return descending ? x > y : x < y;
  });
  return input;
}

// One side of a binary operation, its series numbered by what they are matched on.
struct Operand {
  Matrix matrix;
  std::vector<uint32_t> signatures;
  std::vector<uint32_t> present;  // at the current step

  Operand(Matrix series, MatchSignatures& numbering) : matrix(std::move(series)) {
    for (const MatrixSeries& one : matrix) signatures.push_back(numbering.id_of(one.labels));
  }
  void move_to(size_t step) {
    present.clear();
    for (uint32_t i = 0; i < matrix.size(); ++i) {
      if (matrix[i].present[step]) present.push_back(i);
    }
  }
};

Matrix combine_sets(BinaryOp op, Operand left, Operand right, uint32_t signature_count, size_t step_count) {
  std::vector<uint8_t> seen(signature_count);
  for (size_t step = 0; step < step_count; ++step) {
    left.move_to(step);
    right.move_to(step);
    const Operand& filter = op == BinaryOp::or_op ? left : right;
    std::fill(seen.begin(), seen.end(), 0);
    for (uint32_t i : filter.present) seen[filter.signatures[i]] = 1;
    Operand& filtered = op == BinaryOp::or_op ? right : left;
    bool keep_seen = op == BinaryOp::and_op;
    for (uint32_t i : filtered.present) {
      if ((seen[filtered.signatures[i]] != 0) != keep_seen) filtered.matrix[i].present[step] = 0;
    }
  }
  if (op != BinaryOp::or_op) return std::move(left.matrix);
  // A series that both sides have is one series.
  Matrix out = std::move(left.matrix);
  std::unordered_map<Labels, size_t> index;
  for (size_t i = 0; i < out.size(); ++i) index.emplace(out[i].labels, i);
  for (MatrixSeries& series : right.matrix) {
    auto known = index.find(series.labels);
    if (known == index.end()) {
      out.push_back(std::move(series));
      continue;
    }
    MatrixSeries& target = out[known->second];
    for (size_t step = 0; step < step_count; ++step) {
      if (target.present[step] || !series.present[step]) continue;
      target.present[step] = 1;
      target.values[step] = series.values[step];
    }
  }
  return out;
}

// Loki names the side only, and reports its user's mistake as one in the query.
Error matching_error(const Error& error) {
  std::string message = error.message;
  if (message.starts_with("found duplicate series")) {
    bool right = message.find("right hand-side") != std::string::npos ||
                 message.find("right side") != std::string::npos;
    message = std::string("found duplicate series on the ") + (right ? "right" : "left") +
              " hand-side; many-to-many matching not allowed: matching labels must be unique on one side";
  }
  return make_error(error.code == ErrorCode::execution ? ErrorCode::invalid_argument : error.code,
                    std::move(message));
}

}  // namespace

void drop_empty_series(Matrix& matrix) {
  std::erase_if(matrix, [](const MatrixSeries& series) {
    return std::find(series.present.begin(), series.present.end(), 1) == series.present.end();
  });
}

Matrix constant_matrix(double value, size_t step_count) {
  Matrix matrix{empty_series({}, step_count)};
  matrix[0].values.assign(step_count, value);
  matrix[0].present.assign(step_count, 1);
  return matrix;
}

Result<Matrix> aggregate_matrix(QueryContext& context, const Query& query, Matrix input, size_t step_count) {
  OBELISK_CHECK_OK(context.cancel.check());
  if (query.vector_op == VectorOp::sort || query.vector_op == VectorOp::sort_desc) {
    return sort_by_value(query.vector_op == VectorOp::sort_desc, std::move(input), step_count);
  }
  if (query.vector_op == VectorOp::approx_topk && step_count != 1) {
    return make_error(ErrorCode::invalid_argument, "approx_topk is only supported on instant queries");
  }
  std::vector<const Labels*> labels;
  for (const MatrixSeries& series : input) labels.push_back(&series.labels);
  SeriesGroups groups = group_series(labels, query.grouping.value_or(Grouping()));
  Matrix out;
  if (query.vector_op == VectorOp::topk || query.vector_op == VectorOp::bottomk ||
      query.vector_op == VectorOp::approx_topk) {
    OBELISK_TRY(int64_t k, count_parameter(query.parameter.value_or(0)));
    out = select_best(query.vector_op != VectorOp::bottomk, static_cast<size_t>(k), groups, std::move(input),
                      step_count);
  } else {
    out = fold_groups(core_operation(query.vector_op), groups, input, step_count);
  }
  drop_empty_series(out);
  return out;
}

Matrix combine_with_number(BinaryOp op, bool returns_bool, Matrix input, double number, bool number_is_left) {
  for (MatrixSeries& series : input) {
    for (size_t step = 0; step < series.values.size(); ++step) {
      if (!series.present[step]) continue;
      double& value = series.values[step];
      double left = number_is_left ? number : value;
      double right = number_is_left ? value : number;
      if (!is_comparison(op)) {
        value = arithmetic(op, left, right);
      } else if (returns_bool) {
        value = holds(op, left, right) ? 1 : 0;
      } else if (!holds(op, left, right)) {
        series.present[step] = 0;
      }
    }
  }
  drop_empty_series(input);
  return input;
}

Result<Matrix> combine_matrices(QueryContext& context, const Query& query, Matrix left_matrix,
                                Matrix right_matrix, size_t step_count) {
  MatchSignatures numbering(query.matching);
  Operand left(std::move(left_matrix), numbering);
  Operand right(std::move(right_matrix), numbering);
  if (is_set_op(query.binary_op)) {
    Matrix out =
        combine_sets(query.binary_op, std::move(left), std::move(right), numbering.count(), step_count);
    drop_empty_series(out);
    return out;
  }
  Matrix out;
  std::unordered_map<Labels, uint32_t> outputs;
  std::unordered_map<uint64_t, uint32_t> output_of_pair;
  bool many_is_right = query.matching.cardinality == MatchCardinality::one_to_many;
  auto output_for = [&](uint32_t l, uint32_t r) {
    uint64_t pair = (static_cast<uint64_t>(l) << 32) | r;
    if (auto known = output_of_pair.find(pair); known != output_of_pair.end()) return known->second;
    const Labels& many = many_is_right ? right.matrix[r].labels : left.matrix[l].labels;
    const Labels& one = many_is_right ? left.matrix[l].labels : right.matrix[r].labels;
    Labels labels = matched_result_labels(query.matching, many, one, false);
    auto [entry, added] = outputs.emplace(labels, static_cast<uint32_t>(out.size()));
    if (added) out.push_back(empty_series(std::move(labels), step_count));
    output_of_pair.emplace(pair, entry->second);
    return entry->second;
  };
  size_t step = 0;
  StepMatcher matcher(query.matching, numbering);
  auto on_pair = [&](uint32_t l, uint32_t r, uint32_t) -> Result<std::optional<uint32_t>> {
    double a = left.matrix[l].values[step], b = right.matrix[r].values[step];
    double value = a;
    if (!is_comparison(query.binary_op))
      value = arithmetic(query.binary_op, a, b);
    else if (query.returns_bool)
      value = holds(query.binary_op, a, b) ? 1 : 0;
    else if (!holds(query.binary_op, a, b))
      return std::optional<uint32_t>();
    uint32_t output = output_for(l, r);
    out[output].values[step] = value;
    out[output].present[step] = 1;
    return std::optional<uint32_t>(output);
  };
  auto left_labels = [&](uint32_t i) -> const Labels& { return left.matrix[i].labels; };
  auto right_labels = [&](uint32_t i) -> const Labels& { return right.matrix[i].labels; };
  for (step = 0; step < step_count; ++step) {
    OBELISK_CHECK_OK(context.cancel.check());
    left.move_to(step);
    right.move_to(step);
    Result<void> done = matcher.match({left.present, left.signatures, left_labels},
                                      {right.present, right.signatures, right_labels}, on_pair);
    if (!done.ok()) return matching_error(done.error());
  }
  drop_empty_series(out);
  return out;
}

Result<Matrix> replace_labels(const LabelReplace& replace, Matrix input, size_t step_count) {
  OBELISK_TRY(std::shared_ptr<const Regex> regex, Regex::compile(replace.pattern, Regex::Mode::anchored));
  std::unordered_map<Labels, size_t> index;
  Matrix out;
  for (MatrixSeries& series : input) {
    std::vector<std::string_view> groups = regex->captures(series.labels.get(replace.source));
    if (!groups.empty()) {
      std::string value = expand_go_replacement(replace.replacement, groups, regex->group_names());
      series.labels.set(replace.destination, value);
    }
    auto [known, added] = index.emplace(series.labels, out.size());
    if (added) {
      out.push_back(std::move(series));
      continue;
    }
    MatrixSeries& target = out[known->second];
    for (size_t step = 0; step < step_count; ++step) {
      if (!series.present[step]) continue;
      if (target.present[step]) {
        return make_error(ErrorCode::invalid_argument,
                          "label_replace gives two series the same labels: " + target.labels.to_string());
      }
      target.present[step] = 1;
      target.values[step] = series.values[step];
    }
  }
  return out;
}

}  // namespace obelisk::logql
