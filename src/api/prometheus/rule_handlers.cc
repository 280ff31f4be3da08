#include <algorithm>
#include <set>

#include "api/prometheus/handlers.h"
#include "api/prometheus/result_json.h"
#include "api/request/rule_json.h"
#include "base/hash.h"
#include "base/text.h"
#include "query/promql/parser.h"

namespace obelisk::prometheus_api {
namespace {

using rules::Alert;
using rules::AlertPhase;
using rules::Rule;
using rules::RuleGroupStatus;
using rules::RuleStatus;

// What a request for rules asks to see.
struct RuleFilter {
  bool alerting = true;
  bool recording = true;
  bool with_alerts = true;
  std::set<std::string, std::less<>> names, groups, files;
  std::vector<std::vector<promql::Matcher>> selectors;

  bool wants(const RuleStatus& status) const {
    const Rule& rule = status.rule;
    if (!(rule.kind == Rule::Kind::alerting ? alerting : recording)) return false;
    if (!names.empty() && !names.contains(rule.name)) return false;
    if (selectors.empty()) return true;
    return std::any_of(selectors.begin(), selectors.end(), [&](const std::vector<promql::Matcher>& matchers) {
      return std::all_of(matchers.begin(), matchers.end(), [&](const promql::Matcher& matcher) {
        auto label = rule.labels.find(matcher.name);
        return matcher.matches(label == rule.labels.end() ? std::string_view()
                                                          : std::string_view(label->second));
      });
    });
  }
};

Result<RuleFilter> filter_of(const Parameters& parameters) {
  RuleFilter filter;
  std::string_view type =
      to_lower(parameters.get_or("type", "")) == "alert" ? "alert" : parameters.get_or("type", "");
  if (!type.empty() && type != "alert" && to_lower(type) != "record") {
    return invalid_parameter("type",
                             "not supported value \"" + replace_invalid_utf8(type.substr(0, 100)) + "\"");
  }
  filter.recording = type != "alert";
  filter.alerting = type.empty() || type == "alert";
  std::string_view exclude = parameters.get_or("exclude_alerts", "");
  if (!exclude.empty() && exclude != "true" && exclude != "false" && exclude != "1" && exclude != "0") {
    return invalid_parameter("exclude_alerts", "expected true or false");
  }
  filter.with_alerts = exclude != "true" && exclude != "1";
  for (auto [name, set] : {std::pair("rule_name[]", &filter.names), std::pair("rule_group[]", &filter.groups),
                           std::pair("file[]", &filter.files)}) {
    for (std::string_view value : parameters.get_all(name)) set->emplace(value);
  }
  for (std::string_view selector : parameters.get_all("match[]")) {
    Result<std::vector<promql::Matcher>> matchers = promql::parse_selector(selector);
    if (!matchers.ok()) return invalid_parameter("match[]", promql::parse_error_text(matchers.error()));
    filter.selectors.push_back(std::move(*matchers));
  }
  return filter;
}

// Names a group so that the next page can begin after it, whatever was loaded in between.
std::string page_token(const RuleGroupStatus& group) {
  uint64_t hash = hash64(group.name, hash64(group.file));
  return to_hex(std::string_view(reinterpret_cast<const char*>(&hash), sizeof hash));
}

std::vector<RuleGroupStatus> groups_of(const ApiCall& call, const Tenant& tenant) {
  const auto& provider = call.service.providers.rule_groups;
  std::vector<RuleGroupStatus> groups = provider ? provider() : std::vector<RuleGroupStatus>();
  std::erase_if(groups, [&](const RuleGroupStatus& group) { return group.tenant != tenant; });
  std::sort(groups.begin(), groups.end(), [](const RuleGroupStatus& a, const RuleGroupStatus& b) {
    return std::tie(a.file, a.name) < std::tie(b.file, b.name);
  });
  return groups;
}

}  // namespace

Result<Answer> handle_rules(ApiCall& call, const PathParameters&) {
  OBELISK_TRY(Tenant tenant, tenant_of(call.service.context, call.exchange->request()));
  OBELISK_TRY(RuleFilter filter, filter_of(call.parameters));
  OBELISK_TRY(uint64_t limit, limit_of(call.parameters, "group_limit"));
  std::string_view after = call.parameters.get_or("group_next_token", "");
  if (!after.empty() && limit == 0)
    return invalid_parameter("group_limit",
                             "group_limit needs to be set in order to paginate over the groups");
  std::vector<RuleGroupStatus> groups = groups_of(call, tenant);
  if (!after.empty()) {
    auto last = std::find_if(groups.begin(), groups.end(),
                             [&](const RuleGroupStatus& group) { return page_token(group) == after; });
    if (last == groups.end())
      return invalid_parameter("group_next_token", "no such group: were the rule files reloaded?");
    groups.erase(groups.begin(), last + 1);
  }
  JsonWriter json;
  json.begin_object().key("groups").begin_array();
  uint64_t written = 0;
  std::string next;
  const RuleGroupStatus* previous = nullptr;
  for (const RuleGroupStatus& group : groups) {
    if (!filter.groups.empty() && !filter.groups.contains(group.name)) continue;
    if (!filter.files.empty() && !filter.files.contains(group.file)) continue;
    bool any = std::any_of(group.rules.begin(), group.rules.end(),
                           [&](const RuleStatus& rule) { return filter.wants(rule); });
    if (!any) continue;
    if (limit != 0 && written == limit) {
      next = page_token(*previous);
      break;
    }
    ++written;
    previous = &group;
    write_rule_group(json, group, filter.with_alerts,
                     [&](const RuleStatus& rule) { return filter.wants(rule); });
  }
  json.end_array();
  if (!next.empty()) json.field("groupNextToken", next);
  json.end_object();
  return Answer{json.take(), {}, {}};
}

Result<Answer> handle_alerts(ApiCall& call, const PathParameters&) {
  OBELISK_TRY(Tenant tenant, tenant_of(call.service.context, call.exchange->request()));
  JsonWriter json;
  json.begin_object().key("alerts").begin_array();
  for (const RuleGroupStatus& group : groups_of(call, tenant)) {
    for (const RuleStatus& rule : group.rules) {
      for (const Alert& alert : rule.alerts) write_alert(json, alert);
    }
  }
  json.end_array().end_object();
  return Answer{json.take(), {}, {}};
}

Result<Answer> handle_alertmanagers(ApiCall& call, const PathParameters&) {
  const auto& provider = call.service.providers.alertmanager_urls;
  JsonWriter json;
  json.begin_object().key("activeAlertmanagers").begin_array();
  for (const std::string& url : provider ? provider() : std::vector<std::string>()) {
    json.begin_object().field("url", url).end_object();
  }
  json.end_array().key("droppedAlertmanagers").begin_array().end_array().end_object();
  return Answer{json.take(), {}, {}};
}

}  // namespace obelisk::prometheus_api
