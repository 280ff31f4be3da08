#pragma once
// The syntax tree of a TraceQL query. Built by the parser, completed by validation (regexes, attribute
// slots), then immutable and safe to read from any thread. Bounds: no path from the root is longer than
// kDepthMax nodes, so that recursion over the tree is safe.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "plan/regex.h"
#include "query/traceql/lexer.h"
#include "query/traceql/value.h"

namespace obelisk::traceql {

inline constexpr uint32_t kDepthMax = 256;

enum class Intrinsic : uint8_t {
  none,  // an attribute
  duration,
  name,
  status,
  status_message,
  kind,
  parent,
  child_count,
  self_time,
  on_critical_path,
  span_id,
  parent_id,
  trace_duration,
  root_name,
  root_service,
  trace_id,
  nested_set_left,
  nested_set_right,
  nested_set_parent,
  event_name,
  event_time_since_start,
  link_trace_id,
  link_span_id,
  instrumentation_name,
  instrumentation_version,
  trace_state,  // not of the language: what with(extrapolate=true) reads
};

struct IntrinsicInfo {
  std::string_view word;  // as written: "span:duration", "rootName"
  Intrinsic intrinsic;
  ValueType type;
};
// Every way to write an intrinsic.
const std::vector<IntrinsicInfo>& intrinsics();
std::optional<IntrinsicInfo> find_intrinsic(std::string_view word);

struct Attribute {
  Intrinsic intrinsic = Intrinsic::none;
  AttributeScope scope = AttributeScope::any;
  bool of_parent = false;
  std::string name;  // of an attribute; of an intrinsic the word it was written with

  // As it is written in a query: span.http.path, .x, duration, resource."a b".
  std::string to_string() const;
  // Two ways to write one intrinsic are the same.
  bool is_same(const Attribute& other) const;
};

enum class FieldOp : uint8_t {
  add,
  subtract,
  multiply,
  divide,
  modulo,
  power,
  equal,
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
  regex,
  not_regex,
  and_op,
  or_op,
  negate,
  not_op,
};
std::string_view field_op_text(FieldOp op);
bool is_arithmetic(FieldOp op);
bool is_comparison(FieldOp op);  // without the regexes

struct FieldExpr {
  enum class Kind : uint8_t { literal, attribute, operation };
  Kind kind = Kind::literal;
  uint64_t offset = 0;  // into the query
  uint32_t depth = 1;
  StoredValue literal;
  Attribute attribute;
  size_t slot = 0;  // attribute: index into Query::attributes
  FieldOp op = FieldOp::add;
  std::vector<std::unique_ptr<FieldExpr>>
      operands;                        // one for negate and not_op; two or more for and_op, or_op; else two
  std::shared_ptr<const Regex> regex;  // regex, not_regex with a literal on the right

  std::string to_string() const;
};
using FieldExprPtr = std::unique_ptr<FieldExpr>;

enum class SpansetOp : uint8_t { and_op, or_op, child, descendant, parent, ancestor, sibling };
enum class RelationForm : uint8_t { plain, negated, both };  // > , !> , &>

struct Pipeline;

struct SpansetExpr {
  enum class Kind : uint8_t { filter, operation, pipeline };
  Kind kind = Kind::filter;
  uint64_t offset = 0;
  uint32_t depth = 1;
  FieldExprPtr filter;
  size_t leaf = 0;  // filter: number among the query's filters
  SpansetOp op = SpansetOp::and_op;
  RelationForm form = RelationForm::plain;
  std::unique_ptr<SpansetExpr> left;
  std::unique_ptr<SpansetExpr> right;
  std::unique_ptr<Pipeline> pipeline;
};
using SpansetExprPtr = std::unique_ptr<SpansetExpr>;

enum class AggregateFunction : uint8_t { count, min, max, avg, sum };

struct ScalarExpr {
  enum class Kind : uint8_t { literal, aggregate, operation, pipeline };
  Kind kind = Kind::literal;
  uint64_t offset = 0;
  uint32_t depth = 1;
  StoredValue literal;
  AggregateFunction function = AggregateFunction::count;  // also of pipeline: its last stage
  FieldExprPtr argument;                                  // none for count
  FieldOp op = FieldOp::add;
  std::unique_ptr<ScalarExpr> left;
  std::unique_ptr<ScalarExpr> right;
  std::unique_ptr<Pipeline> pipeline;

  bool has_aggregate() const;
  std::string to_string() const;  // of an aggregate: "avg(duration)"
};
using ScalarExprPtr = std::unique_ptr<ScalarExpr>;

struct Stage {
  enum class Kind : uint8_t { spanset, scalar_filter, group, coalesce, select };
  Kind kind = Kind::spanset;
  uint64_t offset = 0;
  SpansetExprPtr spanset;
  ScalarExprPtr left;  // scalar_filter: left op right
  FieldOp op = FieldOp::equal;
  ScalarExprPtr right;
  FieldExprPtr group;
  std::vector<FieldExprPtr> selected;  // attributes
};

struct Pipeline {
  std::vector<Stage> stages;
};

enum class MetricsFunction : uint8_t {
  rate,
  count_over_time,
  min_over_time,
  max_over_time,
  avg_over_time,
  sum_over_time,
  quantile_over_time,
  histogram_over_time,
  compare,
};
std::string_view metrics_function_name(MetricsFunction function);

struct MetricsStage {
  enum class Kind : uint8_t { topk, bottomk, threshold };
  Kind kind = Kind::topk;
  uint64_t offset = 0;
  int64_t count = 0;  // topk, bottomk
  FieldOp op = FieldOp::greater;
  double threshold = 0;  // durations in seconds
};

struct MetricsExpr {
  enum class Kind : uint8_t { query, number, operation };
  Kind kind = Kind::query;
  uint64_t offset = 0;
  uint32_t depth = 1;
  std::unique_ptr<Pipeline> pipeline;
  MetricsFunction function = MetricsFunction::rate;
  FieldExprPtr argument;  // of the ..._over_time functions: an attribute
  std::vector<double> quantiles;
  std::vector<FieldExprPtr> by;  // attributes
  SpansetExprPtr selection;      // compare
  int64_t top = 10;
  std::optional<TimeRange> selection_range;
  double number = 0;
  FieldOp op = FieldOp::add;
  std::unique_ptr<MetricsExpr> left;
  std::unique_ptr<MetricsExpr> right;
  std::vector<MetricsStage> stages;  // applied to the result, in order
};
using MetricsExprPtr = std::unique_ptr<MetricsExpr>;

struct Hint {
  std::string name;
  StoredValue value;
};

struct Query {
  std::unique_ptr<Pipeline> pipeline;  // a search
  MetricsExprPtr metrics;
  std::vector<Hint> hints;
  size_t leaf_count = 0;
  std::vector<Attribute> attributes;  // every attribute that is read, once: FieldExpr::slot
};

}  // namespace obelisk::traceql
