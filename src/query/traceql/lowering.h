#pragma once
// Turns TraceQL conditions into predicates a store can apply (plan/expression.h).
// Lowered::expr is never too narrow: it holds on every span on which the condition holds. When `exact`, it
// holds on no other span, so that the condition need not be evaluated again. What cannot be said to a store
// (arithmetic, facts of the whole trace, arrays) becomes "always", inexact. Whether an attribute may hold
// arrays in the asked range is known from the store's columns. Pure functions.
#include <set>
#include <vector>

#include "plan/expression.h"
#include "query/traceql/ast.h"
#include "storage/reader.h"

namespace obelisk::traceql {

struct Lowered {
  Expr expr;
  bool exact = false;
};

// The attribute columns that hold arrays or maps, where predicates of a store see nothing.
class ArrayColumns {
 public:
  ArrayColumns() = default;
  explicit ArrayColumns(const std::vector<ColumnInfo>& columns);
  bool contains(const ColumnId& id) const { return ids_.contains(id); }

 private:
  std::set<ColumnId> ids_;
};

Lowered lower_condition(const FieldExpr& expr, const ArrayColumns& arrays);

// Predicates each of which at least one span of the trace must fulfil for the pipeline to find anything in
// it. May be empty. `leaves` are the lowered filters by SpansetExpr::leaf.
std::vector<Expr> required_in_trace(const Pipeline& pipeline, const std::vector<Lowered>& leaves);

// Filters (SpansetExpr::leaf) of which a span of one must be a descendant (`direct`: child) of a span of the
// other for the pipeline to find anything in a trace.
struct RequiredRelation {
  size_t upper = 0;
  size_t lower = 0;
  bool direct = false;
};
std::vector<RequiredRelation> required_relations(const Pipeline& pipeline);

}  // namespace obelisk::traceql
