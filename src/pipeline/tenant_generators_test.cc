// Goal: a tenant with settings of its own has series of its own, nothing that was counted is lost when
// settings change, no series is written by two sets in one moment, and other tenants notice nothing. Method:
// spans of two tenants, settings that come and go, and what is collected at each write.
#include "pipeline/tenant_generators.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

#include "pipeline/test_spans.h"

namespace obelisk {
namespace {

class TenantGeneratorsTest : public testing::Test {
 protected:
  void pass(const Tenant& tenant, int spans) {
    Span span;
    span.attributes = {{"team", "carts"}};
    for (int i = 0; i < spans; ++i) {
      Batch batch = batch_of({span});
      if (std::function<void()> observation = generators_.prepare(tenant, batch)) observation();
    }
  }

  // "red route=x 3" for each series of calls that is written now, with its last value.
  std::string write() {
    std::set<std::string> lines;
    for (const TenantBatches& collected : generators_.collect(clock_.now())) {
      for (const Batch& batch : collected.batches) {
        if (batch.table != Table::samples) continue;
        for (const Group& group : batch.groups) {
          Labels labels(group.labels);
          if (!labels.to_string().starts_with("traces_spanmetrics_calls_total{")) continue;
          uint32_t last = group.first_row + group.row_count - 1;
          std::string line = fmt::format("{} {} {}", collected.tenant, labels.get("team"),
                                         batch.find_fixed(column::kValue)->floats[last]);
          EXPECT_TRUE(lines.insert(line).second) << line;
        }
      }
    }
    clock_.advance(15 * kNanosPerSecond);
    return fmt::format("{}", fmt::join(lines, ", "));
  }

  static TenantSettings by_team() {
    TenantSettings settings;
    settings.generator.span_metrics_options.dimensions = {"team"};
    return settings;
  }

  static GeneratorOptions of_all() {
    GeneratorOptions options;
    options.service_graph = false;
    return options;
  }

  ManualClock clock_{kStart};
  TenantGenerators generators_{clock_, of_all()};
};

TEST_F(TenantGeneratorsTest, SettingsComeAndGo) {
  pass("red", 2);
  pass("blue", 1);
  EXPECT_EQ(write(), "blue  1, red  2");
  pass("red", 1);
  generators_.set("red", by_team());
  pass("red", 3);
  pass("blue", 1);
  EXPECT_EQ(write(), "blue  2, red  3");  // what was counted before the change
  EXPECT_EQ(write(), "blue  2, red carts 3");
  pass("red", 1);
  generators_.reset("red");
  pass("red", 1);
  EXPECT_EQ(write(), "blue  2, red carts 4");
  EXPECT_EQ(write(), "blue  2, red  1");  // begins anew
}

// Goal: settings that are replaced before they were ever written lose nothing, and the samples of one series
// rise in time whatever sets they come from.
TEST_F(TenantGeneratorsTest, EverySetWritesWhatItCounted) {
  pass("red", 1);
  write();
  int64_t last = 0, samples = 0;
  double total = 0, before = 1;
  for (int spans = 2; spans <= 6; ++spans) {
    pass("red", spans);
    if (spans % 2 == 0) {
      TenantSettings same;
      same.generator = of_all();
      generators_.set("red", same);
    } else {
      generators_.reset("red");
    }
  }
  pass("red", 7);
  clock_.advance(15 * kNanosPerSecond);
  for (const TenantBatches& collected : generators_.collect(clock_.now())) {
    for (const Batch& batch : collected.batches) {
      if (batch.table != Table::samples) continue;
      for (const Group& group : batch.groups) {
        if (!Labels(group.labels).to_string().starts_with("traces_spanmetrics_calls_total{")) continue;
        for (uint32_t row = group.first_row; row < group.first_row + group.row_count; ++row, ++samples) {
          EXPECT_GT(batch.times()[row], last);
          last = batch.times()[row];
          double value = batch.find_fixed(column::kValue)->floats[row];
          total += value >= before ? value - before : value;  // as rate() counts
          before = value;
        }
      }
    }
  }
  EXPECT_EQ(total, 2 + 3 + 4 + 5 + 6 + 7);
  EXPECT_EQ(samples, 1 + 5 * 2);  // the first set goes on, others begin with a zero
}

TEST_F(TenantGeneratorsTest, SpansOutsideTheSlackAreLeftOut) {
  TenantSettings settings = by_team();
  settings.generator.ingestion_slack_nanos = 30 * kNanosPerSecond;
  generators_.set("red", settings);
  clock_.advance(20 * kNanosPerSecond);
  pass("red", 2);
  EXPECT_EQ(write(), "red carts 2");
  pass("red", 2);  // 35 s ago by now
  pass("blue", 1);
  EXPECT_EQ(write(), "blue  1, red carts 2");
}

TEST_F(TenantGeneratorsTest, IntervalsAndSilence) {
  TenantSettings slow = by_team();
  slow.interval_nanos = 30 * kNanosPerSecond;
  generators_.set("red", slow);
  pass("red", 1);
  EXPECT_EQ(write(), "");  // it has only just begun
  EXPECT_EQ(write(), "red carts 1");
  EXPECT_EQ(write(), "");
  EXPECT_EQ(write(), "red carts 1");
  TenantSettings silent = by_team();
  silent.writes = false;
  generators_.set("red", silent);
  pass("red", 1);
  EXPECT_EQ(write(), "red carts 1");
  EXPECT_EQ(write(), "");
  pass("red", 1);
  generators_.set("red", slow);
  EXPECT_EQ(write(), "");  // what was not to be written is not written later
}

TEST_F(TenantGeneratorsTest, UsageAndRules) {
  EXPECT_TRUE(generators_.usage().empty());
  EXPECT_EQ(generators_.graph_rules("red"), nullptr);
  TenantSettings settings;
  settings.usage_dimensions = {{"team", "team"}, {"none", "none"}};
  settings.generator.service_graph_options.rules.dimensions = {"zone"};
  generators_.set("red", settings);
  pass("red", 2);
  pass("blue", 2);
  std::vector<TenantGenerators::TenantUsage> usage = generators_.usage();
  ASSERT_EQ(usage.size(), 1u);
  EXPECT_EQ(usage[0].tenant, "red");
  EXPECT_EQ(usage[0].usage.labels.to_string(), R"({none="__missing__", team="carts"})");
  EXPECT_GT(usage[0].usage.bytes, 20u);
  EXPECT_EQ(usage[0].usage.bytes % 2, 0u);  // of two equal spans
  EXPECT_EQ(generators_.graph_rules("red")->dimensions, (std::vector<std::string>{"zone"}));
  EXPECT_EQ(generators_.graph_rules("blue"), nullptr);
}

}  // namespace
}  // namespace obelisk
