// Goal: TraceQL metrics as rules: windows, label names, exemplars, alerts over a restart, and what is refused
// with its place.
#include "rules/traceql_rules.h"

#include <gtest/gtest.h>

#include "query/promql/engine.h"
#include "rules/rule_manager.h"
#include "storage/memory/memory_store.h"

namespace obelisk::rules {
namespace {

constexpr int64_t kSecond = kNanosPerSecond;

TraceId trace_of(uint64_t number) {
  TraceId id;
  id.bytes[15] = static_cast<uint8_t>(number);
  return id;
}

class TraceqlRulesTest : public testing::Test {
 protected:
  TraceqlRulesTest() : clock_({1'000'000 * kSecond}), intake_(store_, clock_) {}

  // A span that starts `ago` seconds before now.
  void span(uint64_t trace, const char* service, double ago, bool error, int64_t millis = 10) {
    BatchBuilder builder(Table::spans);
    builder.add_row(clock_.now() - static_cast<int64_t>(ago * 1e9));
    builder.set_trace_id(Scope::fixed, column::kTraceId, trace_of(trace));
    builder.set_int(Scope::fixed, column::kSpanId, ++last_span_);
    builder.set_string(Scope::fixed, column::kName, "work");
    builder.set_int(Scope::fixed, column::kDuration, millis * kNanosPerMilli);
    builder.set_int(Scope::fixed, column::kStatusCode, error ? 2 : 0);
    builder.set_string(Scope::resource, "service.name", service);
    WriteRequest request;
    request.batches.push_back(builder.finish());
    ASSERT_TRUE(append_and_wait(store_, std::move(request)).ok());
  }

  std::unique_ptr<RuleManager> start(std::string_view text) {
    auto manager = std::make_unique<RuleManager>(
        store_, intake_, clock_, RuleManagerOptions(),
        [this](std::vector<FiredAlert> alerts) { sent_.push_back(std::move(alerts)); });
    Result<std::vector<RuleGroup>> groups = parse_rule_file(text, "t.yml", RuleLanguage::traceql);
    EXPECT_TRUE(groups.ok()) << groups.error().to_string();
    if (groups.ok()) manager->load(std::move(*groups));
    return manager;
  }

  SampleVector ask(std::string_view query) {
    Budget budget;
    Cancel cancel;
    QueryContext context{store_, kDefaultTenant, *store_.snapshot(kDefaultTenant), budget, cancel};
    Result<InstantResult> result = PromqlEngine().instant(context, query, clock_.now());
    EXPECT_TRUE(result.ok());
    return result.ok() ? result->vector : SampleVector{};
  }

  // "labels value trace" of every stored exemplar.
  std::vector<std::string> exemplars() {
    Budget budget;
    Cancel cancel;
    Scan scan;
    scan.table = Table::exemplars;
    scan.unit = Unit::series;
    scan.all_columns = true;
    Result<std::unique_ptr<Cursor>> cursor =
        open_scan(store_, *store_.snapshot(kDefaultTenant), scan, budget, cancel);
    std::vector<std::string> found;
    while (cursor.ok()) {
      Result<BatchPtr> batch = (*cursor)->next();
      if (!batch.ok() || !*batch) break;
      for (const Group& group : (*batch)->groups) {
        for (size_t row = group.first_row; row < group.first_row + group.row_count; ++row)
          found.push_back(std::string(Labels(group.labels).get("__name__")) + " " +
                          (*batch)->find_fixed(column::kTraceId)->trace_ids[row].to_hex().substr(28));
      }
    }
    return found;
  }

