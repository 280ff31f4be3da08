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

  std::unique_ptr<TestStore> store_;
  MultiTenantReader reader_{store_->reader()};
};

TEST_F(MultiTenantReaderTest, AggregatesOfOneAndOfSeveral) {
  EXPECT_EQ(counted("a"), 2u);
  EXPECT_EQ(counted("b"), 3u);
  EXPECT_EQ(counted("a|b"), 5u);
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
