#include "query/traceql/spanset_evaluator.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <unordered_map>

#include "plan/scan.h"
#include "query/traceql/value_order.h"

namespace obelisk::traceql {
namespace {

bool relates(const SpansetExpr& expr) {
  switch (expr.kind) {
    case SpansetExpr::Kind::filter:
      return false;
    case SpansetExpr::Kind::pipeline:
      return relates_spans(*expr.pipeline);
    case SpansetExpr::Kind::operation:
      break;
  }
  return (expr.op != SpansetOp::and_op && expr.op != SpansetOp::or_op) || relates(*expr.left) ||
         relates(*expr.right);
}

bool relates(const ScalarExpr& scalar) {
  return (scalar.pipeline && relates_spans(*scalar.pipeline)) || (scalar.left && relates(*scalar.left)) ||
         (scalar.right && relates(*scalar.right));
}

SpansetOp reversed(SpansetOp op) {
  switch (op) {
    case SpansetOp::child:
      return SpansetOp::parent;
    case SpansetOp::parent:
      return SpansetOp::child;
    case SpansetOp::descendant:
      return SpansetOp::ancestor;
    case SpansetOp::ancestor:
      return SpansetOp::descendant;
    default:
      return op;
  }
}

std::vector<uint32_t> united(const std::vector<uint32_t>& a, const std::vector<uint32_t>& b) {
  std::vector<uint32_t> out;
  std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out));
  return out;
}

std::vector<uint8_t> flags_of(const std::vector<uint32_t>& spans, size_t count) {
  std::vector<uint8_t> flags(count, 0);
  for (uint32_t span : spans) flags[span] = 1;
  return flags;
}

// From each span to those below it: whether one above it is among `others`.
std::vector<uint8_t> below(const TraceTree& tree, const std::vector<uint8_t>& others) {
  std::vector<uint8_t> flags(others.size(), 0);
  for (uint32_t span : tree.preorder()) {
    uint32_t parent = tree.parent(span);
    if (parent != kNoSpan) flags[span] = flags[parent] | others[parent];
  }
  return flags;
}

std::vector<uint8_t> above(const TraceTree& tree, const std::vector<uint8_t>& others) {
  std::vector<uint8_t> flags(others.size(), 0);
  const std::vector<uint32_t>& order = tree.preorder();
  for (auto span = order.rbegin(); span != order.rend(); ++span) {
    uint32_t parent = tree.parent(*span);
    if (parent != kNoSpan) flags[parent] |= flags[*span] | others[*span];
  }
  return flags;
}

std::vector<uint8_t> parents_of(const TraceTree& tree, const std::vector<uint32_t>& others) {
  std::vector<uint8_t> flags(tree.span_count(), 0);
  for (uint32_t span : others) {
    if (tree.parent(span) != kNoSpan) flags[tree.parent(span)] = 1;
  }
  return flags;
}

// Whether another span of `others` has the same parent id; also when that parent has not arrived.
std::vector<uint8_t> siblings_of(const TraceTree& tree, const std::vector<uint32_t>& others) {
  std::unordered_map<uint64_t, uint32_t> by_parent;
  for (uint32_t span : others) ++by_parent[tree.parent_id(span)];
  std::vector<uint8_t> itself = flags_of(others, tree.span_count());
  std::vector<uint8_t> flags(tree.span_count(), 0);
  for (uint32_t span = 0; span < flags.size(); ++span) {
    uint64_t parent = tree.parent_id(span);
    auto found = by_parent.find(parent);
    flags[span] = parent != 0 && found != by_parent.end() && found->second > itself[span];
  }
  return flags;
}

}  // namespace

bool relates_spans(const Pipeline& pipeline) {
  return std::any_of(pipeline.stages.begin(), pipeline.stages.end(), [](const Stage& stage) {
    return (stage.spanset && relates(*stage.spanset)) || (stage.left && relates(*stage.left)) ||
           (stage.right && relates(*stage.right));
  });
}

void SpansetEvaluator::bind(const Batch& batch) {
  marks_.assign(mark_of_leaf_.size(), nullptr);
  for (size_t leaf = 0; leaf < marks_.size(); ++leaf) {
    if (mark_of_leaf_[leaf] != kNoMark)
      marks_[leaf] = batch.find_fixed(mark_column_name(mark_of_leaf_[leaf]));
  }
}

