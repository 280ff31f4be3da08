// Goal: rules over a real query engine and a store: what is recorded, which alerts go out, staleness,
// failures.
#include "rules/rule_manager.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "base/self_metrics.h"
#include "query/promql/engine.h"
#include "storage/memory/memory_store.h"

namespace obelisk::rules {
namespace {

constexpr int64_t kSecond = kNanosPerSecond;

class RuleManagerTest : public testing::Test {
 protected:
  RuleManagerTest()
      : clock_({1'000'000 * kSecond}),
        intake_(store_, clock_),
        manager_(store_, intake_, clock_, {},
                 [this](std::vector<FiredAlert> alerts) { sent_.push_back(std::move(alerts)); }) {}

  void write(const Labels& labels, double value) {
    BatchBuilder builder(Table::samples);
    std::vector<LabelRef> view = labels.view();
    builder.begin_group_copy(view);
    builder.add_row(clock_.now());
    builder.set_float(Scope::fixed, column::kValue, value);
    WriteRequest request;
    request.batches.push_back(builder.finish());
    ASSERT_TRUE(append_and_wait(store_, std::move(request)).ok());
  }

  void load(std::string_view text) {
    Result<std::vector<RuleGroup>> groups = parse_rule_file(text, "r.yml");
    ASSERT_TRUE(groups.ok()) << groups.error().to_string();
    manager_.load(std::move(*groups));
  }

  SampleVector ask(std::string_view query) {
    Budget budget;
    Cancel cancel;
    QueryContext context{store_, kDefaultTenant, *store_.snapshot(kDefaultTenant), budget, cancel};
    Result<InstantResult> result = PromqlEngine().instant(context, query, clock_.now());
    EXPECT_TRUE(result.ok());
    return result.ok() ? result->vector : SampleVector{};
  }

