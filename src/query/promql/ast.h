#pragma once
// The syntax tree of a PromQL expression: plain nodes, owned by their parent, immutable after parse().
// Depth is bounded by kDepthMax, so that recursion over a tree is safe on any thread.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "plan/regex.h"
#include "query/core/vector_matching.h"

namespace obelisk::promql {

inline constexpr uint32_t kDepthMax = 400;
// Parentheses, calls and the like inside each other while parsing, whose stack frames are larger than those
// of the walks over a tree. Chains of operators (a + b + c) count for kDepthMax only.
inline constexpr uint32_t kNestingMax = 150;

enum class ValueType : uint8_t { none, scalar, string, vector, matrix };
// "instant vector", "range vector": how messages and the documentation name a type.
std::string_view documented_type(ValueType type);
// "vector", "matrix": how the API names it.
std::string_view type_name(ValueType type);

// Bytes [begin, end) of the query.
struct SourceRange {
  uint32_t begin = 0;
  uint32_t end = 0;
};

enum class BinaryOp : uint8_t {
  add,
  sub,
  mul,
  div,
  mod,
  pow,
  atan2,
  equal,
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
  trim_upper,
  trim_lower,
  and_op,
  or_op,
  unless_op,
};
std::string_view binary_op_text(BinaryOp op);
bool is_comparison(BinaryOp op);
bool is_set_op(BinaryOp op);
bool is_trim(BinaryOp op);

enum class AggregationOp : uint8_t {
  sum,
  avg,
  min,
  max,
  count,
  group,
  stddev,
  stdvar,
  quantile,
  count_values,
  topk,
  bottomk,
  limitk,
  limit_ratio,
};
std::string_view aggregation_op_text(AggregationOp op);
bool takes_parameter(AggregationOp op);

// A duration: a literal, or an expression over the query's step and range that is computed when the query
// runs.
struct DurationExpr {
  enum class Kind : uint8_t { literal, step, range, negate, add, sub, mul, div, mod, pow, min_of, max_of };
  Kind kind = Kind::literal;
  double seconds = 0;      // literal
  bool as_number = false;  // written as a number of seconds
  bool parenthesised = false;
  SourceRange source;
  std::vector<DurationExpr> operands;

  bool is_literal() const { return kind == Kind::literal; }
  // Milliseconds. Code execution when it divides by zero, does not fit, or is not positive where it must be.
  Result<int64_t> evaluate_ms(int64_t step_ms, int64_t range_ms, bool must_be_positive) const;
};

struct Matcher {
  enum class Op : uint8_t { equal, not_equal, match, not_match };
  std::string name;
  Op op = Op::equal;
  std::string value;
  std::shared_ptr<const Regex> regex;  // match and not_match

  bool matches(std::string_view text) const;
};
std::string_view matcher_op_text(Matcher::Op op);

// offset and @, on selectors and subqueries.
struct TimeModifiers {
  enum class At : uint8_t { none, time, start, end };
  std::optional<DurationExpr> offset;
  At at = At::none;
  int64_t at_ms = 0;
};

enum class RangeMode : uint8_t { plain, anchored, smoothed };

struct Function;
struct Node;
using NodePtr = std::unique_ptr<Node>;

struct Node {
  enum class Kind : uint8_t {
    number,
    string,
    selector,
    matrix,
    subquery,
    call,
    aggregation,
    binary,
    unary,
    paren
  };

  Kind kind = Kind::number;
  SourceRange source;
  uint32_t depth = 1;
  // matrix: its selector. subquery, unary, paren: the operand. call: the arguments. binary: left, right.
  // aggregation: the operand, then the parameter if there is one.
  std::vector<NodePtr> children;

  double number = 0;  // number
  bool number_is_duration = false;
  std::string text;  // string: the value. selector: the metric name as written in front, or empty.
  std::vector<Matcher> matchers;            // selector: all, the name among them
  TimeModifiers time;                       // selector, matrix (its selector's), subquery
  RangeMode range_mode = RangeMode::plain;  // selector, matrix
  std::optional<DurationExpr> range;        // matrix, subquery
  std::optional<DurationExpr> step;         // subquery; absent: the default step
  const Function* function = nullptr;       // call
  AggregationOp aggregation = AggregationOp::sum;
  bool without = false;  // aggregation
  bool has_grouping = false;
  std::vector<std::string> grouping;
  BinaryOp op = BinaryOp::add;  // binary; unary: add or sub
  bool return_bool = false;
  bool has_matching = false;        // on or ignoring was written
  bool has_group_modifier = false;  // group_left or group_right was written
  VectorMatching matching;          // binary

  ValueType type() const;
  bool is_selector_like() const {
    return kind == Kind::selector || kind == Kind::matrix || kind == Kind::subquery;
  }
};

// The node with its parentheses taken off.
const Node& unwrap_parens(const Node& node);

}  // namespace obelisk::promql
