#include "api/request/rule_json.h"

#include <charconv>
#include <cmath>

#include "base/text.h"

namespace obelisk {
namespace {

using rules::Alert;
using rules::AlertPhase;
using rules::Rule;
using rules::RuleGroupStatus;
using rules::RuleStatus;

// Go's zero time, which stands for "never".
std::string time_text(UnixNanos time) {
  return time.value == 0 ? "0001-01-01T00:00:00Z" : format_rfc3339(time.value);
}

// Go's strconv 'e' -1: "1e+00".
std::string scientific(double value) {
  if (!std::isfinite(value)) return format_sample_value(value);
  char text[64];
  auto [end, error] = std::to_chars(text, text + sizeof text, value, std::chars_format::scientific);
  return error == std::errc() ? std::string(text, end) : format_sample_value(value);
}

void write_map(JsonWriter& json, std::string_view key, const std::map<std::string, std::string>& map) {
  json.key(key).begin_object();
  for (const auto& [name, value] : map) json.field(name, value);
  json.end_object();
}

std::string_view health_name(rules::RuleHealth health) {
  switch (health) {
    case rules::RuleHealth::unknown:
      return "unknown";
    case rules::RuleHealth::ok:
      return "ok";
    case rules::RuleHealth::error:
      return "err";
  }
  return "unknown";
}

std::string_view state_of(const RuleStatus& rule) {
  if (rule.last_evaluation.value == 0) return "unknown";
  bool pending = false;
  for (const Alert& alert : rule.alerts) {
    if (alert.phase == AlertPhase::firing) return "firing";
    pending |= alert.phase == AlertPhase::pending;
  }
  return pending ? "pending" : "inactive";
}

double seconds(int64_t nanos) {
  return static_cast<double>(nanos) / 1e9;
}

void write_rule(JsonWriter& json, const RuleStatus& status, bool with_alerts) {
  const Rule& rule = status.rule;
  bool alerting = rule.kind == Rule::Kind::alerting;
  json.begin_object();
  if (alerting) json.field("state", state_of(status));
  json.field("name", rule.name).field("query", rule.expression);
  if (alerting)
    json.field("duration", seconds(rule.for_nanos))
        .field("keepFiringFor", seconds(rule.keep_firing_for_nanos));
  write_map(json, "labels", rule.labels);
  if (alerting) {
    write_map(json, "annotations", rule.annotations);
    json.key("alerts").begin_array();
    for (const Alert& alert : status.alerts) {
      if (with_alerts) write_alert(json, alert);
    }
    json.end_array();
  }
  json.field("health", health_name(status.health));
  if (!status.last_error.empty()) json.field("lastError", status.last_error);
  json.field("evaluationTime", status.evaluation_seconds)
      .field("lastEvaluation", time_text(status.last_evaluation));
  json.field("type", alerting ? "alerting" : "recording").end_object();
}

}  // namespace

void write_alert(JsonWriter& json, const Alert& alert) {
  json.begin_object().key("labels").begin_object();
  for (const Label& label : alert.labels) json.field(label.name, label.value);
  json.end_object();
  write_map(json, "annotations", alert.annotations);
  json.field("state", rules::alert_phase_name(alert.phase)).field("activeAt", time_text(alert.active_at));
  if (alert.keep_firing_since.value != 0) json.field("keepFiringSince", time_text(alert.keep_firing_since));
  json.field("value", scientific(alert.value)).end_object();
}

void write_rule_group(JsonWriter& json, const RuleGroupStatus& group, bool with_alerts,
                      const std::function<bool(const RuleStatus&)>& wants) {
  json.begin_object().field("name", group.name).field("file", group.file).key("rules").begin_array();
  for (const RuleStatus& rule : group.rules) {
    if (wants(rule)) write_rule(json, rule, with_alerts);
  }
  json.end_array();
  if (group.language != rules::RuleLanguage::promql)  // beyond Prometheus' fields, whose rules are PromQL
    json.field("language", rules::rule_language_name(group.language));
  json.field("interval", seconds(group.interval_nanos)).field("limit", group.limit);
  json.field("evaluationTime", group.evaluation_seconds)
      .field("lastEvaluation", time_text(group.last_evaluation))
      .end_object();
}

}  // namespace obelisk