std::vector<Spanset> SpansetEvaluator::run(const Pipeline& pipeline, const TraceTree& tree, Spanset initial) {
  tree_ = &tree;
  std::vector<Spanset> spansets;
  if (!initial.spans.empty()) spansets.push_back(std::move(initial));
  for (const Stage& stage : pipeline.stages) {
    if (spansets.empty()) break;
    spansets = run_stage(stage, std::move(spansets));
  }
  return spansets;
}

std::vector<Spanset> SpansetEvaluator::run_stage(const Stage& stage, std::vector<Spanset> input) {
  std::vector<Spanset> output;
  switch (stage.kind) {
    case Stage::Kind::select:
      return input;
    case Stage::Kind::coalesce: {
      Spanset all;
      for (const Spanset& spanset : input) all.spans = united(all.spans, spanset.spans);
      output.push_back(std::move(all));
      return output;
    }
    case Stage::Kind::group:
      for (const Spanset& spanset : input) {
        std::vector<Spanset> parts = group(*stage.group, spanset);
        std::move(parts.begin(), parts.end(), std::back_inserter(output));
      }
      return output;
    case Stage::Kind::scalar_filter:
      for (Spanset& spanset : input) {
        std::optional<Spanset> kept = filter_by_scalars(stage, std::move(spanset));
        if (kept) output.push_back(std::move(*kept));
      }
      return output;
    case Stage::Kind::spanset:
      break;
  }
  for (Spanset& spanset : input) {
    std::vector<uint32_t> spans = evaluate(*stage.spanset, spanset);
    if (!spans.empty()) output.push_back({std::move(spans), std::move(spanset.attributes)});
  }
  return output;
}

std::vector<uint32_t> SpansetEvaluator::filter(const SpansetExpr& expr, const Spanset& input) {
  std::vector<uint32_t> spans;
  const ColumnData* mark = marks_[expr.leaf];
  for (uint32_t span : input.spans) {
    bool fits =
        mark != nullptr ? int_at(mark, tree_->row(span)) != 0 : fields_.holds_on_span(*expr.filter, span);
    if (fits) spans.push_back(span);
  }
  reader_.clear_scratch();
  return spans;
}

std::vector<uint32_t> SpansetEvaluator::evaluate(const SpansetExpr& expr, const Spanset& input) {
  switch (expr.kind) {
    case SpansetExpr::Kind::filter:
      return filter(expr, input);
    case SpansetExpr::Kind::pipeline: {
      std::vector<uint32_t> spans;
      for (const Spanset& spanset : run(*expr.pipeline, *tree_, input)) spans = united(spans, spanset.spans);
      return spans;
    }
    case SpansetExpr::Kind::operation:
      break;
  }
  std::vector<uint32_t> left = evaluate(*expr.left, input);
  if (left.empty() && expr.op != SpansetOp::or_op && expr.form != RelationForm::negated) return {};
  std::vector<uint32_t> right = evaluate(*expr.right, input);
  if (expr.op == SpansetOp::or_op) return united(left, right);
  if (right.empty()) return {};
  if (expr.op == SpansetOp::and_op) return united(left, right);
  return relate(expr, left, right);
}

std::vector<uint32_t> SpansetEvaluator::relate(const SpansetExpr& expr, const std::vector<uint32_t>& left,
                                               const std::vector<uint32_t>& right) {
  std::vector<uint32_t> found = related(expr.op, left, right);
  if (expr.form == RelationForm::plain) return found;
  if (expr.form == RelationForm::both) return united(found, related(reversed(expr.op), right, left));
  std::vector<uint32_t> rest;
  std::set_difference(right.begin(), right.end(), found.begin(), found.end(), std::back_inserter(rest));
  return rest;
}

std::vector<uint32_t> SpansetEvaluator::related(SpansetOp op, const std::vector<uint32_t>& others,
                                                const std::vector<uint32_t>& candidates) {
  const TraceTree& tree = *tree_;
  std::vector<uint8_t> flags;
  switch (op) {
    case SpansetOp::descendant:
      flags = below(tree, flags_of(others, tree.span_count()));
      break;
    case SpansetOp::ancestor:
      flags = above(tree, flags_of(others, tree.span_count()));
      break;
    case SpansetOp::parent:
      flags = parents_of(tree, others);
      break;
    case SpansetOp::sibling:
      flags = siblings_of(tree, others);
      break;
    default: {
      std::vector<uint8_t> is_other = flags_of(others, tree.span_count());
      flags.assign(tree.span_count(), 0);
      for (uint32_t span : candidates) {
        uint32_t parent = tree.parent(span);
        flags[span] = parent != kNoSpan && is_other[parent];
      }
    }
  }
  std::vector<uint32_t> found;
  std::copy_if(candidates.begin(), candidates.end(), std::back_inserter(found),
               [&](uint32_t span) { return flags[span] != 0; });
  return found;
}

