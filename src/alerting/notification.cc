#include "alerting/notification.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "alerting/notification_template.h"
#include "base/json_writer.h"
#include "base/text.h"

namespace obelisk::alerting {
namespace {

using LabelMap = std::map<std::string, std::string>;

// The entries that all maps share.
LabelMap common(const std::vector<LabelMap>& maps) {
  if (maps.empty()) return {};
  LabelMap shared = maps[0];
  for (const LabelMap& map : maps) {
    std::erase_if(shared, [&](const auto& entry) {
      auto it = map.find(entry.first);
      return it == map.end() || it->second != entry.second;
    });
  }
  return shared;
}

void write_map(JsonWriter& json, std::string_view key, const LabelMap& map) {
  json.key(key).begin_object();
  for (const auto& [name, value] : map) json.field(name, value);
  json.end_object();
}

// Slack's three control characters.
std::string escape_slack(std::string_view text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string_view annotation(const rules::FiredAlert& alert, std::initializer_list<std::string_view> names) {
  for (std::string_view name : names) {
    auto it = alert.annotations.find(std::string(name));
    if (it != alert.annotations.end()) return it->second;
  }
  return {};
}

// What a receiver without templates of its own is told: a line an alert, its description, its runbook.
std::string default_slack_text(const Notification& notification) {
  std::string text;
  for (const rules::FiredAlert& alert : notification.alerts) {
    std::string_view mark = alert.resolved ? ":white_check_mark:" : ":rotating_light:";
    std::string_view severity = alert.labels.get("severity");
    std::string_view summary = annotation(alert, {"summary", "title"});
    text +=
        fmt::format("{} {}{}\n", mark, severity.empty() ? "" : fmt::format("*{}*: ", escape_slack(severity)),
                    escape_slack(summary.empty() ? alert.labels.get("alertname") : summary));
    std::string_view description = annotation(alert, {"description", "message"});
    if (!description.empty()) text += escape_slack(description) + "\n";
    std::string_view runbook = annotation(alert, {"runbook_url", "runbook"});
    if (!runbook.empty()) text += fmt::format("Runbook: {}\n", escape_slack(runbook));
  }
  return text;
}

}  // namespace

LabelMap label_map(const Labels& labels) {
  LabelMap map;
  for (const Label& label : labels) map[label.name] = label.value;
  return map;
}

CommonFields common_fields(const Notification& notification) {
  std::vector<LabelMap> labels;
  std::vector<LabelMap> annotations;
  for (const rules::FiredAlert& alert : notification.alerts) {
    labels.push_back(label_map(alert.labels));
    annotations.push_back(alert.annotations);
  }
  return {common(labels), common(annotations)};
}

bool Notification::is_resolved() const {
  return std::all_of(alerts.begin(), alerts.end(),
                     [](const rules::FiredAlert& alert) { return alert.resolved; });
}

std::string fingerprint_of(const Labels& labels) {
  uint64_t hash = 14695981039346656037u;
  auto add = [&](std::string_view text) {
    for (unsigned char c : text) hash = (hash ^ c) * 1099511628211u;
    hash = (hash ^ 0xff) * 1099511628211u;
  };
  for (const Label& label : labels) {
    add(label.name);
    add(label.value);
  }
  return fmt::format("{:016x}", hash);
}

std::string webhook_body(const Notification& notification, uint64_t max_alerts) {
  size_t shown = notification.alerts.size();
  if (max_alerts != 0) shown = std::min<size_t>(shown, max_alerts);
  JsonWriter json;
  json.begin_object();
  json.field("receiver", notification.receiver);
  json.field("status", notification.is_resolved() ? "resolved" : "firing");
  json.key("alerts").begin_array();
  for (size_t i = 0; i < shown; ++i) {
    const rules::FiredAlert& alert = notification.alerts[i];
    json.begin_object();
    json.field("status", alert.resolved ? "resolved" : "firing");
    write_map(json, "labels", label_map(alert.labels));
    write_map(json, "annotations", alert.annotations);
    json.field("startsAt", format_rfc3339(alert.starts_at.value));
    json.field("endsAt", alert.resolved ? format_rfc3339(alert.ends_at.value) : "0001-01-01T00:00:00Z");
    json.field("generatorURL", alert.generator_url);
    json.field("fingerprint", fingerprint_of(alert.labels));
    json.end_object();
  }
  json.end_array();
  CommonFields shared = common_fields(notification);
  write_map(json, "groupLabels", label_map(notification.group_labels));
  write_map(json, "commonLabels", shared.labels);
  write_map(json, "commonAnnotations", shared.annotations);
  json.field("externalURL", notification.external_url);
  json.field("version", "4");
  json.field("groupKey", notification.group_key);
  json.field("truncatedAlerts", static_cast<uint64_t>(notification.alerts.size() - shown));
  json.end_object();
  return json.take() + "\n";
}

std::string slack_body(const Notification& notification, const SlackConfig& config) {
  bool resolved = notification.is_resolved();
  size_t firing =
      static_cast<size_t>(std::count_if(notification.alerts.begin(), notification.alerts.end(),
                                        [](const rules::FiredAlert& alert) { return !alert.resolved; }));
  CommonFields shared = common_fields(notification);
  std::string name = shared.labels.contains("alertname") ? shared.labels["alertname"] : "alerts";
  std::string title = resolved ? "[RESOLVED] " + name : fmt::format("[FIRING:{}] {}", firing, name);
  if (!config.title.empty()) title = expand_notification_template(config.title, notification);
  std::string text = config.text.empty() ? default_slack_text(notification)
                                         : expand_notification_template(config.text, notification);
  JsonWriter json;
  json.begin_object();
  if (!config.channel.empty()) json.field("channel", config.channel);
  json.field("username", config.username);
  json.key("attachments").begin_array().begin_object();
  json.field("title", title).field("title_link", notification.external_url + "/alerts");
  json.field("text", text).field("fallback", title).field("color", resolved ? "good" : "danger");
  json.key("mrkdwn_in").begin_array().value("text").end_array();
  json.end_object().end_array().end_object();
  return json.take();
}

}  // namespace obelisk::alerting
