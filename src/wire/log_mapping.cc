#include "wire/log_mapping.h"

#include <algorithm>

#include "wire/loki_labels.h"

namespace obelisk {
namespace {

const LogAttributeRule* first_rule(const std::vector<LogAttributeRule>& rules, std::string_view attribute) {
  auto found = std::find_if(rules.begin(), rules.end(),
                            [&](const LogAttributeRule& rule) { return rule.names(attribute); });
  return found == rules.end() ? nullptr : &*found;
}

LogAttributeAction action_of(const std::vector<LogAttributeRule>& rules, std::string_view attribute) {
  const LogAttributeRule* rule = first_rule(rules, attribute);
  return rule == nullptr ? LogAttributeAction::structured_metadata : rule->action;
}

}  // namespace

bool LogAttributeRule::names(std::string_view attribute) const {
  if (regex && regex->matches(attribute)) return true;
  return std::find(attributes.begin(), attributes.end(), attribute) != attributes.end();
}

LogAttributeAction LogMapping::resource_action(std::string_view attribute) const {
  if (const LogAttributeRule* rule = first_rule(resource, attribute)) return rule->action;
  bool is_default = !ignore_defaults && !stream_label_of(attribute).empty();
  return is_default ? LogAttributeAction::index_label : LogAttributeAction::structured_metadata;
}

LogAttributeAction LogMapping::scope_action(std::string_view attribute) const {
  return action_of(scope, attribute);
}

LogAttributeAction LogMapping::record_action(std::string_view attribute) const {
  return action_of(record, attribute);
}

bool LogMapping::labels_of_records() const {
  return severity_text_as_label ||
         std::any_of(record.begin(), record.end(), [](const LogAttributeRule& rule) {
           return rule.action == LogAttributeAction::index_label;
         });
}

const LogMapping& default_log_mapping() {
  static const LogMapping kDefault;
  return kDefault;
}

}  // namespace obelisk
