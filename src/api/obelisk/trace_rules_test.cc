// Goal: rule groups in TraceQL are kept by the API, evaluated, told about, and kept apart from LogQL's.
// Method: the routes over a memory store with spans, the rule engine evaluated by hand.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "api/obelisk/obelisk_api.h"
#include "api/request/recording_sinks.h"
#include "env/fault_disk.h"
#include "ingest/intake.h"
#include "pipeline/pipeline.h"
#include "storage/memory/memory_store.h"

namespace obelisk {
namespace {

class TraceRulesTest : public testing::Test {
 protected:
  TraceRulesTest() {
    rule_store_ = std::move(*rules::RuleStore::open(disk_, rules::RuleLanguage::traceql));
    rule_store_->on_change([this] { rule_manager_.load(rule_store_->all_groups()); });
    register_trace_rules(router_, context_, {rule_store_.get(), [this] { return rule_manager_.status(); }});
    BatchBuilder rows(Table::spans);
    for (int64_t i = 1; i <= 20; ++i) {
      rows.add_row(clock_.now() - i * kNanosPerSecond);
      rows.set_trace_id(Scope::fixed, column::kTraceId, *TraceId::from_hex(fmt::format("{:x}", i)));
      rows.set_int(Scope::fixed, column::kSpanId, i);
      rows.set_string(Scope::resource, "service.name", "shop");
      rows.set_int(Scope::fixed, column::kStatusCode, i % 2 == 0 ? 2 : 0);
    }
    WriteRequest request;
    request.batches.push_back(rows.finish());
    EXPECT_TRUE(append_and_wait(store_, std::move(request)).ok());
  }

  HttpResponse ask(std::string method, const std::string& path, std::string body = "") {
    return answer_of(router_, std::move(method), "/obelisk/api/v1/traceql/" + path, {}, std::move(body));
  }

  FaultDisk disk_;
  MemoryStore store_;
  ManualClock clock_{{1'700'000'000 * kNanosPerSecond}};
  Intake intake_{store_, clock_};
  Pipeline pipeline_{intake_};
  ApiContext context_{store_, pipeline_, clock_, {}, false, 64u << 20, "0.1.0", "abc"};
  Router router_;
  std::unique_ptr<rules::RuleStore> rule_store_;
  rules::RuleManager rule_manager_{store_, intake_, clock_, {}, [](std::vector<rules::FiredAlert>) {}};
};

constexpr std::string_view kGroup =
    "name: \"errors\"\ninterval: 30s\nwindow: 1m\nrules:\n- alert: \"Errors\"\n"
    "  expr: \"{ status = error } | rate() by (resource.service.name) > 0.1\"\n";

TEST_F(TraceRulesTest, AGroupIsKeptEvaluatedAndTaken) {
  EXPECT_EQ(ask("GET", "groups").status, 404);
  HttpResponse kept = ask("POST", "groups/shop", std::string(kGroup));
  ASSERT_EQ(kept.status, 202) << kept.body;
  HttpResponse group = ask("GET", "groups/shop/errors");
  EXPECT_EQ(group.status, 200);
  EXPECT_EQ(group.body, kGroup);
  rule_manager_.evaluate_all(clock_.now());
  std::string rules = ask("GET", "rules").body;
  EXPECT_NE(rules.find(R"("name":"errors","file":"shop")"), std::string::npos) << rules;
  EXPECT_NE(rules.find(R"("state":"firing","name":"Errors")"), std::string::npos) << rules;
  std::string alerts = ask("GET", "alerts").body;
  EXPECT_NE(alerts.find(R"("resource_service_name":"shop")"), std::string::npos) << alerts;
  EXPECT_EQ(ask("DELETE", "groups/shop/errors").status, 202);
  EXPECT_EQ(ask("GET", "groups/shop").status, 404);
  EXPECT_EQ(ask("DELETE", "groups/shop").status, 404);
}

TEST_F(TraceRulesTest, WhatIsNoTraceqlRuleIsRefusedWithItsPlace) {
  HttpResponse logql =
      ask("POST", "groups/shop", "name: g\nrules: [{alert: A, expr: 'rate({a=\"b\"}[1m])'}]\n");
  EXPECT_EQ(logql.status, 400);
  EXPECT_NE(logql.body.find("parse error"), std::string::npos) << logql.body;
  HttpResponse search = ask("POST", "groups/shop", "name: g\nrules: [{alert: A, expr: '{ .a = 1 }'}]\n");
  EXPECT_EQ(search.status, 400) << search.body;
  EXPECT_EQ(ask("GET", "groups").status, 404);
}

// Rules of both languages with one namespace and name live in directories of their own.
TEST_F(TraceRulesTest, TheyAreKeptApartFromThoseInLogql) {
  ASSERT_EQ(ask("POST", "groups/shop", std::string(kGroup)).status, 202);
  auto logql = std::move(*rules::RuleStore::open(disk_, rules::RuleLanguage::logql));
  EXPECT_TRUE(logql->all_groups().empty());
  auto again = std::move(*rules::RuleStore::open(disk_, rules::RuleLanguage::traceql));
  ASSERT_EQ(again->all_groups().size(), 1u);
  EXPECT_EQ(again->all_groups()[0].language, rules::RuleLanguage::traceql);
  EXPECT_EQ(again->all_groups()[0].window_nanos, 60 * kNanosPerSecond);
}

}  // namespace
}  // namespace obelisk
