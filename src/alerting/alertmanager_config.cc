#include "alerting/alertmanager_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "alerting/notification_template.h"
#include "base/json_writer.h"
#include "base/text.h"
#include "base/yaml.h"

namespace obelisk::alerting {
namespace {

constexpr std::string_view kNotYet = "is not supported yet";

// A name or a value: bare, or double-quoted with \" \\ \n.
Result<std::string> unquote(std::string_view text) {
  text = trim(text);
  if (text.empty() || text[0] != '"') {
    if (text.find_first_of("\"{},=~!") != std::string_view::npos) {
      return make_error(ErrorCode::parse_error, fmt::format("quote {} in a matcher", text));
    }
    return std::string(text);
  }
  std::string out;
  for (size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') {
      if (i + 1 != text.size()) break;
      return out;
    }
    if (text[i] == '\\' && i + 1 < text.size()) {
      ++i;
      out += text[i] == 'n' ? '\n' : text[i];
    } else {
      out += text[i];
    }
  }
  return make_error(ErrorCode::parse_error, fmt::format("unterminated quote in matcher: {}", text));
}

bool is_http_url(std::string_view url) {
  return url.starts_with("http://") || url.starts_with("https://");
}

Result<void> parse_matchers(const YamlNode& node, const std::string& file, std::vector<Matcher>& out) {
  for (const YamlNode& item : node.items) {
    if (item.kind != YamlNode::Kind::scalar)
      return yaml_error(file, item, "a matcher is a text such as severity=\"page\"");
    Result<Matcher> matcher = parse_matcher(item.scalar);
    if (!matcher.ok()) return yaml_error(file, item, matcher.error().message);
    out.push_back(*matcher);
  }
  if (node.kind != YamlNode::Kind::list) return yaml_error(file, node, "matchers must be a list");
  return {};
}

std::string matchers_text(const std::vector<Matcher>& matchers) {
  std::string out = "{";
  for (const Matcher& matcher : matchers) out += (out.size() > 1 ? "," : "") + matcher.to_string();
  return out + "}";
}

Result<Route> parse_route(const YamlNode& node, const std::string& file, const Route* parent, int depth) {
  if (depth > 32) return yaml_error(file, node, "routes are nested deeper than 32");
  Route route;
  if (parent != nullptr) {
    route.receiver = parent->receiver;
    route.group_by = parent->group_by;
    route.group_by_all = parent->group_by_all;
    route.group_wait_nanos = parent->group_wait_nanos;
    route.group_interval_nanos = parent->group_interval_nanos;
    route.repeat_interval_nanos = parent->repeat_interval_nanos;
  }
  YamlMap map(node, file, "route");
  map.string("receiver", route.receiver);
  map.string_list("group_by", route.group_by);
  map.duration("group_wait", route.group_wait_nanos);
  map.duration("group_interval", route.group_interval_nanos);
  map.duration("repeat_interval", route.repeat_interval_nanos);
  map.boolean("continue", route.continue_matching);
  map.node("matchers",
           [&](const YamlNode& matchers) { return parse_matchers(matchers, file, route.matchers); });
  map.refuse({"match", "match_re"}, "is the old form: write matchers");
  map.refuse({"mute_time_intervals", "active_time_intervals", "labels"}, kNotYet);
  std::vector<const YamlNode*> children;
  map.list("routes", [&](const YamlNode& child) -> Result<void> {
    children.push_back(&child);
    return {};
  });
  OBELISK_CHECK_OK(map.finish());
  if (parent == nullptr && (!route.matchers.empty() || route.continue_matching)) {
    return yaml_error(file, node, "the root route takes every alert: it has no matchers and no continue");
  }
  if (route.receiver.empty()) return yaml_error(file, node, "the root route must name a receiver");
  if (route.group_interval_nanos <= 0 || route.repeat_interval_nanos <= 0) {
    return yaml_error(file, node, "group_interval and repeat_interval must be longer than 0");
  }
  if (node.find("group_by") != nullptr) {
    route.group_by_all = route.group_by == std::vector<std::string>{"..."};
    std::set<std::string> unique(route.group_by.begin(), route.group_by.end());
    if (unique.size() != route.group_by.size() || (unique.contains("...") && unique.size() > 1)) {
      return yaml_error(file, node, "group_by: a label twice, or ... together with others");
    }
  }
  route.path = (parent == nullptr ? "" : parent->path + "/") + matchers_text(route.matchers);
  for (const YamlNode* child : children) {
    OBELISK_TRY(Route parsed, parse_route(*child, file, &route, depth + 1));
    route.routes.push_back(std::move(parsed));
  }
  return route;
}

Result<WebhookConfig> parse_webhook(const YamlNode& node, const std::string& file) {
  WebhookConfig config;
  int64_t max_alerts = 0;
  YamlMap map(node, file, "webhook_configs");
  map.required_string("url", config.url);
  map.boolean("send_resolved", config.send_resolved);
  map.integer("max_alerts", max_alerts, 0, 1'000'000);
  map.refuse({"url_file", "http_config", "timeout", "payload"}, kNotYet);
  OBELISK_CHECK_OK(map.finish());
  if (!is_http_url(config.url))
    return yaml_error(file, node, "webhook_configs: url must begin with http:// or https://");
  config.max_alerts = static_cast<uint64_t>(max_alerts);
  return config;
}

Result<SlackConfig> parse_slack(const YamlNode& node, const std::string& file,
                                const std::string& global_url) {
  SlackConfig config;
  config.api_url = global_url;
  YamlMap map(node, file, "slack_configs");
  map.string("api_url", config.api_url);
  map.string("channel", config.channel);
  map.string("username", config.username);
  map.string("title", config.title);
  map.string("text", config.text);
  map.boolean("send_resolved", config.send_resolved);
  map.refuse({"api_url_file",   "http_config", "color",         "fields",    "actions",   "icon_emoji",
              "icon_url",       "title_link",  "pretext",       "fallback",  "footer",    "mrkdwn_in",
              "short_fields",   "link_names",  "callback_id",   "image_url", "thumb_url", "message_text",
              "update_message", "app_token",   "app_token_file"},
             kNotYet);
  OBELISK_CHECK_OK(map.finish());
  if (!is_http_url(config.api_url)) {
    return yaml_error(file, node,
                      "slack_configs: api_url (or global slack_api_url) must begin with http:// or https://");
  }
  for (const std::string* text : {&config.title, &config.text}) {
    if (Result<void> checked = check_notification_template(*text); !checked.ok()) {
      return yaml_error(file, node, "slack_configs: " + checked.error().message);
    }
  }
  return config;
}

Result<Receiver> parse_receiver(const YamlNode& node, const std::string& file, const std::string& slack_url) {
  Receiver receiver;
  YamlMap map(node, file, "receiver");
  map.required_string("name", receiver.name);
  map.list("webhook_configs", [&](const YamlNode& item) -> Result<void> {
    OBELISK_TRY(WebhookConfig config, parse_webhook(item, file));
    receiver.webhooks.push_back(std::move(config));
    return {};
  });
  map.list("slack_configs", [&](const YamlNode& item) -> Result<void> {
    OBELISK_TRY(SlackConfig config, parse_slack(item, file, slack_url));
    receiver.slacks.push_back(std::move(config));
    return {};
  });
  map.refuse({"email_configs", "pagerduty_configs", "opsgenie_configs", "victorops_configs",
              "pushover_configs", "telegram_configs", "sns_configs", "discord_configs", "msteams_configs",
              "msteamsv2_configs", "webex_configs", "wechat_configs", "jira_configs", "rocketchat_configs",
              "mattermost_configs", "incidentio_configs", "labels"},
             kNotYet);
  OBELISK_CHECK_OK(map.finish());
  return receiver;
}

Result<void> check_receivers(const Route& route, const AlertmanagerConfig& config, const std::string& file) {
  if (config.find_receiver(route.receiver) == nullptr) {
    return make_error(
        ErrorCode::parse_error,
        fmt::format("{}: route names receiver \"{}\", which is not defined", file, route.receiver));
  }
  for (const Route& child : route.routes) OBELISK_CHECK_OK(check_receivers(child, config, file));
  return {};
}

bool takes(const Route& route, const Labels& labels) {
  return std::all_of(route.matchers.begin(), route.matchers.end(),
                     [&](const Matcher& matcher) { return matcher.holds(labels); });
}

// True when the route or one below it took the alert.
bool collect(const Route& route, const Labels& labels, std::vector<const Route*>& out) {
  if (!takes(route, labels)) return false;
  bool taken_below = false;
  for (const Route& child : route.routes) {
    if (!collect(child, labels, out)) continue;
    taken_below = true;
    if (!child.continue_matching) break;
  }
  if (!taken_below) out.push_back(&route);
  return true;
}

}  // namespace

