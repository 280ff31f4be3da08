// Everything a store does for one tenant it does through the reader of several as well: what the wrapper does
// not pass on is missing in the server only, where every query goes through it.
#include "api/request/multi_tenant_reader.h"

#include <gtest/gtest.h>

#include "storage/embedded/test_engine_store.h"
#include "storage/writer.h"

namespace obelisk {
namespace {

class MultiTenantReaderTest : public testing::Test {
 protected:
  MultiTenantReaderTest() : store_(std::move(engine_test_stores(EngineState::head)()).value()) {
    write("a", 2);
    write("b", 3);
  }

  void write(const Tenant& tenant, size_t lines) {
    Labels labels{{"app", "web"}};
    BatchBuilder logs(Table::logs), samples(Table::samples);
    std::vector<LabelRef> stream = labels.view();
    logs.begin_group_copy(stream);
    for (size_t i = 0; i < lines; ++i) {
      logs.add_row({static_cast<int64_t>(i) + 1});
      logs.set_string(Scope::fixed, column::kLine, "line");
    }
    Labels named{{"__name__", "up"}, {"tenant", tenant}};
    std::vector<LabelRef> series = named.view();
    samples.begin_group_copy(series);
    samples.add_row({kNanosPerSecond});
    samples.set_float(Scope::fixed, column::kValue, 1);
    WriteRequest request;
    request.tenant = tenant;
    request.batches.push_back(logs.finish());
    request.batches.push_back(samples.finish());
    ASSERT_TRUE(append_and_wait(store_->writer(), std::move(request)).ok());
  }

  uint64_t counted(const Tenant& tenant) {
    Scan scan;
    scan.tenant = tenant;
    scan.table = Table::logs;
    scan.aggregate.emplace();
    Budget budget;
    Result<Snapshot> at = reader_.snapshot(tenant);
    EXPECT_TRUE(at.ok());
    Result<AggregateAnswer> answer = aggregate_scan(reader_, *at, scan, budget, Cancel());
    EXPECT_TRUE(answer.ok()) << answer.error().to_string();
    uint64_t count = 0;
    if (answer.ok()) {
      for (const AggregateStates::Group& group : answer->states.groups()) count += group.counts[0];
    }
    return count;
  }

  // Each followed by a space.
  std::string label_values(const Tenant& tenant, std::string_view name) {
    Scan scan;
    scan.tenant = tenant;
    scan.table = Table::logs;
    Result<Snapshot> at = reader_.snapshot(tenant);
    EXPECT_TRUE(at.ok());
    auto values = reader_.values(*at, scan, label_column(name), 0, Cancel());
    EXPECT_TRUE(values.ok());
    std::string texts;
    for (const ValueCount& value : *values) texts += value.value + " ";
    return texts;
  }

  std::unique_ptr<TestStore> store_;
  MultiTenantReader reader_{store_->reader()};
};

TEST_F(MultiTenantReaderTest, AggregatesOfOneAndOfSeveral) {
  EXPECT_EQ(counted("a"), 2u);
  EXPECT_EQ(counted("b"), 3u);
  EXPECT_EQ(counted("a|b"), 5u);
}

TEST_F(MultiTenantReaderTest, LabelValuesOfOneAndOfSeveral) {
  EXPECT_EQ(label_values("a", "app"), "web ");
  EXPECT_EQ(label_values("a|b", "app"), "web ");
  EXPECT_EQ(label_values("a", "__tenant_id__"), "");
  EXPECT_EQ(label_values("a|b", "__tenant_id__"), "a b ");
  EXPECT_EQ(label_values("a|b", "absent"), "");
  EXPECT_EQ(label_values("a", ""), "app ");
  EXPECT_EQ(label_values("a|b", ""), "__tenant_id__ app ");
}

// A store that knows tiers of two tenants and nothing else.
class TieredStore : public Reader {
 public:
  Result<Snapshot> snapshot(const Tenant& tenant) override {
    return Snapshot{1, std::make_shared<const Tenant>(tenant)};
  }
  Result<TierReport> tiers(const Snapshot& at, int64_t, int64_t) override {
    const Tenant& tenant = *static_cast<const Tenant*>(at.pin.get());
    if (tenant == "a") return TierReport{{{300'000, {{0, 100}}}, {3'600'000, {{0, 100}}}}, 10};
    return TierReport{{{300'000, {{50, 200}}}}, 20};
  }
  Result<Plan> plan(const Snapshot&, const Scan&) override { return none(); }
  Result<std::unique_ptr<Cursor>> open(const Plan&, Budget&, const Cancel&) override { return none(); }
  Result<std::vector<Labels>> series(const Snapshot&, const Scan&, const Cancel&) override { return none(); }
  Result<std::vector<ColumnInfo>> columns(const Snapshot&, const Scan&) override { return none(); }
  Result<std::vector<ValueCount>> values(const Snapshot&, const Scan&, const ColumnId&, uint64_t,
                                         const Cancel&) override {
    return none();
  }

 private:
  static Error none() { return make_error(ErrorCode::unsupported, "not asked here"); }
};

TEST(MultiTenantReaderTiers, OfOneAndOfSeveral) {
  TieredStore store;
  MultiTenantReader reader(store);
  Result<TierReport> one = reader.tiers(*reader.snapshot("a"), 0, 1);
  ASSERT_TRUE(one.ok());
  EXPECT_EQ(one->tiers.size(), 2u);
  EXPECT_EQ(one->raw_after_ms, 10);
  Result<TierReport> both = reader.tiers(*reader.snapshot("a|b"), 0, 1);
  ASSERT_TRUE(both.ok());
  ASSERT_EQ(both->tiers.size(), 1u);
  EXPECT_EQ(both->tiers[0].spans, (std::vector<TierSpan>{{50, 100}}));
  EXPECT_EQ(both->raw_after_ms, 20);
}

TEST_F(MultiTenantReaderTest, CardinalityOfOneOnly) {
  CardinalityQuery query;
  Result<CardinalityReport> report = reader_.cardinality(*reader_.snapshot("a"), query, Cancel());
  ASSERT_TRUE(report.ok()) << report.error().to_string();
  ASSERT_EQ(report->groups.size(), 1u);
  EXPECT_EQ(report->groups[0].values, std::vector<std::string>{"up"});
  EXPECT_EQ(reader_.cardinality(*reader_.snapshot("a|b"), query, Cancel()).error().code,
            ErrorCode::unsupported);
}

}  // namespace
}  // namespace obelisk
