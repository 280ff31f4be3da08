#include "alerting/alertmanager_config.h"

#include <gtest/gtest.h>

namespace obelisk::alerting {
namespace {

constexpr std::string_view kExample = R"(
global: {resolve_timeout: 1m, slack_api_url: "https://hooks.example/secret"}
route:
  receiver: default
  group_by: [alertname, service]
  group_wait: 1s
  routes:
    - receiver: pager
      matchers: [ 'severity="critical"' ]
      continue: true
    - receiver: tickets
      matchers: [ 'severity =~ "ticket|warning"', 'team != web' ]
      repeat_interval: 1h
receivers:
  - name: default
  - name: pager
    webhook_configs: [{url: "http://127.0.0.1:9/hook"}]
    slack_configs: [{channel: "#incidents", send_resolved: true}]
  - name: tickets
    webhook_configs: [{url: "http://127.0.0.1:9/t", send_resolved: false, max_alerts: 5}]
)";

std::vector<std::string> receivers_for(const AlertmanagerConfig& config, const Labels& labels) {
  std::vector<std::string> names;
  for (const Route* route : matching_routes(config.route, labels)) names.push_back(route->receiver);
  return names;
}

TEST(AlertmanagerConfig, RoutesDepthFirstWithContinueAndInheritance) {
  Result<AlertmanagerConfig> config = parse_alertmanager_config(kExample, "am.yml");
  ASSERT_TRUE(config.ok()) << config.error().to_string();
  EXPECT_EQ(receivers_for(*config, {{"severity", "critical"}}), (std::vector<std::string>{"pager"}));
  EXPECT_EQ(receivers_for(*config, {{"severity", "ticket"}}), (std::vector<std::string>{"tickets"}));
  EXPECT_EQ(receivers_for(*config, {{"severity", "ticket"}, {"team", "web"}}),
            (std::vector<std::string>{"default"}));
  EXPECT_EQ(config->route.routes[1].group_wait_nanos, kNanosPerSecond);
  EXPECT_EQ(config->route.routes[1].repeat_interval_nanos, 3600 * kNanosPerSecond);
  EXPECT_EQ(config->route.routes[0].path, "{}/{severity=\"critical\"}");
  EXPECT_EQ(config->find_receiver("pager")->slacks[0].api_url, "https://hooks.example/secret");
}

TEST(AlertmanagerConfig, RefusesByNameWithTheLine) {
  auto message = [](std::string_view text) {
    return parse_alertmanager_config(text, "am.yml").error().message;
  };
  EXPECT_EQ(message("route: {receiver: a}\nreceivers: [{name: a}]\ninhibit_rules: []\n"),
            "am.yml:3: alertmanager configuration: inhibit_rules is not supported yet");
  EXPECT_EQ(message("route: {receiver: b}\nreceivers: [{name: a}]\n"),
            "am.yml: route names receiver \"b\", which is not defined");
  EXPECT_EQ(message("route: {receiver: a, group_wiat: 1s}\nreceivers: [{name: a}]\n"),
            "am.yml:1: route: unknown key \"group_wiat\", did you mean \"group_wait\"?");
  EXPECT_EQ(message("receivers: [{name: a}]\n"), "am.yml:1: alertmanager configuration: route is missing");
  EXPECT_EQ(message("route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{url: ftp://x}]}]\n"),
            "am.yml:2: webhook_configs: url must begin with http:// or https://");
}

TEST(Matcher, ParsesQuotesAndOperators) {
  EXPECT_EQ(parse_matcher("a = \"b\\\"c\"")->value, "b\"c");
  EXPECT_EQ(parse_matcher("\"x.y\"!~\"z+\"")->name, "x.y");
  EXPECT_TRUE(parse_matcher("a!=\"\"")->holds({{"a", "1"}}));
  EXPECT_FALSE(parse_matcher("a").ok());
  EXPECT_FALSE(parse_matcher("a=~\"(\"").ok());
  EXPECT_FALSE(parse_matcher("a=\"b").ok());
}

}  // namespace
}  // namespace obelisk::alerting
