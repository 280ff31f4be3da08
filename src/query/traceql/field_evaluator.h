#pragma once
// Evaluates field expressions on spans. Rules beyond the types:
// * a comparison with an absent value is false, also !=; only `= nil` and `!= nil` see absence;
// * of a list, = < > =~ hold when one element fits, != and !~ when there are elements of the kind that is
//   compared with and none of them does;
// * && || ! take booleans; anything else counts as not true, and ! of it is not true either.
// Not thread safe (regexes that are not literals are cached).
#include <map>

#include "query/traceql/attribute_reader.h"

namespace obelisk::traceql {

class FieldEvaluator {
 public:
  explicit FieldEvaluator(AttributeReader& reader) : reader_(reader) {}

  // With the reader bound and, for spans, the trace set.
  Value on_span(const FieldExpr& expr, uint32_t span) { return evaluate(expr, span, true); }
  Value on_row(const FieldExpr& expr, uint32_t row) { return evaluate(expr, row, false); }
  bool holds_on_span(const FieldExpr& expr, uint32_t span) { return on_span(expr, span).is_true(); }
  bool holds_on_row(const FieldExpr& expr, uint32_t row) { return on_row(expr, row).is_true(); }

 private:
  Value evaluate(const FieldExpr& expr, uint32_t index, bool is_span);
  Value evaluate_operation(const FieldExpr& expr, uint32_t index, bool is_span);
  bool compare(const FieldExpr& expr, const Value& left, const Value& right);
  bool matches(const FieldExpr& expr, const Value& text, const Value& pattern);
  const Regex* regex_of(std::string_view pattern);

  static constexpr size_t kRegexesMax = 256;  // of patterns that come from attributes
  AttributeReader& reader_;
  std::map<std::string, std::shared_ptr<const Regex>, std::less<>> regexes_;
};

// `left op right` for = != < <= > >= on single values; a comparison of different kinds is false.
bool compare_holds(FieldOp op, const Value& left, const Value& right);

}  // namespace obelisk::traceql
