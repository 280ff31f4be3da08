#include "query/core/span_filter.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace obelisk {
namespace {

constexpr std::array<std::string_view, 6> kKinds = {"SPAN_KIND_UNSPECIFIED", "SPAN_KIND_INTERNAL",
                                                    "SPAN_KIND_SERVER",      "SPAN_KIND_CLIENT",
                                                    "SPAN_KIND_PRODUCER",    "SPAN_KIND_CONSUMER"};
constexpr std::array<std::string_view, 3> kStatuses = {"STATUS_CODE_UNSET", "STATUS_CODE_OK",
                                                       "STATUS_CODE_ERROR"};

template <size_t Count>
Result<void> check_name(std::string_view key, std::string_view value,
                        const std::array<std::string_view, Count>& names) {
  if (std::find(names.begin(), names.end(), value) != names.end()) return {};
  return make_error(ErrorCode::invalid_argument,
                    fmt::format("{} is never \"{}\"; it is one of {}", key, value, fmt::join(names, ", ")));
}

}  // namespace

std::string_view span_kind_label(int64_t kind) {
  return kind >= 0 && kind < static_cast<int64_t>(kKinds.size()) ? kKinds[static_cast<size_t>(kind)]
                                                                 : kKinds[0];
}

std::string_view span_status_label(int64_t status) {
  return status >= 0 && status < static_cast<int64_t>(kStatuses.size())
             ? kStatuses[static_cast<size_t>(status)]
             : kStatuses[0];
}

Result<SpanCondition> make_span_condition(std::string_view key, const std::string& value, bool regex) {
  SpanCondition condition;
  condition.value = value;
  auto attribute_of = [&](std::string_view scope, AttributeColumns::Where where) {
    if (!key.starts_with(scope) || key.size() == scope.size()) return false;
    condition.name = key.substr(scope.size());
    condition.where = where;
    return true;
  };
  if (key == "name" || key == "span:name") {
    condition.of = SpanCondition::Of::name;
  } else if (key == "kind" || key == "span:kind") {
    condition.of = SpanCondition::Of::kind;
    if (!regex) OBELISK_CHECK_OK(check_name("kind", value, kKinds));
  } else if (key == "status" || key == "span:status") {
    condition.of = SpanCondition::Of::status;
    if (!regex) OBELISK_CHECK_OK(check_name("status", value, kStatuses));
  } else if (!attribute_of("resource.", AttributeColumns::Where::resource) &&
             !attribute_of("span.", AttributeColumns::Where::span)) {
    return make_error(ErrorCode::invalid_argument,
                      fmt::format("key \"{}\": resource.NAME, span.NAME, name, kind or status is one", key));
  }
  if (regex) {
    OBELISK_TRY(condition.regex, Regex::compile(value, Regex::Mode::searching));
  }
  return condition;
}

SpanFilter::SpanFilter(const std::vector<SpanFilterPolicy>& policies, const Batch& spans)
    : spans_(spans), columns_(spans) {
  for (const SpanFilterPolicy& policy : policies)
    policies_.push_back({bind(policy.include), bind(policy.include_any), bind(policy.exclude)});
}

std::optional<std::vector<SpanFilter::Condition>> SpanFilter::bind(
    const std::optional<std::vector<SpanCondition>>& conditions) const {
  if (!conditions) return std::nullopt;
  std::vector<Condition> bound;
  for (const SpanCondition& condition : *conditions)
    bound.push_back({&condition, AttributeColumns(spans_, condition.name, condition.where)});
  return bound;
}

bool SpanFilter::holds(const Condition& bound, size_t row) const {
  const SpanCondition& condition = *bound.condition;
  std::string text;
  std::string_view value;
  switch (condition.of) {
    case SpanCondition::Of::name:
      value = columns_.name(row);
      break;
    case SpanCondition::Of::kind:
      value = span_kind_label(columns_.kind(row));
      break;
    case SpanCondition::Of::status:
      value = span_status_label(columns_.status(row));
      break;
    case SpanCondition::Of::attribute:
      if (!bound.columns.append_first_of(row, text)) return false;
      value = text;
      break;
  }
  return condition.regex ? condition.regex->matches(value) : value == condition.value;
}

bool SpanFilter::all_hold(const std::vector<Condition>& conditions, size_t row) const {
  return std::all_of(conditions.begin(), conditions.end(),
                     [&](const Condition& one) { return holds(one, row); });
}

bool SpanFilter::any_holds(const std::vector<Condition>& conditions, size_t row) const {
  return std::any_of(conditions.begin(), conditions.end(),
                     [&](const Condition& one) { return holds(one, row); });
}

bool SpanFilter::keeps(size_t row) const {
  for (const Policy& policy : policies_) {
    if (policy.include && !all_hold(*policy.include, row)) return false;
    if (policy.include_any && !any_holds(*policy.include_any, row)) return false;
    if (policy.exclude && all_hold(*policy.exclude, row)) return false;
  }
  return true;
}

}  // namespace obelisk
