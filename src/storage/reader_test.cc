// Goal: open_scan gives the same answer whether or not the store takes order, limit and predicate over.
#include "storage/reader.h"

#include <gtest/gtest.h>

namespace obelisk {
namespace {

// A reader that takes nothing over: every predicate comes back as residual.
class LazyReader : public Reader {
 public:
  explicit LazyReader(BatchPtr batch) : batch_(std::move(batch)) {}
  Result<Snapshot> snapshot(const Tenant&) override { return Snapshot{}; }
  Result<Plan> plan(const Snapshot& at, const Scan& scan) override {
    return Plan{at, scan, scan.where, false, false, {}};
  }
  Result<std::unique_ptr<Cursor>> open(const Plan&, Budget&, const Cancel&) override {
    struct One : Cursor {
      BatchPtr batch;
      Result<BatchPtr> next() override { return std::exchange(batch, nullptr); }
      Coverage coverage() const override { return {}; }
    };
    auto cursor = std::make_unique<One>();
    cursor->batch = batch_;
    return std::unique_ptr<Cursor>(std::move(cursor));
  }
  Result<std::vector<Labels>> series(const Snapshot&, const Scan&, const Cancel&) override {
    return std::vector<Labels>{};
  }
  Result<std::vector<ColumnInfo>> columns(const Snapshot&, const Scan&) override {
    return std::vector<ColumnInfo>{};
  }
  Result<std::vector<ValueCount>> values(const Snapshot&, const Scan&, const ColumnId&, uint64_t,
                                         const Cancel&) override {
    return std::vector<ValueCount>{};
  }

 private:
  BatchPtr batch_;
};

TEST(OpenScan, AppliesResidualOrderAndLimitThatTheStoreLeft) {
  BatchBuilder builder(Table::logs);
  for (int64_t time : {3, 1, 2, 4}) {
    builder.add_row({time});
    builder.set_string(Scope::fixed, column::kLine, time % 2 == 0 ? "even" : "odd");
  }
  LazyReader reader(std::make_shared<const Batch>(builder.finish()));
  Scan scan;
  scan.where = Expr::contains(fixed_column(column::kLine), "od");
  scan.order = Order::time_ascending;
  scan.limit = 1;
  Budget budget;
  Cancel cancel;
  auto cursor = open_scan(reader, Snapshot{}, scan, budget, cancel);
  ASSERT_TRUE(cursor.ok());
  BatchPtr batch = *(*cursor)->next();
  ASSERT_EQ(batch->row_count, 1u);
  EXPECT_EQ(batch->times()[0], 1);
  EXPECT_EQ(*(*cursor)->next(), nullptr);
}

}  // namespace
}  // namespace obelisk
