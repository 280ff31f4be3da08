#include "query/promql/ast.h"

#include <cmath>

#include "query/promql/functions.h"

namespace obelisk::promql {

std::string_view documented_type(ValueType type) {
  static constexpr std::string_view kNames[] = {"none", "scalar", "string", "instant vector", "range vector"};
  return kNames[static_cast<int>(type)];
}

std::string_view type_name(ValueType type) {
  static constexpr std::string_view kNames[] = {"none", "scalar", "string", "vector", "matrix"};
  return kNames[static_cast<int>(type)];
}

std::string_view binary_op_text(BinaryOp op) {
  static constexpr std::string_view kNames[] = {"+", "-",  "*", "/",  "%",  "^",  "atan2", "==", "!=",
                                                "<", "<=", ">", ">=", "</", ">/", "and",   "or", "unless"};
  return kNames[static_cast<int>(op)];
}

bool is_comparison(BinaryOp op) {
  return op >= BinaryOp::equal && op <= BinaryOp::greater_equal;
}
bool is_set_op(BinaryOp op) {
  return op >= BinaryOp::and_op;
}
bool is_trim(BinaryOp op) {
  return op == BinaryOp::trim_upper || op == BinaryOp::trim_lower;
}

std::string_view aggregation_op_text(AggregationOp op) {
  static constexpr std::string_view kNames[] = {"sum",   "avg",     "min",    "max",        "count",
                                                "group", "stddev",  "stdvar", "quantile",   "count_values",
                                                "topk",  "bottomk", "limitk", "limit_ratio"};
  return kNames[static_cast<int>(op)];
}

bool takes_parameter(AggregationOp op) {
  return op >= AggregationOp::quantile;
}

std::optional<int64_t> DurationExpr::evaluate_ms(int64_t step_ms, int64_t range_ms) const {
  auto fits = [](double seconds_value) -> std::optional<int64_t> {
    double millis = std::round(seconds_value * 1000);
    // 2^53 ms is 285,000 years: past every time a query can name, and exact.
    if (!(std::fabs(millis) <= 9007199254740992.0)) return std::nullopt;
    return static_cast<int64_t>(millis);
  };
  auto value = [&](auto&& self, const DurationExpr& expr) -> double {
    auto operand = [&](size_t i) { return self(self, expr.operands[i]); };
    switch (expr.kind) {
      case Kind::literal:
        return expr.seconds;
      case Kind::step:
        return static_cast<double>(step_ms) / 1000;
      case Kind::range:
        return static_cast<double>(range_ms) / 1000;
      case Kind::negate:
        return -operand(0);
      case Kind::add:
        return operand(0) + operand(1);
      case Kind::sub:
        return operand(0) - operand(1);
      case Kind::mul:
        return operand(0) * operand(1);
      case Kind::div:
        return operand(0) / operand(1);
      case Kind::mod:
        return std::fmod(operand(0), operand(1));
      case Kind::pow:
        return std::pow(operand(0), operand(1));
      case Kind::min_of:
        return std::fmin(operand(0), operand(1));
      case Kind::max_of:
        return std::fmax(operand(0), operand(1));
    }
    return 0;
  };
  return fits(value(value, *this));
}

bool Matcher::matches(std::string_view text) const {
  switch (op) {
    case Op::equal:
      return text == value;
    case Op::not_equal:
      return text != value;
    case Op::match:
      return regex->matches(text);
    case Op::not_match:
      return !regex->matches(text);
  }
  return false;
}

std::string_view matcher_op_text(Matcher::Op op) {
  static constexpr std::string_view kNames[] = {"=", "!=", "=~", "!~"};
  return kNames[static_cast<int>(op)];
}

ValueType Node::type() const {
  switch (kind) {
    case Kind::number:
      return ValueType::scalar;
    case Kind::string:
      return ValueType::string;
    case Kind::selector:
      return ValueType::vector;
    case Kind::matrix:
    case Kind::subquery:
      return ValueType::matrix;
    case Kind::call:
      return function->returns;
    case Kind::aggregation:
      return ValueType::vector;
    case Kind::unary:
    case Kind::paren:
      return children[0]->type();
    case Kind::binary:
      return children[0]->type() == ValueType::scalar && children[1]->type() == ValueType::scalar
                 ? ValueType::scalar
                 : ValueType::vector;
  }
  return ValueType::none;
}

const Node& unwrap_parens(const Node& node) {
  const Node* inner = &node;
  while (inner->kind == Node::Kind::paren) inner = inner->children[0].get();
  return *inner;
}

}  // namespace obelisk::promql
