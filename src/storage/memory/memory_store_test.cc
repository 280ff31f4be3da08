// Goal: the rules every store keeps (storage/memory/memory_store.h), stated on the store that applies them by
// hand.
#include "storage/memory/memory_store.h"

#include <gtest/gtest.h>

namespace obelisk {
namespace {

Batch samples(std::initializer_list<std::tuple<const char*, int64_t, double>> rows) {
  BatchBuilder builder(Table::samples);
  for (const auto& [job, time, value] : rows) {
    Labels labels{{"__name__", "up"}, {"job", job}};
    std::vector<LabelRef> view = labels.view();
    builder.begin_group_copy(view);
    builder.add_row({time});
    builder.set_float(Scope::fixed, column::kValue, value);
  }
  return builder.finish();
}

Batch spans(std::initializer_list<std::tuple<const char*, uint64_t, int64_t, const char*>> rows) {
  BatchBuilder builder(Table::spans);
  for (const auto& [trace, span, time, name] : rows) {
    builder.add_row({time});
    builder.set_trace_id(Scope::fixed, column::kTraceId, *TraceId::from_hex(trace));
    builder.set_int(Scope::fixed, column::kSpanId, static_cast<int64_t>(span));
    builder.set_string(Scope::fixed, column::kName, name);
  }
  return builder.finish();
}

void write(MemoryStore& store, Batch batch, Tenant tenant = kDefaultTenant) {
  WriteRequest request;
  request.tenant = tenant;
  request.batches.push_back(std::move(batch));
  ASSERT_TRUE(append_and_wait(store, std::move(request)).ok());
}

BatchPtr read(MemoryStore& store, const Scan& scan) {
  Budget budget;
  Cancel cancel;
  auto cursor = open_scan(store, *store.snapshot(scan.tenant), scan, budget, cancel);
  if (!cursor.ok()) return nullptr;
  auto batch = (*cursor)->next();
  return batch.ok() ? *batch : nullptr;
}

TEST(MemoryStore, SeriesUnitGroupsSortsAndKeepsTheLastOfEqualTimes) {
  MemoryStore store;
  write(store, samples({{"b", 2, 20}, {"a", 2, 2}, {"a", 1, 1}}));
  write(store, samples({{"a", 2, 3}}));
  Scan scan;
  scan.table = Table::samples;
  scan.unit = Unit::series;
  scan.all_columns = true;
  BatchPtr batch = read(store, scan);
  ASSERT_EQ(batch->groups.size(), 2u);
  EXPECT_EQ(label_value(batch->groups[0].labels, "job"), "a");
  EXPECT_EQ(batch->groups[0].row_count, 2u);
  EXPECT_EQ(batch->find_fixed(column::kValue)->floats, (std::vector<double>{1, 3, 20}));
  EXPECT_TRUE(batch->check().ok());
}

TEST(MemoryStore, WhereRangeOrderAndLimit) {
  MemoryStore store;
  write(store, samples({{"a", 1, 1}, {"a", 2, 2}, {"b", 3, 3}, {"a", 4, 4}}));
  Scan scan;
  scan.table = Table::samples;
  scan.all_columns = true;
  scan.where = Expr::compare(label_column("job"), CompareOp::equal, std::string("a"));
  scan.range = {{2}, {5}};
  scan.order = Order::time_descending;
  scan.limit = 1;
  BatchPtr batch = read(store, scan);
  ASSERT_EQ(batch->row_count, 1u);
  EXPECT_EQ(batch->times()[0], 4);
}

TEST(MemoryStore, TraceUnitReturnsWholeTracesThatHaveEveryRequiredMark) {
  MemoryStore store;
  write(store, spans({{"a", 1, 10, "root"}, {"b", 2, 11, "root"}}));
  write(store, spans({{"a", 3, 99, "slow"}, {"b", 4, 12, "fast"}}));
  Scan scan;
  scan.table = Table::spans;
  scan.unit = Unit::trace;
  scan.columns = {fixed_column(column::kName)};
  scan.marks = {Expr::compare(fixed_column(column::kName), CompareOp::equal, std::string("root")),
                Expr::compare(fixed_column(column::kName), CompareOp::equal, std::string("slow"))};
  scan.require_marks = {0, 1};
  BatchPtr batch = read(store, scan);
  ASSERT_EQ(batch->groups.size(), 1u);
  EXPECT_EQ(batch->row_count, 2u);
  EXPECT_EQ(batch->find_fixed("mark.1")->ints, (std::vector<int64_t>{0, 1}));
  scan.range = {{0}, {50}};  // the slow span is outside
  EXPECT_EQ(read(store, scan), nullptr);
  scan.require_marks = {0};
  EXPECT_EQ(read(store, scan)->row_count, 4u);
}

TEST(MemoryStore, SnapshotsAndTenantsDoNotSeeEachOther) {
  MemoryStore store;
  write(store, samples({{"a", 1, 1}}));
  Snapshot before = *store.snapshot(kDefaultTenant);
  write(store, samples({{"b", 1, 1}}));
  write(store, samples({{"c", 1, 1}}), "other");
  Scan scan;
  scan.table = Table::samples;
  Cancel cancel;
  EXPECT_EQ(store.series(before, scan, cancel)->size(), 1u);
  EXPECT_EQ(store.series(*store.snapshot(kDefaultTenant), scan, cancel)->size(), 2u);
}

TEST(MemoryStore, ValuesCountRows) {
  MemoryStore store;
  write(store, spans({{"a", 1, 10, "x"}, {"b", 2, 11, "y"}, {"b", 3, 12, "y"}}));
  Scan scan;
  scan.table = Table::spans;
  Cancel cancel;
  auto values = store.values(*store.snapshot(kDefaultTenant), scan, fixed_column(column::kName), 0, cancel);
  ASSERT_EQ(values->size(), 2u);
  EXPECT_EQ((*values)[0].value, "y");
  EXPECT_EQ((*values)[0].count, 2u);
}

TEST(MemoryStore, EraseTakesWhatIsThereAndNotWhatComesAfter) {
  MemoryStore store;
  write(store, samples({{"a", 1, 1}, {"a", 2, 2}, {"b", 2, 20}}));
  Scan what;
  what.table = Table::samples;
  what.where = Expr::compare(label_column("job"), CompareOp::equal, std::string("a"));
  what.range = {{2}, {3}};
  ASSERT_TRUE(store.erase(what).ok());
  Scan scan;
  scan.table = Table::samples;
  scan.unit = Unit::series;
  scan.all_columns = true;
  BatchPtr batch = read(store, scan);
  ASSERT_EQ(batch->groups.size(), 2u);
  EXPECT_EQ(batch->groups[0].row_count, 1u);
  EXPECT_EQ(batch->groups[1].row_count, 1u);
  write(store, samples({{"a", 2, 3}}));
  EXPECT_EQ(read(store, scan)->groups[0].row_count, 2u);
  what.limit = 3;
  EXPECT_EQ(store.erase(what).error().code, ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace obelisk
