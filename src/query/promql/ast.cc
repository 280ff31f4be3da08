#include "query/promql/ast.h"

#include <fmt/format.h>

#include <cmath>

#include "query/promql/functions.h"
#include "query/promql/go_float.h"

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

namespace {

// Go's text of a place: where the expression begins and ends, in bytes.
Error duration_error(const DurationExpr& at, std::string_view what) {
  return make_error(ErrorCode::execution, fmt::format("{}:{}: {}", at.source.begin, at.source.end, what));
}

Result<double> seconds_of(const DurationExpr& expr, int64_t step_ms, int64_t range_ms) {
  using Kind = DurationExpr::Kind;
  double values[2] = {0, 0};
  for (size_t i = 0; i < expr.operands.size() && i < 2; ++i) {
    OBELISK_TRY(values[i], seconds_of(expr.operands[i], step_ms, range_ms));
  }
  const auto [a, b] = values;
  switch (expr.kind) {
    case Kind::literal:
      return expr.seconds;
    case Kind::step:
      return static_cast<double>(step_ms) / 1000;
    case Kind::range:
      return static_cast<double>(range_ms) / 1000;
    case Kind::negate:
      return -a;
    case Kind::add:
      return a + b;
    case Kind::sub:
      return a - b;
    case Kind::mul:
      return a * b;
    case Kind::div:
      if (b == 0) return duration_error(expr, "division by zero");
      return a / b;
    case Kind::mod:
      if (b == 0) return duration_error(expr, "modulo by zero");
      return std::fmod(a, b);
    case Kind::pow:
      return std::pow(a, b);
    case Kind::min_of:
      return go_min(a, b);
    case Kind::max_of:
      return go_max(a, b);
  }
  return 0.0;
}

}  // namespace

Result<int64_t> DurationExpr::evaluate_ms(int64_t step_ms, int64_t range_ms, bool must_be_positive) const {
  OBELISK_TRY(double seconds_value, seconds_of(*this, step_ms, range_ms));
  if (must_be_positive && seconds_value <= 0) return duration_error(*this, "duration must be greater than 0");
  // 2^53 ms is 285,000 years: past every time a query can name, and exact.
  double millis = seconds_value * 1000;
  if (!(std::fabs(millis) <= 9007199254740992.0)) return duration_error(*this, "duration is out of range");
  // A number of seconds as it stands is cut below the millisecond after rounding to nanoseconds, what is
  // computed is cut at once.
  if (is_literal()) millis = std::round(seconds_value * 1e9) / 1e6;
  int64_t whole = static_cast<int64_t>(millis);
  // Less than a millisecond would be a window, or a subquery step, of nothing.
  if (must_be_positive && whole <= 0) return duration_error(*this, "duration must be greater than 0");
  return whole;
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
