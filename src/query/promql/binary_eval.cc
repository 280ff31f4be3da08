// Binary operators: between numbers, between a vector and a number, and between two vectors.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "model/histogram_arithmetic.h"
#include "model/histogram_buckets.h"
#include "query/promql/evaluation_trace.h"
#include "query/promql/evaluator.h"
#include "query/promql/go_string.h"

namespace obelisk::promql {
namespace {

bool compare(BinaryOp op, double left, double right) {
  switch (op) {
    case BinaryOp::equal:
      return left == right;
    case BinaryOp::not_equal:
      return left != right;
    case BinaryOp::less:
      return left < right;
    case BinaryOp::less_equal:
      return left <= right;
    case BinaryOp::greater:
      return left > right;
    case BinaryOp::greater_equal:
      return left >= right;
    default:
      return false;
  }
}

double compute(BinaryOp op, double left, double right) {
  switch (op) {
    case BinaryOp::add:
      return left + right;
    case BinaryOp::sub:
      return left - right;
    case BinaryOp::mul:
      return left * right;
    case BinaryOp::div:
      return left / right;
    case BinaryOp::mod:
      return std::fmod(left, right);
    case BinaryOp::pow:
      return std::pow(left, right);
    case BinaryOp::atan2:
      return std::atan2(left, right);
    default:
      return compare(op, left, right) ? 1 : 0;
  }
}

// A result's name tells what was measured only when values pass through unchanged.
bool drops_name(const Node& node) {
  return !(is_comparison(node.op) || is_trim(node.op)) || node.return_bool;
}

struct Operand {
  double value = 0;
  const Histogram* histogram = nullptr;
};

// What an operator gives for one pair: nothing, a float or a histogram.
struct Outcome {
  enum class Kind : uint8_t { none, number, histogram } kind = Kind::none;
  double value = 0;
  HistogramPtr histogram;
};

class PairComputer {
 public:
  PairComputer(const Node& node, Annotations& annotations)
      : node_(node), op_(node.op), annotations_(annotations) {}

  // For comparisons that filter: `kept` is the operand whose value passes through.
  Outcome compute_pair(const Operand& left, const Operand& right, const Operand& kept,
                       const HistogramPtr& kept_histogram) {
    if (left.histogram == nullptr && right.histogram == nullptr) {
      if (is_trim(op_)) return incompatible(left, right);
      if (!is_comparison(op_)) return {Outcome::Kind::number, compute(op_, left.value, right.value), nullptr};
      return comparison(compare(op_, left.value, right.value), kept, kept_histogram);
    }
    if (left.histogram != nullptr && right.histogram != nullptr)
      return histograms(left, right, kept, kept_histogram);
    if (right.histogram != nullptr && op_ != BinaryOp::mul) return incompatible(left, right);
    const Histogram& histogram = left.histogram != nullptr ? *left.histogram : *right.histogram;
    double number = left.histogram != nullptr ? right.value : left.value;
    switch (op_) {
      case BinaryOp::mul: {
        auto scaled = std::make_shared<Histogram>(histogram);
        multiply_histogram(*scaled, number);
        return of(std::move(scaled));
      }
      case BinaryOp::div: {
        auto scaled = std::make_shared<Histogram>(histogram);
        divide_histogram(*scaled, number);
        return of(std::move(scaled));
      }
      case BinaryOp::trim_upper:
      case BinaryOp::trim_lower:
        return of(
            std::make_shared<Histogram>(trim_histogram(histogram, number, op_ == BinaryOp::trim_upper)));
      default:
        return incompatible(left, right);
    }
  }

 private:
  static Outcome of(std::shared_ptr<Histogram> histogram) {
    return {Outcome::Kind::histogram, 0, std::move(histogram)};
  }

  Outcome comparison(bool holds, const Operand& kept, const HistogramPtr& kept_histogram) const {
    if (node_.return_bool) return {Outcome::Kind::number, holds ? 1.0 : 0.0, nullptr};
    if (!holds) return {};
    if (kept.histogram != nullptr) return {Outcome::Kind::histogram, 0, kept_histogram};
    return {Outcome::Kind::number, kept.value, nullptr};
  }

