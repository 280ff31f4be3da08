#pragma once
// Predicates over rows that a store can be asked to apply: what query languages push down.
// An Expr is an immutable value (cheap to copy: children are shared).
//
// Meaning of an absent value:
// * Scope::label: an absent label equals the empty string (Prometheus and Loki matchers).
// * every other scope: a comparison, a regex or a substring test on an absent value is false, `not_of`
// inverts that.
//   exists() asks for presence.
// Comparison of values: numbers (int64, float64) compare as numbers; strings compare byte-wise with strings;
// booleans with booleans; a comparison between kinds is false (also `!=`). A column that occurs with several
// types is tested on the value the row has. trace_id columns compare with 16-byte strings or by
// in_trace_ids().
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <variant>
#include <vector>

#include "model/ids.h"
#include "model/labels.h"
#include "plan/columns.h"
#include "plan/regex.h"

namespace obelisk {

struct Batch;

enum class CompareOp : uint8_t { equal, not_equal, less, less_equal, greater, greater_equal };
using Literal = std::variant<bool, int64_t, double, std::string>;
using TraceIdSet = std::unordered_set<TraceId>;

class Expr {
 public:
  enum class Kind : uint8_t {
    always,
    compare,
    contains,  // column contains the literal string as a substring (byte-wise)
    matches,   // column matches the regex (in the regex's own mode)
    exists,
    in_trace_ids,  // column (a trace_id column) is in the set
    all_of,
    any_of,
    not_of,
  };

  Expr() = default;  // always true
  static Expr compare(ColumnId column, CompareOp op, Literal literal);
  static Expr contains(ColumnId column, std::string needle);
  static Expr matches(ColumnId column, std::shared_ptr<const Regex> regex);
  static Expr exists(ColumnId column);
  // The row has a value of this type in the column.
  static Expr exists(ColumnId column, ColumnType type);
  static Expr in_trace_ids(ColumnId column, std::shared_ptr<const TraceIdSet> ids);
  static Expr all_of(std::vector<Expr> children);  // of none: true
  static Expr any_of(std::vector<Expr> children);  // of none: false
  static Expr not_of(Expr child);

  Kind kind() const { return kind_; }
  bool is_always() const { return kind_ == Kind::always; }
  const ColumnId& column() const { return column_; }
  CompareOp op() const { return op_; }
  const Literal& literal() const { return literal_; }
  // Of exists: whether a value of that type counts.
  bool counts_type(ColumnType type) const { return !type_ || *type_ == type; }
  const std::optional<ColumnType>& type() const { return type_; }
  const std::shared_ptr<const Regex>& regex() const { return regex_; }
  const std::shared_ptr<const TraceIdSet>& trace_ids() const { return trace_ids_; }
  const std::vector<Expr>& children() const;

  // Every column the expression reads.
  void collect_columns(std::vector<ColumnId>& out) const;
  // For messages and `explain`: label.job = "x" and not (line contains "y").
  std::string to_string() const;

 private:
  Kind kind_ = Kind::always;
  CompareOp op_ = CompareOp::equal;
  ColumnId column_;
  Literal literal_;
  std::optional<ColumnType> type_;
  std::shared_ptr<const Regex> regex_;
  std::shared_ptr<const TraceIdSet> trace_ids_;
  std::shared_ptr<const std::vector<Expr>> children_;
};

// One byte a row, 1 where the expression holds.
std::vector<uint8_t> evaluate(const Expr& expr, const Batch& batch);

// Whether the labels alone decide the expression: yes (true for every row), no (false for every row), or it
// depends on the row. Label parts are decided, parts on other columns are unknown.
enum class Decision : uint8_t { no, yes, depends };
Decision decide_by_labels(const Expr& expr, LabelsView labels);

}  // namespace obelisk