// Of a list every number takes part. Values that are no numbers do not; nil when none is left. NaN is the
// smallest or largest only when there is nothing else, wherever it stands.
Value SpansetEvaluator::aggregate(const ScalarExpr& scalar, const Spanset& spanset) {
  if (scalar.function == AggregateFunction::count)
    return Value::of_integer(static_cast<int64_t>(spanset.spans.size()));
  Value extreme;
  double sum = 0;
  size_t count = 0;
  bool durations = true;
  const Ordering wanted = scalar.function == AggregateFunction::min ? Ordering::less : Ordering::greater;
  for (uint32_t span : spanset.spans) {
    Value argument = fields_.on_span(*scalar.argument, span);
    for (const Value& value : elements_of(argument)) {
      if (!value.is_number()) continue;
      bool replaces = count == 0 || std::isnan(extreme.as_number());
      if (replaces || compare_values(value, extreme) == wanted) extreme = value;
      durations = durations && value.type == ValueType::duration;
      sum += value.as_number();
      ++count;
    }
  }
  reader_.clear_scratch();
  if (count == 0) return {};
  if (scalar.function == AggregateFunction::min || scalar.function == AggregateFunction::max) return extreme;
  if (scalar.function == AggregateFunction::avg) sum /= static_cast<double>(count);
  if (durations && std::abs(sum) < 9e18) return Value::of_duration(static_cast<int64_t>(sum));
  return Value::of_float(sum);
}

Value SpansetEvaluator::evaluate_scalar(const ScalarExpr& scalar, const Spanset& spanset, Met& met) {
  switch (scalar.kind) {
    case ScalarExpr::Kind::literal:
      return scalar.literal.view();
    case ScalarExpr::Kind::operation: {
      Value left = evaluate_scalar(*scalar.left, spanset, met);
      Value right = evaluate_scalar(*scalar.right, spanset, met);
      return apply_arithmetic(static_cast<ArithmeticOp>(scalar.op), left, right);
    }
    case ScalarExpr::Kind::aggregate: {
      Value value = aggregate(scalar, spanset);
      met.attributes.emplace_back(scalar.to_string(), StoredValue(value));
      return value;
    }
    case ScalarExpr::Kind::pipeline:
      break;
  }
  Spanset found;
  for (const Spanset& each : run(*scalar.pipeline, *tree_, spanset))
    found.spans = united(found.spans, each.spans);
  met.spans = united(met.spans, found.spans);
  return aggregate(scalar, found);
}

std::optional<Spanset> SpansetEvaluator::filter_by_scalars(const Stage& stage, Spanset spanset) {
  Met met;
  Value left = evaluate_scalar(*stage.left, spanset, met);
  Value right = evaluate_scalar(*stage.right, spanset, met);
  if (left.is_nil() || right.is_nil()) return std::nullopt;  // an aggregate of no numbers
  if (!compare_holds(stage.op, left, right)) return std::nullopt;
  bool compares_pipelines = met.attributes.empty();
  if (compares_pipelines) spanset.spans = std::move(met.spans);
  if (spanset.spans.empty()) return std::nullopt;
  std::move(met.attributes.begin(), met.attributes.end(), std::back_inserter(spanset.attributes));
  return spanset;
}

std::vector<Spanset> SpansetEvaluator::group(const FieldExpr& expr, const Spanset& input) {
  std::map<StoredValue, std::vector<uint32_t>, ValueOrder> groups;
  for (uint32_t span : input.spans) groups[StoredValue(fields_.on_span(expr, span))].push_back(span);
  reader_.clear_scratch();
  std::vector<Spanset> spansets;
  for (auto& [value, spans] : groups) {
    Spanset part{std::move(spans), input.attributes};
    part.attributes.emplace_back("by(" + expr.to_string() + ")", value);
    spansets.push_back(std::move(part));
  }
  return spansets;
}

}  // namespace obelisk::traceql