  Outcome histograms(const Operand& left, const Operand& right, const Operand& kept,
                     const HistogramPtr& kept_histogram) {
    switch (op_) {
      case BinaryOp::equal:
        return comparison(histograms_equal(*left.histogram, *right.histogram), kept, kept_histogram);
      case BinaryOp::not_equal:
        return comparison(!histograms_equal(*left.histogram, *right.histogram), kept, kept_histogram);
      case BinaryOp::add:
      case BinaryOp::sub: {
        bool add = op_ == BinaryOp::add;
        auto sum = std::make_shared<Histogram>(*left.histogram);
        HistogramNotes notes = add_histograms(*sum, *right.histogram, add ? 1 : -1);
        if (notes.incompatible) {
          annotations_.warn(node_,
                            fmt::format("incompatible bucket layout encountered for binary operator {}",
                                        binary_op_text(op_)));
          return {};
        }
        std::string_view operation = add ? "addition" : "subtraction";
        if (notes.bounds_reconciled) annotations_.bounds_reconciled(node_, operation);
        if (notes.reset_hint_collision) annotations_.reset_collision(node_, operation);
        if (!add) sum->reset_hint = CounterResetHint::gauge;
        return of(std::move(sum));
      }
      default:
        return incompatible(left, right);
    }
  }

  Outcome incompatible(const Operand& left, const Operand& right) {
    auto type = [](const Operand& operand) { return operand.histogram != nullptr ? "histogram" : "float"; };
    annotations_.info(
        node_, fmt::format("incompatible sample types encountered for binary operator \"{}\": {} {} {}",
                           binary_op_text(op_), type(left), binary_op_text(op_), type(right)));
    return {};
  }

  const Node& node_;
  BinaryOp op_;
  Annotations& annotations_;
};

Operand operand_of(const StepSeries& series, size_t step) {
  return {series.values[step], series.histogram(step)};
}
HistogramPtr histogram_of(const StepSeries& series, size_t step) {
  return series.histograms.empty() ? nullptr : series.histograms[step];
}

void store(StepSeries& series, size_t step, Outcome outcome) {
  switch (outcome.kind) {
    case Outcome::Kind::none:
      series.clear(step);
      break;
    case Outcome::Kind::number:
      series.values[step] = outcome.value;
      if (!series.histograms.empty()) series.histograms[step].reset();
      break;
    case Outcome::Kind::histogram:
      series.set_histogram(step, std::move(outcome.histogram));
      break;
  }
}

bool has_any(const StepSeries& series) {
  for (size_t step = 0; step < series.values.size(); ++step) {
    if (series.has(step)) return true;
  }
  return false;
}

void remove_empty(SeriesList& list) {
  std::erase_if(list, [](const StepSeries& series) { return !has_any(series); });
}

std::vector<uint32_t> signatures_of(const SeriesList& list, MatchSignatures& signatures) {
  std::vector<uint32_t> ids;
  ids.reserve(list.size());
  for (const StepSeries& series : list) ids.push_back(signatures.id_of(series.labels));
  return ids;
}

void list_present(const SeriesList& list, size_t step, std::vector<uint32_t>& present) {
  present.clear();
  for (uint32_t i = 0; i < list.size(); ++i) {
    if (list[i].has(step)) present.push_back(i);
  }
}

// The output series of each pair of inputs; labels are worked out once a pair.
class OutputSeries {
 public:
  OutputSeries(const Node& node, bool keep_name, bool drop_later, size_t steps)
      : matching_(node.matching), keep_name_(keep_name), drop_later_(drop_later), steps_(steps) {}

  uint32_t index_of(uint32_t left, uint32_t right, const Labels& many, const Labels& one,
                    bool drop_later_inherited) {
    uint64_t key = (static_cast<uint64_t>(left) << 32) | right;
    auto [known, is_new_pair] = of_pair_.try_emplace(key, 0);
    if (!is_new_pair) return known->second;
    bool has_more = !keep_name_ && (many.has("__type__") || many.has("__unit__"));
    Labels stripped = has_more ? many : Labels();
    if (has_more) remove_metric_labels(stripped);
    Labels labels = matched_result_labels(matching_, has_more ? stripped : many, one, keep_name_);
    auto [place, is_new] = of_labels_.try_emplace(labels, static_cast<uint32_t>(series_.size()));
    if (is_new) {
      series_.push_back(StepSeries::absent(std::move(labels), steps_));
      series_.back().drop_name = drop_later_ || drop_later_inherited;
    }
    known->second = place->second;
    return place->second;
  }
  StepSeries& at(uint32_t index) { return series_[index]; }
  SeriesList take() { return std::move(series_); }