  MemoryStore store_;
  ManualClock clock_;
  Intake intake_;
  int64_t last_span_ = 0;
  std::vector<std::vector<FiredAlert>> sent_;
};

TEST_F(TraceqlRulesTest, RecordsWhatStartedInTheWindowUnderPrometheusNames) {
  auto manager = start(R"(
groups:
- name: g
  interval: 10s
  window: 60s
  rules:
  - record: shop:errors:rate1m
    expr: '{ status = error } | rate() by (resource.service.name)'
    labels: {from: traces}
  - record: shop:spans:10s
    expr: '{} | count_over_time()'
    window: 10s
  - record: shop:p50
    expr: '{} | quantile_over_time(duration, 0.5)'
)");
  span(1, "pay", 5, true);
  span(2, "pay", 30, true);
  span(3, "pay", 61, true);  // before the window
  span(4, "pay", 0, true);   // starts at its end: the next one's
  span(5, "cart", 2, false);
  manager->evaluate_all(clock_.now());
  SampleVector rate = ask("shop:errors:rate1m");
  ASSERT_EQ(rate.size(), 1u);
  EXPECT_DOUBLE_EQ(rate[0].value, 2.0 / 60);
  EXPECT_EQ(rate[0].labels.get("resource_service_name"), "pay");
  EXPECT_EQ(rate[0].labels.get("from"), "traces");
  SampleVector count = ask("shop:spans:10s");
  ASSERT_EQ(count.size(), 1u);
  EXPECT_EQ(count[0].value, 2);
  EXPECT_EQ(count[0].labels.size(), 1u) << "the name alone";
  EXPECT_EQ(ask("shop:p50{p=\"0.5\"}").size(), 1u);
  std::vector<std::string> found = exemplars();
  ASSERT_EQ(found.size(), 3u);
  EXPECT_TRUE(found[0] == "shop:errors:rate1m 0001" || found[0] == "shop:errors:rate1m 0002") << found[0];
}

TEST_F(TraceqlRulesTest, AlertsWaitFireNameATraceAndGoOnAfterARestart) {
  constexpr std::string_view kText = R"(
groups:
- name: g
  interval: 10s
  window: 30s
  rules:
  - alert: Errors
    expr: '{ status = error } | count_over_time() by (resource.service.name) >= 2'
    for: 10s
    labels: {severity: page}
    annotations: {summary: '{{ $labels.resource_service_name }}: {{ $value }}, see {{ $traceID }}'}
)";
  auto manager = start(kText);
  span(7, "pay", 3, true);
  manager->evaluate_all(clock_.now());
  EXPECT_TRUE(ask("ALERTS").empty()) << "one is below the threshold";
  span(8, "pay", 1, true);
  manager->evaluate_all(clock_.now());
  EXPECT_EQ(ask("ALERTS{alertstate=\"pending\",resource_service_name=\"pay\"}").size(), 1u);
  manager = start(kText);  // a restart while pending
  clock_.advance(10 * kSecond);
  manager->evaluate_all(clock_.now());
  ASSERT_EQ(sent_.size(), 1u);
  EXPECT_EQ(sent_[0][0].annotations["summary"], "pay: 2, see 00000000000000000000000000000007");
  EXPECT_EQ(sent_[0][0].generator_url.find("http://127.0.0.1:4319/ui/traces?q=%7B"), 0u)
      << sent_[0][0].generator_url;
  std::vector<std::string> found = exemplars();
  EXPECT_NE(std::find(found.begin(), found.end(), "ALERTS 0007"), found.end());
  manager = start(kText);  // a restart while firing
  clock_.advance(30 * kSecond);
  manager->evaluate_all(clock_.now());
  ASSERT_EQ(sent_.size(), 2u);
  EXPECT_TRUE(sent_[1][0].resolved);
}

TEST_F(TraceqlRulesTest, TwoAttributesOfOneLabelAreAnErrorOfTheRule) {
  auto manager =
      start("groups: [{name: g, rules: [{record: r, expr: '{} | rate() by (span.a.b, span.a_b)'}]}]");
  span(1, "pay", 1, true);
  manager->evaluate_all(clock_.now());
  EXPECT_EQ(manager->status()[0].rules[0].health, RuleHealth::error);
  EXPECT_NE(manager->status()[0].rules[0].last_error.find("span_a_b"), std::string::npos);
}

TEST_F(TraceqlRulesTest, WhatCannotBeARuleIsRefusedWithItsPlace) {
  auto refusal = [](const std::string& expression) {
    Result<std::vector<RuleGroup>> groups =
        parse_rule_file("groups:\n- name: g\n  rules:\n  - alert: A\n    expr: '" + expression + "'\n",
                        "t.yml", RuleLanguage::traceql);
    return groups.ok() ? "ok" : groups.error().message;
  };
  EXPECT_EQ(refusal("{} | rate() > 1"), "ok");
  EXPECT_EQ(refusal("({} | rate()) / ({} | count_over_time())"), "ok");
  EXPECT_NE(
      refusal("{ status = error }").find("t.yml:5: alert \"A\": a rule\'s expression is a metrics query"),
      std::string::npos)
      << refusal("{ status = error }");
  EXPECT_NE(refusal("{} | compare({status=error})").find("compare()"), std::string::npos);
  EXPECT_NE(refusal("{ status = } | rate()").find("parse error at line 1, col 12"), std::string::npos)
      << refusal("{ status = } | rate()");
  EXPECT_NE(refusal("{} | rate() | topk(0)").find("(line 1, column 15)"), std::string::npos)
      << refusal("{} | rate() | topk(0)");
  Result<std::vector<RuleGroup>> promql =
      parse_rule_file("groups: [{name: g, window: 1m, rules: []}]", "r.yml", RuleLanguage::promql);
  ASSERT_FALSE(promql.ok());
  EXPECT_NE(promql.error().message.find("unknown key \"window\""), std::string::npos);
}

TEST_F(TraceqlRulesTest, AGroupIsWrittenAsItIsRead) {
  constexpr std::string_view kText =
      "name: g\ninterval: 10s\nwindow: 1m\nrules:\n- record: r\n  expr: '{} | rate()'\n  window: 30s\n";
  Result<RuleGroup> group = parse_rule_group(kText, "n", RuleLanguage::traceql);
  ASSERT_TRUE(group.ok()) << group.error().to_string();
  Result<RuleGroup> again = parse_rule_group(format_rule_group(*group), "n", RuleLanguage::traceql);
  ASSERT_TRUE(again.ok()) << again.error().to_string();
  EXPECT_EQ(again->window_nanos, 60 * kSecond);
  EXPECT_EQ(again->rules[0].window_nanos, 30 * kSecond);
}

}  // namespace
}  // namespace obelisk::rules