  MemoryStore store_;
  ManualClock clock_;
  Intake intake_;
  std::vector<std::vector<FiredAlert>> sent_;
  RuleManager manager_;
};

TEST_F(RuleManagerTest, LaterRulesSeeWhatEarlierOnesRecordedAndVanishedSeriesGoStale) {
  load(
      "groups: [{name: g, rules: [{record: 'x:double', expr: 'x * 2', labels: {by: rule}}, {record: "
      "'x:four', expr: 'x:double * 2'}]}]");
  write({{"__name__", "x"}, {"job", "a"}}, 3);
  manager_.evaluate_all(clock_.now());
  SampleVector four = ask("x:four");
  ASSERT_EQ(four.size(), 1u);
  EXPECT_EQ(four[0].value, 12);
  EXPECT_EQ(four[0].labels.get("by"), "rule");
  clock_.advance(10 * kSecond);
  write({{"__name__", "x"}, {"job", "a"}}, stale_marker());
  manager_.evaluate_all(clock_.now());
  EXPECT_TRUE(ask("x:double").empty());  // stale at once, not after five minutes
}

TEST_F(RuleManagerTest, AlertsGoThroughPendingAndFiringToResolved) {
  load(
      "groups: [{name: g, interval: 10s, rules: [{alert: Down, expr: 'up == 0', for: 10s, labels: {severity: "
      "page, where: '{{ $labels.job }}'}, "
      "annotations: {summary: '{{ $labels.job }} is {{ $value }}'}}]}]");
  write({{"__name__", "up"}, {"job", "a"}}, 0);
  manager_.evaluate_all(clock_.now());
  ASSERT_EQ(ask("ALERTS{alertstate=\"pending\"}").size(), 1u);
  EXPECT_TRUE(sent_.empty());
  clock_.advance(10 * kSecond);
  manager_.evaluate_all(clock_.now());
  ASSERT_EQ(ask("ALERTS{alertstate=\"firing\",alertname=\"Down\",where=\"a\"}").size(), 1u);
  EXPECT_TRUE(ask("ALERTS{alertstate=\"pending\"}").empty());
  EXPECT_EQ(ask("ALERTS_FOR_STATE")[0].value, 1'000'000);
  ASSERT_EQ(sent_.size(), 1u);
  EXPECT_EQ(sent_[0][0].annotations["summary"], "a is 0");
  EXPECT_FALSE(sent_[0][0].resolved);
  write({{"__name__", "up"}, {"job", "a"}}, 1);
  clock_.advance(kSecond);
  manager_.evaluate_all(clock_.now());
  ASSERT_EQ(sent_.size(), 2u);
  EXPECT_TRUE(sent_[1][0].resolved);
  EXPECT_TRUE(ask("ALERTS").empty());
}

TEST_F(RuleManagerTest, AFailingRuleSaysWhyAndLeavesTheOthersAlone) {
  load(
      "groups: [{name: g, rules: [{record: bad, expr: 'x * on(job) y'}, {record: good, expr: "
      "'vector(1)'}]}]");
  for (const char* instance : {"1", "2"}) {
    write({{"__name__", "x"}, {"job", "a"}, {"instance", instance}}, 1);
    write({{"__name__", "y"}, {"job", "a"}, {"instance", instance}}, 1);
  }
  manager_.evaluate_all(clock_.now());
  std::vector<RuleGroupStatus> status = manager_.status();
  EXPECT_EQ(status[0].rules[0].health, RuleHealth::error);
  EXPECT_NE(status[0].rules[0].last_error.find("found duplicate series"), std::string::npos)
      << status[0].rules[0].last_error;
  EXPECT_EQ(status[0].rules[1].health, RuleHealth::ok);
  EXPECT_EQ(ask("good")[0].value, 1);
}

TEST_F(RuleManagerTest, ReloadKeepsTheStateOfUnchangedRules) {
  constexpr std::string_view kText = "groups: [{name: g, rules: [{alert: A, expr: 'vector(1)', for: 1m}]}]";
  load(kText);
  manager_.evaluate_all(clock_.now());
  UnixNanos active = manager_.status()[0].rules[0].alerts[0].active_at;
  clock_.advance(5 * kSecond);
  load(kText);
  manager_.evaluate_all(clock_.now());
  EXPECT_EQ(manager_.status()[0].rules[0].alerts[0].active_at, active);
}

// After a restart a new manager stands over the same store.
class RuleRestartTest : public RuleManagerTest {
 protected:
  std::unique_ptr<RuleManager> start(std::string_view text, RuleLanguage language = RuleLanguage::promql) {
    auto manager = std::make_unique<RuleManager>(
        store_, intake_, clock_, RuleManagerOptions(),
        [this](std::vector<FiredAlert> alerts) { sent_.push_back(std::move(alerts)); });
    Result<std::vector<RuleGroup>> groups = parse_rule_file(text, "r.yml", language);
    EXPECT_TRUE(groups.ok()) << groups.error().to_string();
    manager->load(std::move(*groups));
    return manager;
  }
  static Alert only_alert(const RuleManager& manager) {
    std::vector<Alert> alerts = manager.status()[0].rules[0].alerts;
    EXPECT_EQ(alerts.size(), 1u);
    return alerts.empty() ? Alert() : alerts[0];
  }
  static constexpr std::string_view kDown =
      "groups: [{name: g, interval: 10s, rules: [{alert: Down, expr: 'up == 0', for: 60s, labels: {severity: "
      "page}},"
      "{alert: Down, expr: 'up == 1', for: 60s, labels: {severity: info}}]}]";
};

TEST_F(RuleRestartTest, APendingAlertGoesOnWaitingWithoutTheOutage) {
  write({{"__name__", "up"}, {"job", "a"}}, 0);
  auto before = start(kDown);
  for (int i = 0; i < 3; ++i) {
    before->evaluate_all(clock_.now());
    clock_.advance(10 * kSecond);
  }
  before.reset();
  clock_.advance(100 * kSecond);  // the outage; the last evaluation was 110 s ago, 100 of them unexpected
  write({{"__name__", "up"}, {"job", "a"}}, 0);
  auto after = start(kDown);
  after->evaluate_all(clock_.now());
  Alert alert = only_alert(*after);
  EXPECT_EQ(alert.phase, AlertPhase::pending);
  EXPECT_EQ(alert.active_at.value, (1'000'000 + 100) * kSecond);
  clock_.advance(30 * kSecond);  // 20 s before the outage, 10 s of the first evaluation, 30 s after: 60 s
  after->evaluate_all(clock_.now());
  EXPECT_EQ(only_alert(*after).phase, AlertPhase::firing);
}

TEST_F(RuleRestartTest, AFiringAlertFiresOnAndItsEndIsTold) {
  write({{"__name__", "up"}, {"job", "a"}}, 0);
  auto before = start(kDown);
  before->evaluate_all(clock_.now());
  clock_.advance(60 * kSecond);
  before->evaluate_all(clock_.now());
  ASSERT_EQ(only_alert(*before).phase, AlertPhase::firing);
  before.reset();
  clock_.advance(20 * kSecond);
  {
    auto after = start(kDown);
    after->evaluate_all(clock_.now());
    EXPECT_EQ(only_alert(*after).phase, AlertPhase::firing) << "not pending anew";
    EXPECT_EQ(only_alert(*after).active_at.value, 1'000'000 * kSecond);
  }
  sent_.clear();
  clock_.advance(10 * kSecond);
  write({{"__name__", "up"}, {"job", "a"}}, stale_marker());
  auto last = start(kDown);
  last->evaluate_all(clock_.now());
  ASSERT_EQ(sent_.size(), 1u);
  EXPECT_TRUE(sent_[0][0].resolved);
  EXPECT_TRUE(ask("ALERTS").empty()) << "what it wrote before is stale";
  // And after that there is nothing to restore.
  clock_.advance(10 * kSecond);
  sent_.clear();
  start(kDown)->evaluate_all(clock_.now());
  EXPECT_TRUE(sent_.empty());
}

TEST_F(RuleRestartTest, AfterALongOutageAlertsBeginAnew) {
  write({{"__name__", "up"}, {"job", "a"}}, 0);
  start(kDown)->evaluate_all(clock_.now());
  clock_.advance(2 * 3600 * kSecond);
  write({{"__name__", "up"}, {"job", "a"}}, 0);
  auto after = start(kDown);
  after->evaluate_all(clock_.now());
  EXPECT_EQ(only_alert(*after).active_at, clock_.now());
}

TEST_F(RuleRestartTest, LogqlRulesRecordAndAlert) {
  auto log = [&](const char* line) {
    BatchBuilder builder(Table::logs);
    std::vector<LabelRef> labels{{"app", "shop"}};
    builder.begin_group_copy(labels);
    builder.add_row(clock_.now());
    builder.set_string(Scope::fixed, column::kLine, line);
    WriteRequest request;
    request.batches.push_back(builder.finish());
    ASSERT_TRUE(append_and_wait(store_, std::move(request)).ok());
  };
  constexpr std::string_view kText = R"(
groups:
- name: g
  interval: 10s
  rules:
  - record: shop:errors:count1m
    expr: sum by (app) (count_over_time({app="shop"} |= "error" [1m]))
    labels: {from: logs}
  - alert: Errors
    expr: sum by (app) (count_over_time({app="shop"} |= "error" [1m])) > 1
    for: 10s
    annotations: {summary: '{{ $labels.app }}: {{ $value }}'}
)";
  log("error one");
  log("fine");
  auto manager = start(kText, RuleLanguage::logql);
  manager->evaluate_all(clock_.now());
  SampleVector recorded = ask("shop:errors:count1m");
  ASSERT_EQ(recorded.size(), 1u);
  EXPECT_EQ(recorded[0].value, 1);
  EXPECT_EQ(recorded[0].labels.get("from"), "logs");
  EXPECT_TRUE(ask("ALERTS").empty());
  clock_.advance(kSecond);
  log("error two");
  manager->evaluate_all(clock_.now());
  EXPECT_EQ(ask("ALERTS{alertstate=\"pending\",alertname=\"Errors\",app=\"shop\"}").size(), 1u);
  manager = start(kText, RuleLanguage::logql);  // a restart while pending
  clock_.advance(10 * kSecond);
  sent_.clear();
  manager->evaluate_all(clock_.now());
  ASSERT_EQ(sent_.size(), 1u);
  EXPECT_EQ(sent_[0][0].annotations["summary"], "shop: 2");
  for (auto& [wrong, why] :
       {std::pair("{app=\"shop\"}", "metric query"), std::pair("rate({app=\"shop\"}", "parse error")}) {
    Result<std::vector<RuleGroup>> groups =
        parse_rule_file(std::string("groups: [{name: g, rules: [{alert: A, expr: '") + wrong + "'}]}]",
                        "r.yml", RuleLanguage::logql);
    ASSERT_FALSE(groups.ok());
    EXPECT_NE(groups.error().message.find(why), std::string::npos) << groups.error().message;
  }
}

// The thread of the manager, on a clock that steps: ahead, which missed evaluations are not made up for, and
// back, after which rules must not rest until the clock has come as far again.
TEST_F(RuleManagerTest, AClockThatIsSetBackDoesNotStopRules) {
  load("groups: [{name: g, interval: 1m, rules: [{record: 'y', expr: 'vector(1)'}]}]");
  manager_.start();
  auto comes_true = [](auto&& condition) {
    auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > until) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
  };
  auto evaluated_at = [&](UnixNanos from) {
    return comes_true([&] {
      UnixNanos last = manager_.status()[0].last_evaluation;
      return last >= from && last <= clock_.now();
    });
  };
  UnixNanos begin = clock_.now();
  clock_.advance(61 * kSecond);
  EXPECT_TRUE(evaluated_at(begin));
  clock_.advance(86'400 * kSecond);
  EXPECT_TRUE(evaluated_at(begin + 86'400 * kSecond));
  const Counter& steps = counter("obelisk_rule_clock_steps_total", "");
  uint64_t steps_before = steps.value();
  clock_.set(begin - 7200 * kSecond);
  EXPECT_TRUE(comes_true([&] { return steps.value() > steps_before; }));
  clock_.advance(61 * kSecond);
  EXPECT_TRUE(evaluated_at(begin - 7200 * kSecond));
  manager_.stop();
}

}  // namespace
}  // namespace obelisk::rules