bool Matcher::holds(const Labels& labels) const {
  std::string_view actual = labels.get(name);
  switch (op) {
    case Op::equal:
      return actual == value;
    case Op::not_equal:
      return actual != value;
    case Op::matches:
      return regex->matches(actual);
    case Op::not_matches:
      return !regex->matches(actual);
  }
  return false;
}

std::string Matcher::to_string() const {
  static constexpr std::string_view kOps[] = {"=", "!=", "=~", "!~"};
  std::string out = name + std::string(kOps[static_cast<int>(op)]);
  append_json_string(out, value);
  return out;
}

Result<Matcher> parse_matcher(std::string_view text) {
  size_t at = text.find_first_of("=!", text.starts_with('"') ? text.find('"', 1) : 0);
  if (at == std::string_view::npos)
    return make_error(ErrorCode::parse_error, fmt::format("not a matcher: {}", text));
  std::string_view rest = text.substr(at);
  Matcher matcher;
  size_t op_length = 2;
  if (rest.starts_with("=~")) {
    matcher.op = Matcher::Op::matches;
  } else if (rest.starts_with("!~")) {
    matcher.op = Matcher::Op::not_matches;
  } else if (rest.starts_with("!=")) {
    matcher.op = Matcher::Op::not_equal;
  } else if (rest.starts_with("=")) {
    op_length = 1;
  } else {
    return make_error(ErrorCode::parse_error, fmt::format("not a matcher: {}", text));
  }
  OBELISK_TRY(matcher.name, unquote(text.substr(0, at)));
  OBELISK_TRY(matcher.value, unquote(rest.substr(op_length)));
  if (matcher.name.empty())
    return make_error(ErrorCode::parse_error, fmt::format("matcher without a label name: {}", text));
  if (matcher.op == Matcher::Op::matches || matcher.op == Matcher::Op::not_matches) {
    OBELISK_TRY(matcher.regex, Regex::compile(matcher.value, Regex::Mode::anchored));
  }
  return matcher;
}

