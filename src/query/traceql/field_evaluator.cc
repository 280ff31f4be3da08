#include "query/traceql/field_evaluator.h"

#include <algorithm>

namespace obelisk::traceql {
namespace {

bool is_nil_literal(const FieldExpr& expr) {
  return expr.kind == FieldExpr::Kind::literal && expr.literal.type == ValueType::nil;
}

template <typename Test>
bool any_pair(const Value& left, const Value& right, Test test) {
  for (const Value& a : elements_of(left)) {
    for (const Value& b : elements_of(right)) {
      if (test(a, b)) return true;
    }
  }
  return false;
}

}  // namespace

bool compare_holds(FieldOp op, const Value& left, const Value& right) {
  Ordering order = compare_values(left, right);
  if (order == Ordering::unordered)
    return op == FieldOp::not_equal && left.is_number() && right.is_number();  // NaN
  switch (op) {
    case FieldOp::equal:
      return order == Ordering::equal;
    case FieldOp::not_equal:
      return order != Ordering::equal;
    case FieldOp::less:
      return order == Ordering::less;
    case FieldOp::less_equal:
      return order != Ordering::greater;
    case FieldOp::greater:
      return order == Ordering::greater;
    case FieldOp::greater_equal:
      return order != Ordering::less;
    default:
      return false;
  }
}

const Regex* FieldEvaluator::regex_of(std::string_view pattern) {
  auto found = regexes_.find(pattern);
  if (found != regexes_.end()) return found->second.get();
  if (regexes_.size() >= kRegexesMax) regexes_.clear();
  Result<std::shared_ptr<const Regex>> compiled = Regex::compile(pattern, Regex::Mode::anchored);
  std::shared_ptr<const Regex> regex =
      compiled.ok() ? *compiled : nullptr;  // an attribute that is no pattern matches nothing
  return regexes_.emplace(pattern, std::move(regex)).first->second.get();
}

bool FieldEvaluator::matches(const FieldExpr& expr, const Value& text, const Value& pattern) {
  bool wanted = expr.op == FieldOp::regex;
  if (text.is_nil() || pattern.is_nil()) return false;
  bool any_text = false;
  bool any_match = any_pair(text, pattern, [&](const Value& a, const Value& b) {
    if (a.type != ValueType::string || b.type != ValueType::string) return false;
    const Regex* regex = expr.regex ? expr.regex.get() : regex_of(b.text);
    if (regex == nullptr) return false;
    any_text = true;
    return regex->matches(a.text);
  });
  return any_text && any_match == wanted;
}

bool FieldEvaluator::compare(const FieldExpr& expr, const Value& left, const Value& right) {
  bool nil_test = is_nil_literal(*expr.operands[0]) || is_nil_literal(*expr.operands[1]);
  if (nil_test) return (left.is_nil() && right.is_nil()) == (expr.op == FieldOp::equal);
  if (left.is_nil() || right.is_nil()) return false;
  bool lists = left.type == ValueType::list || right.type == ValueType::list;
  if (lists && expr.op == FieldOp::not_equal) {
    auto differs = [](auto& a, auto& b) { return compare_holds(FieldOp::not_equal, a, b); };
    auto equals = [](auto& a, auto& b) { return compare_holds(FieldOp::equal, a, b); };
    return any_pair(left, right, differs) && !any_pair(left, right, equals);
  }
  return any_pair(left, right, [&](auto& a, auto& b) { return compare_holds(expr.op, a, b); });
}

Value FieldEvaluator::evaluate_operation(const FieldExpr& expr, uint32_t index, bool is_span) {
  auto operand = [&](size_t i) { return evaluate(*expr.operands[i], index, is_span); };
  switch (expr.op) {
    case FieldOp::and_op: {
      for (size_t i = 0; i < expr.operands.size(); ++i) {
        if (!operand(i).is_true()) return Value::of_boolean(false);
      }
      return Value::of_boolean(true);
    }
    case FieldOp::or_op: {
      for (size_t i = 0; i < expr.operands.size(); ++i) {
        if (operand(i).is_true()) return Value::of_boolean(true);
      }
      return Value::of_boolean(false);
    }
    case FieldOp::not_op: {
      Value value = operand(0);
      return Value::of_boolean(value.type == ValueType::boolean && !value.is_true());
    }
    case FieldOp::negate:
      return apply_arithmetic(ArithmeticOp::multiply, Value::of_integer(-1), operand(0));
    case FieldOp::regex:
    case FieldOp::not_regex:
      return Value::of_boolean(matches(expr, operand(0), operand(1)));
    default:
      break;
  }
  Value left = operand(0);
  Value right = operand(1);
  if (is_arithmetic(expr.op)) return apply_arithmetic(static_cast<ArithmeticOp>(expr.op), left, right);
  return Value::of_boolean(compare(expr, left, right));
}

Value FieldEvaluator::evaluate(const FieldExpr& expr, uint32_t index, bool is_span) {
  switch (expr.kind) {
    case FieldExpr::Kind::literal:
      return expr.literal.view();
    case FieldExpr::Kind::attribute:
      return is_span ? reader_.read_span(expr.slot, index) : reader_.read_row(expr.slot, index);
    case FieldExpr::Kind::operation:
      return evaluate_operation(expr, index, is_span);
  }
  return {};
}

}  // namespace obelisk::traceql
