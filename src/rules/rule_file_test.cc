#include "rules/rule_file.h"

#include <gtest/gtest.h>

#include "base/time.h"
#include "wire/shared_files_test.h"

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
  EXPECT_TRUE(load_rule_files({"/does/not/exist.yml"})->empty());  // logged
  EXPECT_TRUE(load_rule_files({"/does/not/*.yml"})->empty());
}

// Goal: rule files of Prometheus' own tests load or are refused as there. Left out: the one file whose
// verdict hangs on the legacy name scheme, which this reader does not have (its text is that of a good one).
TEST(RuleFile, ReadsAndRefusesAsTheReference) {
  auto root = shared_folder("conformance/prometheus-config");
  if (!root) GTEST_SKIP() << "no conformance data beside the repository";
  size_t good = 0;
  size_t bad = 0;
  for (const char* folder : {"rulefmt-testdata", "rules-fixtures"}) {
    for (const auto& entry : std::filesystem::directory_iterator(*root / folder)) {
      std::string name = entry.path().filename().string();
      if (name == "legacy_validation_annotation.bad.yaml") continue;
      bool refuse = name.find(".bad.") != std::string::npos || name.starts_with("invalid_");
      auto parsed = parse_rule_file(read_whole_file(entry.path()), name);
      EXPECT_EQ(parsed.ok(), !refuse) << name << ": " << (parsed.ok() ? "" : parsed.error().message);
      if (!parsed.ok()) {
        EXPECT_TRUE(parsed.error().message.starts_with(name + ":")) << parsed.error().message;
      }
      ++(refuse ? bad : good);
    }
  }
  EXPECT_GT(good, 10u);
  EXPECT_GT(bad, 8u);
}

}  // namespace
}  // namespace obelisk::rules
