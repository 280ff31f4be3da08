#pragma once
// The part of alertmanager.yml that this version serves: the routing tree with its timers, and receivers of
// webhook and Slack (incoming webhook) kind. Every other key is refused by name, with file and line.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "model/labels.h"
#include "plan/regex.h"

namespace obelisk::alerting {

struct Matcher {
  enum class Op : uint8_t { equal, not_equal, matches, not_matches };
  std::string name;
  Op op = Op::equal;
  std::string value;
  std::shared_ptr<const Regex> regex;

  bool holds(const Labels& labels) const;  // an absent label is the empty string
  std::string to_string() const;           // name="value"
};

// `a="b"`, `a=~"b.*"`, `a!=b`; names and values may be double-quoted.
Result<Matcher> parse_matcher(std::string_view text);

struct Route {
  std::string receiver;
  std::vector<std::string> group_by;
  bool group_by_all = false;  // group_by: ['...']
  int64_t group_wait_nanos = 30 * kNanosPerSecond;
  int64_t group_interval_nanos = 300 * kNanosPerSecond;
  int64_t repeat_interval_nanos = 4 * 3600 * kNanosPerSecond;
  std::vector<Matcher> matchers;
  bool continue_matching = false;
  std::vector<Route> routes;
  std::string path;  // "{}/{severity=\"page\"}": the first part of group keys
};

struct WebhookConfig {
  std::string url;
  bool send_resolved = true;
  uint64_t max_alerts = 0;  // 0: all
};

struct SlackConfig {
  std::string api_url;  // a secret: never logged
  std::string channel;
  std::string username = "Obelisk";
  std::string title;  // templates; empty: our own
  std::string text;
  bool send_resolved = false;  // Alertmanager's default
};

struct Receiver {
  std::string name;
  std::vector<WebhookConfig> webhooks;
  std::vector<SlackConfig> slacks;
};

struct AlertmanagerConfig {
  int64_t resolve_timeout_nanos = 300 * kNanosPerSecond;
  Route route;
  std::vector<Receiver> receivers;

  const Receiver* find_receiver(std::string_view name) const;
};

Result<AlertmanagerConfig> parse_alertmanager_config(std::string_view text, const std::string& file);

// The routes that handle an alert with these labels, depth first, as Alertmanager walks them.
std::vector<const Route*> matching_routes(const Route& root, const Labels& labels);

}  // namespace obelisk::alerting
