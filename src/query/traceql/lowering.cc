#include "query/traceql/lowering.h"

#include <optional>

#include "query/traceql/attribute_reader.h"
#include "query/traceql/field_evaluator.h"

namespace obelisk::traceql {
namespace {

Expr never() {
  return Expr::any_of({});
}

CompareOp compare_op_of(FieldOp op) {
  switch (op) {
    case FieldOp::not_equal:
      return CompareOp::not_equal;
    case FieldOp::less:
      return CompareOp::less;
    case FieldOp::less_equal:
      return CompareOp::less_equal;
    case FieldOp::greater:
      return CompareOp::greater;
    case FieldOp::greater_equal:
      return CompareOp::greater_equal;
    default:
      return CompareOp::equal;
  }
}

// 3 < .a is .a > 3.
FieldOp mirrored(FieldOp op) {
  switch (op) {
    case FieldOp::less:
      return FieldOp::greater;
    case FieldOp::less_equal:
      return FieldOp::greater_equal;
    case FieldOp::greater:
      return FieldOp::less;
    case FieldOp::greater_equal:
      return FieldOp::less_equal;
    default:
      return op;
  }
}

std::optional<Literal> literal_of(const StoredValue& value) {
  switch (value.type) {
    case ValueType::boolean:
      return Literal(value.integer != 0);
    case ValueType::integer:
    case ValueType::duration:
      return Literal(value.integer);
    case ValueType::floating:
      return Literal(value.number);
    case ValueType::string:
      return Literal(value.text);
    default:
      return std::nullopt;  // status and kind are no values of attributes
  }
}

class Lowering {
 public:
  explicit Lowering(const ArrayColumns& arrays) : arrays_(arrays) {}

  Lowered lower(const FieldExpr& expr) const {
    switch (expr.kind) {
      case FieldExpr::Kind::literal:
        return {expr.literal.view().is_true() ? Expr() : never(), true};
      case FieldExpr::Kind::attribute:
        return lower_comparison(expr, FieldOp::equal, true_literal(), nullptr);
      case FieldExpr::Kind::operation:
        return lower_operation(expr);
    }
    return {};
  }

 private:
  static const FieldExpr& true_literal() {
    static const FieldExpr& literal = *new FieldExpr(make_true());
    return literal;
  }
  static const FieldExpr& false_literal() {
    static const FieldExpr& literal = *new FieldExpr(make_false());
    return literal;
  }
  static FieldExpr make_true() {
    FieldExpr expr;
    expr.literal = StoredValue(Value::of_boolean(true));
    return expr;
  }
  static FieldExpr make_false() {
    FieldExpr expr;
    expr.literal = StoredValue(Value::of_boolean(false));
    return expr;
  }

  Lowered lower_operation(const FieldExpr& expr) const {
    switch (expr.op) {
      case FieldOp::and_op:
      case FieldOp::or_op:
        return lower_logical(expr);
      case FieldOp::not_op:
        return lower_not(*expr.operands[0]);
      case FieldOp::negate:
        return {};
      default:
        break;
    }
    if (is_arithmetic(expr.op)) return {};
    const FieldExpr& left = *expr.operands[0];
    const FieldExpr& right = *expr.operands[1];
    if (left.kind == FieldExpr::Kind::attribute && right.kind == FieldExpr::Kind::literal) {
      return lower_comparison(left, expr.op, right, expr.regex);
    }
    bool flipped = is_comparison(expr.op) && left.kind == FieldExpr::Kind::literal &&
                   right.kind == FieldExpr::Kind::attribute;
    if (flipped) return lower_comparison(right, mirrored(expr.op), left, nullptr);
    return {};
  }

  Lowered lower_logical(const FieldExpr& expr) const {
    std::vector<Expr> parts;
    bool exact = true;
    bool is_and = expr.op == FieldOp::and_op;
    for (const FieldExprPtr& operand : expr.operands) {
      Lowered part = lower(*operand);
      exact = exact && part.exact;
      if (!is_and && part.expr.is_always()) return {Expr(), part.exact};
      parts.push_back(std::move(part.expr));
    }
    return {is_and ? Expr::all_of(std::move(parts)) : Expr::any_of(std::move(parts)), exact};
  }

  Lowered lower_not(const FieldExpr& operand) const {
    // Of an attribute: it must be there and be false.
    if (operand.kind == FieldExpr::Kind::attribute)
      return lower_comparison(operand, FieldOp::equal, false_literal(), nullptr);
    Lowered inner = lower(operand);
    if (!inner.exact) return {};
    return {Expr::not_of(std::move(inner.expr)), true};
  }

