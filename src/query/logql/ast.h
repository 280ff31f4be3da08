#pragma once
// The syntax tree of a LogQL query. Plain values; built by parser.h, printed by format.h, lowered by the
// engine.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "query/core/aggregate.h"
#include "query/core/vector_matching.h"

namespace obelisk::logql {

enum class MatchOp : uint8_t { equal, not_equal, regex, not_regex };

struct Matcher {
  std::string name;
  MatchOp op = MatchOp::equal;
  std::string value;
};

// |= != |~ !~ |> !>
enum class LineFilterOp : uint8_t { contains, not_contains, regex, not_regex, pattern, not_pattern };

struct LineOperand {
  std::string text;
  bool ip = false;  // ip("...")
};

// One operator with its operands, joined by `or`.
struct LineFilter {
  LineFilterOp op = LineFilterOp::contains;
  std::vector<LineOperand> operands;
};

enum class CompareSign : uint8_t { equal, not_equal, greater, greater_equal, less, less_equal };

struct LabelFilter {
  enum class Kind : uint8_t { all_of, any_of, text, number, duration, bytes, ip };
  Kind kind = Kind::text;
  std::vector<LabelFilter> children;  // all_of, any_of: two
  Matcher matcher;                    // text; ip: equal or not_equal with the pattern
  std::string name;                   // number, duration, bytes
  CompareSign sign = CompareSign::equal;
  bool double_equal = false;  // written ==
  double number = 0;          // number
  int64_t nanos = 0;          // duration
  uint64_t size = 0;          // bytes
  std::string literal;        // number, duration, bytes as written
};

// name="expression" of json and logfmt, dst=src and dst="template" of label_format.
struct LabelAssignment {
  std::string name;
  std::string value;
  bool is_template = false;  // label_format: value was a string
};

// drop and keep: a name, or a name and a value.
struct LabelSelector {
  Matcher matcher;
  bool has_value = false;
};

struct Stage {
  enum class Kind : uint8_t {
    line_filter,
    label_filter,
    json,
    logfmt,
    regexp,
    pattern,
    unpack,
    line_format,
    label_format,
    decolorize,
    drop,
    keep,
    new_pattern,  // an extension: new_patterns.h
  };
  Kind kind = Kind::line_filter;
  LineFilter line_filter;
  LabelFilter label_filter;
  std::string text;                          // regexp, pattern, line_format
  std::vector<LabelAssignment> assignments;  // json, logfmt, label_format
  std::vector<LabelSelector> selectors;      // drop, keep
  bool strict = false;                       // logfmt
  bool keep_empty = false;                   // logfmt
  int64_t since_nanos = 0;                   // new_pattern
  int64_t for_nanos = 0;                     // new_pattern
};

struct LogSelector {
  std::vector<Matcher> matchers;
  std::vector<Stage> stages;
};

enum class Conversion : uint8_t { none, bytes, duration, duration_seconds };

struct Unwrap {
  std::string label;
  Conversion conversion = Conversion::none;
  std::vector<LabelFilter> filters;  // after the unwrap
};

struct LogRange {
  LogSelector selector;
  std::optional<Unwrap> unwrap;
  int64_t range_nanos = 0;
  int64_t offset_nanos = 0;
};

enum class RangeOp : uint8_t {
  rate,
  rate_counter,
  count,
  bytes_rate,
  bytes,
  avg,
  sum,
  min,
  max,
  stdvar,
  stddev,
  quantile,
  first,
  last,
  absent,
};

enum class VectorOp : uint8_t {
  sum,
  avg,
  min,
  max,
  count,
  stddev,
  stdvar,
  topk,
  bottomk,
  approx_topk,
  sort,
  sort_desc,
};

enum class BinaryOp : uint8_t {
  add,
  subtract,
  multiply,
  divide,
  modulo,
  power,
  equal,
  not_equal,
  greater,
  greater_equal,
  less,
  less_equal,
  and_op,
  or_op,
  unless_op,
};
inline bool is_set_op(BinaryOp op) {
  return op >= BinaryOp::and_op;
}
inline bool is_comparison(BinaryOp op) {
  return op >= BinaryOp::equal && op <= BinaryOp::less_equal;
}

struct LabelReplace {
  std::string destination, replacement, source, pattern;
};

struct Query {
  enum class Kind : uint8_t {
    log,                 // selector
    range_aggregation,   // range_op, range, parameter, grouping
    vector_aggregation,  // vector_op, children[0], parameter, grouping
    binary,              // binary_op, children[0..1], matching, returns_bool
    literal,             // number
    vector,              // number
    label_replace,       // label_replace, children[0]
  };
  Kind kind = Kind::log;
  LogSelector selector;
  RangeOp range_op = RangeOp::rate;
  LogRange range;
  VectorOp vector_op = VectorOp::sum;
  BinaryOp binary_op = BinaryOp::add;
  std::optional<double> parameter;
  std::optional<Grouping> grouping;
  VectorMatching matching;
  bool has_matching = false;  // on or ignoring was written
  bool returns_bool = false;
  double number = 0;
  LabelReplace label_replace;
  std::vector<Query> children;

  bool is_log() const { return kind == Kind::log; }
};

std::string_view range_op_name(RangeOp op);
std::string_view vector_op_name(VectorOp op);
std::string_view binary_op_text(BinaryOp op);
std::string_view match_op_text(MatchOp op);
std::string_view line_filter_op_text(LineFilterOp op);
std::string_view compare_sign_text(CompareSign sign);

}  // namespace obelisk::logql
