#pragma once
// What goes out for one group of alerts, and its two wire shapes: Alertmanager's webhook JSON (version 4) and
// the message of a Slack-compatible incoming webhook. Pure functions.
#include <map>
#include <string>
#include <vector>

#include "alerting/alertmanager_config.h"
#include "rules/rule_manager.h"

namespace obelisk::alerting {

struct Notification {
  std::string receiver;
  std::string group_key;  // `{}:{alertname="X"}`
  Labels group_labels;
  std::string external_url;
  std::vector<rules::FiredAlert> alerts;  // sorted by labels

  bool is_resolved() const;  // no alert fires any more
};

// What all alerts of a notification share.
struct CommonFields {
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
};
CommonFields common_fields(const Notification& notification);
std::map<std::string, std::string> label_map(const Labels& labels);

// Alertmanager's fingerprint: FNV-1a over the sorted labels, 16 hexadecimal digits.
std::string fingerprint_of(const Labels& labels);

// At most `max_alerts` alerts (0: all); the rest is counted in truncatedAlerts.
std::string webhook_body(const Notification& notification, uint64_t max_alerts);
std::string slack_body(const Notification& notification, const SlackConfig& config);

}  // namespace obelisk::alerting