  Lowered lower_comparison(const FieldExpr& attribute, FieldOp op, const FieldExpr& literal,
                           const std::shared_ptr<const Regex>& regex) const {
    const Attribute& name = attribute.attribute;
    if (name.of_parent) return {};
    if (name.intrinsic != Intrinsic::none) return lower_intrinsic(name.intrinsic, op, literal.literal, regex);
    switch (name.scope) {
      case AttributeScope::event:
        return on_attribute({Scope::event, name.name}, op, literal.literal, regex);
      case AttributeScope::link:
        return on_attribute({Scope::link, name.name}, op, literal.literal, regex);
      case AttributeScope::span:
        return on_attribute({Scope::attribute, name.name}, op, literal.literal, regex);
      case AttributeScope::resource:
        return on_attribute({Scope::resource, name.name}, op, literal.literal, regex);
      case AttributeScope::instrumentation:
        return on_attribute({Scope::instrumentation, name.name}, op, literal.literal, regex);
      case AttributeScope::any:
        break;
    }
    return on_span_else_resource(name.name, op, literal.literal, regex);
  }

  Lowered on_attribute(const ColumnId& id, FieldOp op, const StoredValue& value,
                       const std::shared_ptr<const Regex>& regex) const {
    bool arrays = arrays_.contains(id);
    if (value.type == ValueType::nil) {
      // An attribute without a value is stored like an array and counts as nil.
      if (op == FieldOp::not_equal) return {Expr::exists(id), !arrays};
      return arrays ? Lowered{} : Lowered{Expr::not_of(Expr::exists(id)), true};
    }
    // Which elements an array has is not known to a store.
    if (arrays)
      return {Expr::any_of({predicate(id, op, value, regex), Expr::exists(id, ColumnType::any)}), false};
    return {predicate(id, op, value, regex), true};
  }

  Lowered on_span_else_resource(const std::string& name, FieldOp op, const StoredValue& value,
                                const std::shared_ptr<const Regex>& regex) const {
    ColumnId of_span{Scope::attribute, name};
    ColumnId of_resource{Scope::resource, name};
    Lowered on_span = on_attribute(of_span, op, value, regex);
    Lowered on_resource = on_attribute(of_resource, op, value, regex);
    bool exact = on_span.exact && on_resource.exact;
    if (value.type == ValueType::nil && op == FieldOp::equal) {
      return {Expr::all_of({std::move(on_span.expr), std::move(on_resource.expr)}), exact};
    }
    if (value.type == ValueType::nil || !on_span.exact) {
      return {Expr::any_of({std::move(on_span.expr), std::move(on_resource.expr)}), exact};
    }
    Expr inherited = Expr::all_of({Expr::not_of(Expr::exists(of_span)), std::move(on_resource.expr)});
    return {Expr::any_of({std::move(on_span.expr), std::move(inherited)}), exact};
  }

  static Expr predicate(const ColumnId& id, FieldOp op, const StoredValue& value,
                        const std::shared_ptr<const Regex>& regex) {
    if (op == FieldOp::regex) return Expr::matches(id, regex);
    if (op == FieldOp::not_regex) return not_matching(id, regex);
    std::optional<Literal> literal = literal_of(value);
    return literal ? Expr::compare(id, compare_op_of(op), std::move(*literal)) : never();
  }

  // A string that does not match: present and a string, which ">= \"\"" says.
  static Expr not_matching(const ColumnId& id, const std::shared_ptr<const Regex>& regex) {
    return Expr::all_of(
        {Expr::compare(id, CompareOp::greater_equal, std::string()), Expr::not_of(Expr::matches(id, regex))});
  }

  Lowered lower_intrinsic(Intrinsic intrinsic, FieldOp op, const StoredValue& value,
                          const std::shared_ptr<const Regex>& regex) const {
    if (value.type == ValueType::nil) return {};
    ColumnId id = fixed_column(fixed_column_of(intrinsic));
    switch (intrinsic) {
      case Intrinsic::name:
      case Intrinsic::status_message:
      case Intrinsic::instrumentation_name:
      case Intrinsic::instrumentation_version:
        return {text_or_empty(id, op, value, regex), true};
      case Intrinsic::duration:
        return {Expr::compare(id, compare_op_of(op), *literal_of(value)), true};
      case Intrinsic::status:
      case Intrinsic::kind:
        return {code(id, op, value.integer), true};
      case Intrinsic::span_id:
        return span_id(id, op, value);
      case Intrinsic::trace_id:
        return trace_id(id, op, value);
      case Intrinsic::event_name:
      case Intrinsic::event_time_since_start:
      case Intrinsic::link_trace_id:
      case Intrinsic::link_span_id:
        return on_attribute(id, op, value, regex);
      default:
        return {};
    }
  }

  // Fixed text columns are empty where they are absent.
  static Expr text_or_empty(const ColumnId& id, FieldOp op, const StoredValue& value,
                            const std::shared_ptr<const Regex>& regex) {
    Expr present = predicate(id, op, value, regex);
    bool holds_on_empty = op == FieldOp::regex       ? regex->matches("")
                          : op == FieldOp::not_regex ? !regex->matches("")
                                                     : compare_holds(op, Value::of_string(""), value.view());
    if (!holds_on_empty) return present;
    return Expr::any_of({std::move(present), Expr::not_of(Expr::exists(id))});
  }