const Receiver* AlertmanagerConfig::find_receiver(std::string_view name) const {
  for (const Receiver& receiver : receivers) {
    if (receiver.name == name) return &receiver;
  }
  return nullptr;
}

Result<AlertmanagerConfig> parse_alertmanager_config(std::string_view text, const std::string& file) {
  OBELISK_TRY(YamlNode root, parse_yaml(text, file));
  AlertmanagerConfig config;
  std::string slack_url;
  YamlMap map(root, file, "alertmanager configuration");
  map.node("global", [&](const YamlNode& node) -> Result<void> {
    YamlMap global(node, file, "global");
    global.duration("resolve_timeout", config.resolve_timeout_nanos);
    global.string("slack_api_url", slack_url);
    for (const auto& [key, value] : node.entries) {
      if (key != "resolve_timeout" && key != "slack_api_url")
        global.fail(value, fmt::format("global: {} {}", key, kNotYet));
    }
    return global.finish();
  });
  map.list("receivers", [&](const YamlNode& node) -> Result<void> {
    OBELISK_TRY(Receiver receiver, parse_receiver(node, file, slack_url));
    if (config.find_receiver(receiver.name) != nullptr)
      return yaml_error(file, node, fmt::format("receiver \"{}\" stands twice", receiver.name));
    config.receivers.push_back(std::move(receiver));
    return {};
  });
  map.node("route", [&](const YamlNode& node) -> Result<void> {
    OBELISK_TRY(config.route, parse_route(node, file, nullptr, 0));
    return {};
  });
  map.refuse(
      {"templates", "inhibit_rules", "mute_time_intervals", "time_intervals", "tracing", "event_recorder"},
      kNotYet);
  OBELISK_CHECK_OK(map.finish());
  if (root.find("route") == nullptr)
    return yaml_error(file, root, "alertmanager configuration: route is missing");
  OBELISK_CHECK_OK(check_receivers(config.route, config, file));
  return config;
}

std::vector<const Route*> matching_routes(const Route& root, const Labels& labels) {
  std::vector<const Route*> routes;
  collect(root, labels, routes);
  return routes;
}

}  // namespace obelisk::alerting