 private:
  const VectorMatching& matching_;
  bool keep_name_;
  bool drop_later_;
  size_t steps_;
  SeriesList series_;
  std::unordered_map<uint64_t, uint32_t> of_pair_;
  std::unordered_map<Labels, uint32_t> of_labels_;
};

}  // namespace

Result<Value> Evaluator::evaluate_binary(const Node& node, const Steps& steps) {
  OBELISK_TRY(Value left, evaluate(*node.children[0], steps));
  OBELISK_TRY(Value right, evaluate(*node.children[1], steps));
  ScalarSteps* left_scalar = std::get_if<ScalarSteps>(&left);
  ScalarSteps* right_scalar = std::get_if<ScalarSteps>(&right);
  if (left_scalar != nullptr && right_scalar != nullptr) {
    if (is_trim(node.op)) {
      return Error{
          ErrorCode::execution,
          "operator \"" + std::string(binary_op_text(node.op)) + "\" not allowed for Scalar operations",
          position_of(query_, node.source.begin)};
    }
    for (size_t step = 0; step < steps.count; ++step)
      (*left_scalar)[step] = compute(node.op, (*left_scalar)[step], (*right_scalar)[step]);
    return left;
  }
  auto as_value = [](Result<SeriesList> list) -> Result<Value> {
    if (!list.ok()) return list.error();
    return Value(std::move(*list));
  };
  if (right_scalar != nullptr)
    return as_value(vector_with_scalar(node, std::get<SeriesList>(std::move(left)), *right_scalar, false));
  if (left_scalar != nullptr)
    return as_value(vector_with_scalar(node, std::get<SeriesList>(std::move(right)), *left_scalar, true));
  SeriesList left_list = std::get<SeriesList>(std::move(left));
  SeriesList right_list = std::get<SeriesList>(std::move(right));
  if (is_set_op(node.op))
    return as_value(set_operation(node, std::move(left_list), std::move(right_list), steps.count));
  return as_value(vector_with_vector(node, left_list, right_list, steps.count));
}

Result<SeriesList> Evaluator::vector_with_scalar(const Node& node, SeriesList vector,
                                                 const ScalarSteps& scalar, bool scalar_left) {
  PairComputer computer(node, annotations_);
  bool filters = is_comparison(node.op) && !node.return_bool;
  for (StepSeries& series : vector) {
    if (drops_name(node)) drop_name(series);
    for (size_t step = 0; step < series.values.size(); ++step) {
      if (!series.has(step)) continue;
      if (series.histogram(step) == nullptr && !is_trim(node.op)) {
        double left = scalar_left ? scalar[step] : series.values[step];
        double right = scalar_left ? series.values[step] : scalar[step];
        if (!filters) {
          series.values[step] = compute(node.op, left, right);
        } else if (!compare(node.op, left, right)) {
          series.clear(step);
        }
        continue;
      }
      Operand sample = operand_of(series, step);
      Operand number{scalar[step], nullptr};
      store(series, step,
            computer.compute_pair(scalar_left ? number : sample, scalar_left ? sample : number, sample,
                                  histogram_of(series, step)));
    }
  }
  remove_empty(vector);
  if (drops_name(node)) OBELISK_CHECK_OK(deduplicate(vector));
  return vector;
}

Result<SeriesList> Evaluator::vector_with_vector(const Node& node, const SeriesList& left,
                                                 const SeriesList& right, size_t steps) {
  MatchSignatures signatures(node.matching);
  std::vector<uint32_t> left_signatures = signatures_of(left, signatures);
  std::vector<uint32_t> right_signatures = signatures_of(right, signatures);
  StepMatcher matcher(node.matching, signatures);
  PairComputer computer(node, annotations_);
  bool drop = drops_name(node);
  bool delayed = options_.delayed_name_removal;
  bool swapped = node.matching.cardinality == MatchCardinality::one_to_many;
  // Only `bool` comparisons wait with dropping the name, as in the reference.
  OutputSeries outputs(node, !drop || (delayed && node.return_bool), delayed && node.return_bool, steps);
  size_t step = 0;
  auto on_pair = [&](uint32_t l, uint32_t r, uint32_t signature) -> Result<std::optional<uint32_t>> {
    const bool left_missing = l == StepMatcher::kMissing;
    const bool right_missing = r == StepMatcher::kMissing;
    const Labels& left_labels = left_missing ? signatures.labels_of(signature) : left[l].labels;
    const Labels& right_labels = right_missing ? signatures.labels_of(signature) : right[r].labels;
    Operand a = left_missing ? Operand{*node.matching.fill_left, nullptr} : operand_of(left[l], step);
    Operand b = right_missing ? Operand{*node.matching.fill_right, nullptr} : operand_of(right[r], step);
    Outcome outcome = computer.compute_pair(a, b, a, left_missing ? nullptr : histogram_of(left[l], step));
    if (outcome.kind == Outcome::Kind::none) return std::optional<uint32_t>();
    uint32_t many = swapped ? r : l;
    bool inherited = many != StepMatcher::kMissing && (swapped ? right : left)[many].drop_name;
    uint32_t index = outputs.index_of(l, r, swapped ? right_labels : left_labels,
                                      swapped ? left_labels : right_labels, inherited);
    store(outputs.at(index), step, std::move(outcome));
    return std::optional<uint32_t>(index);
  };
  std::vector<uint32_t> left_present;
  std::vector<uint32_t> right_present;
  StepMatcher::Side left_side{left_present, left_signatures,
                              [&](uint32_t i) -> const Labels& { return left[i].labels; }};
  StepMatcher::Side right_side{right_present, right_signatures,
                               [&](uint32_t i) -> const Labels& { return right[i].labels; }};
  for (step = 0; step < steps; ++step) {
    OBELISK_CHECK_OK(check_cancel());
    list_present(left, step, left_present);
    list_present(right, step, right_present);
    OBELISK_CHECK_OK(matcher.match(left_side, right_side, on_pair));
  }
  SeriesList result = outputs.take();
  if (trace_ != nullptr && result.empty()) tell_unmatched(node, left, right);
  return result;
}

// Which label sets of the two sides found no partner, with examples.
void Evaluator::tell_unmatched(const Node& node, const SeriesList& left, const SeriesList& right) const {
  if (left.empty() || right.empty()) return;
  MatchSignatures signatures(node.matching);
  std::vector<uint32_t> of_left = signatures_of(left, signatures);
  std::vector<uint32_t> of_right = signatures_of(right, signatures);
  std::vector<uint8_t> sides(signatures.count());
  for (uint32_t id : of_left) sides[id] |= 1;
  for (uint32_t id : of_right) sides[id] |= 2;
  constexpr size_t kExamples = 3;
  size_t both = static_cast<size_t>(std::count(sides.begin(), sides.end(), 3));
  if (both > 0) {
    trace_->note(fmt::format("{} label sets are on both sides; the operator kept no pair", both));
    return;
  }
  auto examples = [&](uint8_t side) {
    std::string out;
    size_t told = 0;
    for (uint32_t id = 0; id < sides.size() && told < kExamples; ++id) {
      if (sides[id] != side) continue;
      out += (told++ > 0 ? ", " : "") + signatures.labels_of(id).to_string();
    }
    return out;
  };
  trace_->note(
      fmt::format("no label set is on both sides: left {} series, such as {}; right {} series, such as {}",
                  left.size(), examples(1), right.size(), examples(2)));
}

Result<SeriesList> Evaluator::set_operation(const Node& node, SeriesList left, SeriesList right,
                                            size_t steps) {
  MatchSignatures signatures(node.matching);
  std::vector<uint32_t> left_signatures = signatures_of(left, signatures);
  std::vector<uint32_t> right_signatures = signatures_of(right, signatures);
  // The side that decides, and the side whose samples are kept or cleared by it.
  bool is_or = node.op == BinaryOp::or_op;
  const SeriesList& deciding = is_or ? left : right;
  const std::vector<uint32_t>& deciding_signatures = is_or ? left_signatures : right_signatures;
  SeriesList& filtered = is_or ? right : left;
  const std::vector<uint32_t>& filtered_signatures = is_or ? right_signatures : left_signatures;
  bool keep_matched = node.op == BinaryOp::and_op;
  std::vector<size_t> seen_step(signatures.count(), SIZE_MAX);
  for (size_t step = 0; step < steps; ++step) {
    OBELISK_CHECK_OK(check_cancel());
    for (size_t i = 0; i < deciding.size(); ++i) {
      if (deciding[i].has(step)) seen_step[deciding_signatures[i]] = step;
    }
    for (size_t i = 0; i < filtered.size(); ++i) {
      bool matched = seen_step[filtered_signatures[i]] == step;
      if (matched != keep_matched) filtered[i].clear(step);
    }
  }
  remove_empty(filtered);
  if (!is_or) return left;
  for (StepSeries& series : right) left.push_back(std::move(series));
  OBELISK_CHECK_OK(deduplicate(left));
  return left;
}

}  // namespace obelisk::promql
