#pragma once
// Which spans a generator of metrics looks at: Tempo's filter policies. A span must pass every policy; it
// passes one when all conditions of `include` hold, one of `include_any` holds, and not all of `exclude` do
// (a part that is absent asks nothing). Keys are resource.NAME, span.NAME, name, kind and status; kinds and
// statuses are compared as SPAN_KIND_SERVER and STATUS_CODE_ERROR, other values as text. A condition on an
// attribute that the span lacks does not hold.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "plan/regex.h"
#include "query/core/attribute_columns.h"
#include "query/core/span_columns.h"

namespace obelisk {

struct SpanCondition {
  enum class Of : uint8_t { name, kind, status, attribute };
  Of of = Of::attribute;
  AttributeColumns::Where where = AttributeColumns::Where::span;
  std::string name;                    // of an attribute
  std::string value;                   // equal to it,
  std::shared_ptr<const Regex> regex;  // or, when set, found by it
};

struct SpanFilterPolicy {
  std::optional<std::vector<SpanCondition>> include;
  std::optional<std::vector<SpanCondition>> include_any;
  std::optional<std::vector<SpanCondition>> exclude;
};

// Checks key and value; `regex`: the value is a pattern that may be found anywhere.
Result<SpanCondition> make_span_condition(std::string_view key, const std::string& value, bool regex);

// "SPAN_KIND_SERVER", "STATUS_CODE_ERROR".
std::string_view span_kind_label(int64_t kind);
std::string_view span_status_label(int64_t status);

// The policies bound to one batch, which must outlive it.
class SpanFilter {
 public:
  SpanFilter(const std::vector<SpanFilterPolicy>& policies, const Batch& spans);
  bool keeps(size_t row) const;

 private:
  struct Condition {
    const SpanCondition* condition;
    AttributeColumns columns;
  };
  struct Policy {
    std::optional<std::vector<Condition>> include, include_any, exclude;
  };

  std::optional<std::vector<Condition>> bind(
      const std::optional<std::vector<SpanCondition>>& conditions) const;
  bool holds(const Condition& condition, size_t row) const;
  bool all_hold(const std::vector<Condition>& conditions, size_t row) const;
  bool any_holds(const std::vector<Condition>& conditions, size_t row) const;

  const Batch& spans_;
  SpanColumns columns_;
  std::vector<Policy> policies_;
};

}  // namespace obelisk
