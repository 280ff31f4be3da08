#include "alerting/notification_template.h"

#include <fmt/format.h>

#include "query/core/go_template.h"
#include "rules/alert_template_functions.h"

namespace obelisk::alerting {
namespace {

TemplateValue to_value(const std::map<std::string, std::string>& map) {
  TemplateMap out;
  for (const auto& [name, value] : map) out[name] = TemplateValue(value);
  return TemplateValue(std::move(out));
}

Result<TemplateValue> join(TemplateArguments arguments, const TemplateScope&) {
  if (arguments[0].kind() != TemplateValue::Kind::text || arguments[1].kind() != TemplateValue::Kind::list) {
    return make_error(ErrorCode::execution, "join takes a text and a list");
  }
  std::string out;
  for (const TemplateValue& item : arguments[1].list()) {
    if (!out.empty()) out += arguments[0].text();
    item.append_to(out);
  }
  return TemplateValue(std::move(out));
}

// Rule templates' functions without those that ask the store or the evaluation.
const TemplateFunctions& functions() {
  static const TemplateFunctions table = [] {
    TemplateFunctions built = rules::alert_template_functions();
    for (const char* name : {"query", "first", "label", "value", "strvalue", "sortByLabel", "now",
                             "externalURL", "pathPrefix"}) {
      built.erase(name);
    }
    built["join"] = {2, 2, join};
    return built;
  }();
  return table;
}

TemplateValue alert_value(const rules::FiredAlert& alert) {
  TemplateMap map;
  map["Status"] = TemplateValue(alert.resolved ? "resolved" : "firing");
  map["Labels"] = to_value(label_map(alert.labels));
  map["Annotations"] = to_value(alert.annotations);
  map["StartsAt"] = TemplateValue(alert.starts_at);
  map["EndsAt"] = TemplateValue(alert.ends_at);
  map["GeneratorURL"] = TemplateValue(alert.generator_url);
  map["Fingerprint"] = TemplateValue(fingerprint_of(alert.labels));
  return TemplateValue(std::move(map));
}

Result<std::string> expand(std::string_view text, const Notification& notification) {
  OBELISK_TRY(GoTemplate parsed, GoTemplate::parse("notification", text, functions()));
  CommonFields common = common_fields(notification);
  TemplateList alerts;
  for (const rules::FiredAlert& alert : notification.alerts) alerts.push_back(alert_value(alert));
  TemplateMap root;
  root["Receiver"] = TemplateValue(notification.receiver);
  root["Status"] = TemplateValue(notification.is_resolved() ? "resolved" : "firing");
  root["Alerts"] = TemplateValue(std::move(alerts));
  root["GroupLabels"] = to_value(label_map(notification.group_labels));
  root["CommonLabels"] = to_value(common.labels);
  root["CommonAnnotations"] = to_value(common.annotations);
  root["ExternalURL"] = TemplateValue(notification.external_url);
  std::string out;
  OBELISK_CHECK_OK(parsed.execute(TemplateScope{TemplateValue(std::move(root)), nullptr}, out));
  return out;
}

}  // namespace

Result<void> check_notification_template(std::string_view text) {
  Result<GoTemplate> parsed = GoTemplate::parse("notification", text, functions());
  if (!parsed.ok()) return parsed.error();
  return {};
}

std::string expand_notification_template(std::string_view text, const Notification& notification) {
  Result<std::string> expanded = expand(text, notification);
  return expanded.ok() ? *expanded : fmt::format("<error expanding template: {}>", expanded.error().message);
}

}  // namespace obelisk::alerting
