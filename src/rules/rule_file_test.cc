#include "rules/rule_file.h"

#include <gtest/gtest.h>

#include "base/time.h"

namespace obelisk::rules {
namespace {

std::string message(std::string_view text) {
  Result<std::vector<RuleGroup>> parsed = parse_rule_file(text, "r.yml");
  return parsed.ok() ? "ok" : parsed.error().message;
}

TEST(RuleFile, ReadsTheSeedsAlert) {
  Result<std::vector<RuleGroup>> groups = parse_rule_file(R"yaml(
groups:
  - name: sample-app-alerts
    interval: 30s
    rules:
      - record: job:http_requests:rate5m
        expr: sum(rate(app_http_requests_total[5m])) by (job, route)
      - alert: HighErrorRate
        expr: |
          (
            sum(rate(app_http_requests_total{status=~"5.."}[5m]))
            /
            sum(rate(app_http_requests_total[5m]))
          ) > 0.01
        for: 5m
        labels: {severity: warning, team: backend}
        annotations:
          summary: "High error rate on {{ $labels.job }}"
          description: "Error rate is {{ $value | humanizePercentage }} (threshold: 1%)"
)yaml",
                                                          "r.yml");
  ASSERT_TRUE(groups.ok()) << groups.error().to_string();
  ASSERT_EQ((*groups)[0].rules.size(), 2u);
  EXPECT_EQ((*groups)[0].interval_nanos, 30 * kNanosPerSecond);
  EXPECT_EQ((*groups)[0].rules[1].kind, Rule::Kind::alerting);
  EXPECT_EQ((*groups)[0].rules[1].for_nanos, 300 * kNanosPerSecond);
}

TEST(RuleFile, RefusesWithFileLineAndReason) {
  EXPECT_EQ(message("groups: [{name: g, rules: [{record: a, expr: up, forr: 1m}]}]"),
            "r.yml:1: rule: unknown key \"forr\", did you mean \"for\"?");
  EXPECT_EQ(message("groups: [{name: g, rules: [{record: a, alert: b, expr: up}]}]"),
            "r.yml:1: a rule has either record or alert");
  EXPECT_EQ(message("groups: [{name: g, rules: [{record: a, expr: up, for: 1m}]}]"),
            "r.yml:1: for, keep_firing_for and annotations belong to alerts, not to recording rules");
  EXPECT_NE(message("groups:\n- name: g\n  rules:\n  - alert: A\n    expr: sum(rate(up)\n")
                .find("r.yml:5: alert \"A\": "),
            std::string::npos);
  EXPECT_NE(message("groups: [{name: g, rules: [{alert: a, expr: 'up[5m]'}]}]"), "ok");
  EXPECT_NE(message("groups: [{name: g, rules: [{alert: a, expr: up, annotations: {s: '{{ nope }}'}}]}]")
                .find("template of s"),
            std::string::npos);
  EXPECT_EQ(message("groups: [{name: g}, {name: g}]"), "r.yml:1: group \"g\" stands twice");
}

TEST(RuleFile, PatternsHaveWildcardsInTheLastComponentOnly) {
  EXPECT_NE(load_rule_files({"rules/*/x.yml"}).error().message.find("last path component"),
            std::string::npos);
  EXPECT_EQ(load_rule_files({"/does/not/exist.yml"}).error().code, ErrorCode::not_found);
  EXPECT_TRUE(load_rule_files({"/does/not/*.yml"})->empty());
}

}  // namespace
}  // namespace obelisk::rules