  // Fixed enum columns are 0 where they are absent.
  static Expr code(const ColumnId& id, FieldOp op, int64_t wanted) {
    Expr equal = Expr::compare(id, CompareOp::equal, wanted);
    if (wanted == 0) equal = Expr::any_of({std::move(equal), Expr::not_of(Expr::exists(id))});
    return op == FieldOp::equal ? equal : Expr::not_of(std::move(equal));
  }

  static Lowered span_id(const ColumnId& id, FieldOp op, const StoredValue& value) {
    if (op != FieldOp::equal) return {};
    std::optional<SpanId> wanted = value.text.size() == 16 ? SpanId::from_hex(value.text) : std::nullopt;
    if (!wanted) return {never(), true};
    return {Expr::compare(id, CompareOp::equal, static_cast<int64_t>(wanted->value)), true};
  }

  static Lowered trace_id(const ColumnId& id, FieldOp op, const StoredValue& value) {
    if (op != FieldOp::equal) return {};
    std::optional<TraceId> wanted = value.text.size() == 32 ? TraceId::from_hex(value.text) : std::nullopt;
    if (!wanted) return {never(), true};
    auto ids = std::make_shared<TraceIdSet>();
    ids->insert(*wanted);
    return {Expr::in_trace_ids(id, std::move(ids)), true};
  }

  const ArrayColumns& arrays_;
};

void append(std::vector<Expr>& to, std::vector<Expr> from) {
  for (Expr& expr : from) to.push_back(std::move(expr));
}

std::vector<Expr> required_by(const SpansetExpr& spanset, const std::vector<Lowered>& leaves) {
  switch (spanset.kind) {
    case SpansetExpr::Kind::filter: {
      const Expr& expr = leaves[spanset.leaf].expr;
      if (expr.is_always()) return {};
      return {expr};
    }
    case SpansetExpr::Kind::pipeline:
      return required_in_trace(*spanset.pipeline, leaves);
    case SpansetExpr::Kind::operation:
      break;
  }
  std::vector<Expr> right = required_by(*spanset.right, leaves);
  if (spanset.form == RelationForm::negated) return right;  // the left side may be missing
  std::vector<Expr> left = required_by(*spanset.left, leaves);
  if (spanset.op == SpansetOp::or_op) {
    if (left.empty() || right.empty()) return {};
    return {Expr::any_of({std::move(left[0]), std::move(right[0])})};
  }
  append(left, std::move(right));
  return left;
}

}  // namespace

ArrayColumns::ArrayColumns(const std::vector<ColumnInfo>& columns) {
  for (const ColumnInfo& info : columns) {
    if (info.type == ColumnType::any) ids_.insert(info.id);
  }
}

Lowered lower_condition(const FieldExpr& expr, const ArrayColumns& arrays) {
  return Lowering(arrays).lower(expr);
}

std::vector<Expr> required_in_trace(const Pipeline& pipeline, const std::vector<Lowered>& leaves) {
  std::vector<Expr> required;
  for (const Stage& stage : pipeline.stages) {
    if (stage.spanset) append(required, required_by(*stage.spanset, leaves));
  }
  return required;
}

namespace {

bool relates(SpansetOp op) {
  return op == SpansetOp::child || op == SpansetOp::descendant || op == SpansetOp::parent ||
         op == SpansetOp::ancestor;
}

// The filter whose spans an expression finds, when it is one: of a relation it is the right side.
const SpansetExpr* found_by(const SpansetExpr& spanset) {
  if (spanset.kind == SpansetExpr::Kind::filter) return &spanset;
  if (spanset.kind != SpansetExpr::Kind::operation || spanset.form != RelationForm::plain ||
      !relates(spanset.op))
    return nullptr;
  return found_by(*spanset.right);
}

void collect_relations(const SpansetExpr& spanset, std::vector<RequiredRelation>& out) {
  if (spanset.kind != SpansetExpr::Kind::operation || spanset.op == SpansetOp::or_op) return;
  collect_relations(*spanset.right, out);
  if (spanset.form == RelationForm::negated) return;  // the left side may be missing
  collect_relations(*spanset.left, out);
  const SpansetExpr* left = found_by(*spanset.left);
  const SpansetExpr* right = found_by(*spanset.right);
  if (!relates(spanset.op) || left == nullptr || right == nullptr) return;
  bool downwards = spanset.op == SpansetOp::child || spanset.op == SpansetOp::descendant;
  bool direct = spanset.op == SpansetOp::child || spanset.op == SpansetOp::parent;
  out.push_back({downwards ? left->leaf : right->leaf, downwards ? right->leaf : left->leaf, direct});
}

}  // namespace

std::vector<RequiredRelation> required_relations(const Pipeline& pipeline) {
  std::vector<RequiredRelation> relations;
  if (!pipeline.stages.empty() && pipeline.stages[0].spanset)
    collect_relations(*pipeline.stages[0].spanset, relations);
  return relations;
}

}  // namespace obelisk::traceql
