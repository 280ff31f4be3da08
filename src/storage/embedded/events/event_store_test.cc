// Goal: the event store gives the same answers as the memory store, whatever state its rows are in: in the
// head, in one part, in many parts, merged, or opened again. Method: random batches into both, random scans
// compared; one seed a state sequence, printed on failure.
#include "storage/embedded/events/event_store.h"

#include <gtest/gtest.h>

#include "base/test_seed.h"
#include "env/fault_disk.h"
#include "storage/embedded/events/event_aggregate.h"
#include "storage/embedded/events/event_scan.h"
#include "storage/memory/memory_store.h"
#include "storage/test_reader_compare.h"

namespace obelisk {
namespace {

constexpr int64_t kBegin = 1'700'000'000'000'000'000;
constexpr int64_t kSpan = 2 * 86'400'000'000'000;  // two days: several partitions

EventStoreOptions small_row_groups() {
  EventStoreOptions options;
  options.row_groups.log_rows = 300;
  options.row_groups.span_rows = 200;
  options.merge.parts_min = 2;
  return options;
}

// The store as a Reader, as the engine will show it.
class StoreReader : public Reader {
 public:
  explicit StoreReader(EventStore& store) : store_(store) {}
  uint64_t sequence = 0;

  Result<Snapshot> snapshot(const Tenant&) override { return Snapshot{sequence, store_.view(sequence)}; }
  Result<Plan> plan(const Snapshot& at, const Scan& scan) override {
    return Plan{at, scan, Expr(), true, true, event_scan_cost(*view(at), scan), scan.aggregate.has_value()};
  }
  Result<AggregateAnswer> aggregate(const Plan& plan, Budget& budget, const Cancel& cancel) override {
    return aggregate_events(*view(plan.at), plan.pushed, budget, cancel);
  }
  Result<std::unique_ptr<Cursor>> open(const Plan& plan, Budget& budget, const Cancel& cancel) override {
    return open_event_scan(view(plan.at), plan.pushed, budget, cancel);
  }
  Result<std::vector<Labels>> series(const Snapshot& at, const Scan& scan, const Cancel& cancel) override {
    return event_series(*view(at), scan, cancel);
  }
  Result<std::vector<ColumnInfo>> columns(const Snapshot& at, const Scan& scan) override {
    return event_columns(*view(at), scan);
  }
  Result<std::vector<ValueCount>> values(const Snapshot& at, const Scan& scan, const ColumnId& column,
                                         uint64_t limit, const Cancel& cancel) override {
    return event_values(*view(at), scan, column, limit, cancel);
  }

 private:
  static EventViewPtr view(const Snapshot& at) { return std::static_pointer_cast<const EventView>(at.pin); }
  EventStore& store_;
};

// Both stores, the same batches in each.
struct Pair {
  FaultDisk disk;
  MemoryStore oracle;
  std::unique_ptr<EventStore> store;
  std::vector<std::string> parts;  // what a manifest would name
  uint64_t sequence = 0;

  explicit Pair(EventStoreOptions options = small_row_groups()) : options_(options) { reopen(); }

  void reopen() {
    store.reset();
    auto opened = EventStore::open(disk, "events", options_, parts);
    ASSERT_TRUE(opened.ok()) << opened.error().to_string();
    store = std::move(*opened);
  }

  void write(Batch batch) {
    std::string bytes;
    encode_into(batch);
    store->apply(std::make_shared<const Batch>(std::move(batch)), ++sequence);
    store->settle(sequence);
  }

  void commit(const EventStore::Change& change) {
    for (const std::string& name : change.removed_parts) std::erase(parts, name);
    parts.insert(parts.end(), change.new_parts.begin(), change.new_parts.end());
    store->commit(change);
  }

  void flush() {
    auto change = store->flush(sequence);
    ASSERT_TRUE(change.ok()) << change.error().to_string();
    commit(*change);
  }

  bool merge() {
    auto change = store->merge();
    EXPECT_TRUE(change.ok()) << change.error().to_string();
    if (!*change) return false;
    commit(**change);
    return true;
  }

 private:
  // A batch cannot be copied; its rows can.
  void encode_into(const Batch& batch) {
    std::vector<RowRef> refs;
    for (uint32_t row = 0; row < batch.row_count; ++row) refs.push_back({0, row});
    std::vector<BatchPtr> one = {BatchPtr(&batch, [](const Batch*) {})};
    WriteRequest request;
    request.batches.push_back(gather_columns(batch.table, one, refs, nullptr, true));
    ASSERT_TRUE(append_and_wait(oracle, std::move(request)).ok());
  }

  EventStoreOptions options_;
};

const std::vector<Table> kTables = {Table::spans, Table::logs, Table::exemplars};

void compare(Pair& pair, RandomBatches& random, uint64_t seed, int count) {
  SCOPED_TRACE(testing::Message() << "scans of seed " << seed << ", " << pair.parts.size() << " parts");
  std::vector<TraceId> ids;
  for (int i = 0; i < 20; ++i) ids.push_back(random.known_trace_id());
  RandomScans scans(seed, ids, kBegin, kSpan);
  StoreReader reader(*pair.store);
  reader.sequence = pair.sequence;
  compare_readers(pair.oracle, reader, scans, kTables, count);
}

void write_random(Pair& pair, RandomBatches& random) {
  for (int i = 0; i < 5; ++i) {
    size_t rows = random.chance(50) ? 1 + random.below(5) : random.below(400);
    pair.write(random.spans(rows));
    if (random.chance(30)) {  // a sender that tries again: the same spans twice
      uint64_t seed = random.random()();
      for (int times = 0; times < 2; ++times) {
        pair.write(RandomBatches(seed, kBegin, kSpan).spans(1 + seed % 20));
        if (random.chance(20)) pair.flush();
      }
    }
    pair.write(random.logs(rows * 2));
    pair.write(random.exemplars(rows));
  }
}

TEST(EventStore, AgreesWithTheMemoryStoreInEveryState) {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    RandomBatches random(seed, kBegin, kSpan);
    Pair pair;
    write_random(pair, random);
    compare(pair, random, seed, 25);  // in the head
    pair.flush();
    compare(pair, random, seed + 100, 25);  // in parts
    write_random(pair, random);
    compare(pair, random, seed + 200, 25);  // in both
    pair.flush();
    write_random(pair, random);
    pair.flush();
    pair.reopen();
    compare(pair, random, seed + 300, 25);  // in several parts, opened again
    size_t before = pair.parts.size();
    while (pair.merge()) {
    }
    EXPECT_LT(pair.parts.size(), before);
    compare(pair, random, seed + 400, 40);  // merged
    pair.reopen();
    compare(pair, random, seed + 500, 10);
    if (HasFatalFailure()) return;
  }
}

// Goal: two threads that share the row groups of many parts give what one gives. (Where there is no second
// core, one thread is all there is.)
TEST(EventStore, AggregatesAndValuesOfManyPartsAgreeWithTheMemoryStore) {
  uint64_t base = test_seed();
  for (uint64_t seed = base; seed < base + 2; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    RandomBatches random(seed, kBegin, kSpan);
    Pair pair;
    for (int flushes = 0; flushes < 6; ++flushes) {
      write_random(pair, random);
      pair.flush();
    }
    write_random(pair, random);
    size_t row_groups = 0;
    EventViewPtr view = pair.store->view(pair.sequence);
    for (const EventPartPtr& part : view->of(Table::spans).parts)
      row_groups += part->directory().row_groups.size();
    EXPECT_GE(row_groups, 16u);  // fewer are not shared
    RandomScans scans(seed, {random.known_trace_id(), random.known_trace_id()}, kBegin, kSpan);
    StoreReader reader(*pair.store);
    reader.sequence = pair.sequence;
    for (int i = 0; i < 150; ++i) {
      Table table = kTables[i % 3];
      compare_aggregate(pair.oracle, reader, scans.next_aggregate(table));
      if (i % 10 == 0) compare_directories(pair.oracle, reader, scans.next(table), scans.any_column());
      if (HasFatalFailure()) return;
    }
  }
}

// Goal: counts of values are those of distinct spans, whether they are counted, come from what is kept of
// whole parts, or are merged with the head. Method: the same spans sent again and again, over flushes and
// merges; every question asked twice, and of part of the time range.
TEST(EventStore, ValuesOfSpansSentAgainAreCountedOnce) {
  Pair pair;
  StoreReader reader(*pair.store);
  Cancel cancel;
  const ColumnId column = {Scope::attribute, "k"};
  auto check = [&](const std::string& state) {
    reader.sequence = pair.sequence;
    for (int64_t from : {kBegin - 1, kBegin + 500}) {
      for (uint64_t limit : {0, 3}) {
        Scan scan;
        scan.table = Table::spans;
        scan.range = {{from}, {kBegin + 2000}};
        auto expected =
            pair.oracle.values(*pair.oracle.snapshot(kDefaultTenant), scan, column, limit, cancel);
        for (int again = 0; again < 2; ++again) {
          auto found = reader.values(*reader.snapshot(kDefaultTenant), scan, column, limit, cancel);
          ASSERT_TRUE(found.ok()) << found.error().to_string();
          ASSERT_EQ(found->size(), expected->size()) << state;
          for (size_t i = 0; i < found->size(); ++i) {
            ASSERT_EQ((*found)[i].value, (*expected)[i].value) << state << " from " << from;
            ASSERT_EQ((*found)[i].count, (*expected)[i].count) << state << " from " << from;
          }
        }
      }
    }
  };
  auto send = [&](int first, int last) {
    BatchBuilder builder(Table::spans);
    for (int i = first; i < last; ++i) {
      builder.add_row({kBegin + i});
      TraceId id;
      id.bytes[15] = static_cast<uint8_t>(1 + i / 20);
      builder.set_trace_id(Scope::fixed, column::kTraceId, id);
      builder.set_int(Scope::fixed, column::kSpanId, i + 1);
      std::string_view value = builder.arena().copy("value " + std::to_string(i % 40));
      if (i % 3 != 0) builder.set_string(Scope::attribute, "k", value);
      if (i % 7 == 0) builder.set_int(Scope::attribute, "k", i % 5);
    }
    pair.write(builder.finish());
  };
  send(0, 900);
  send(100, 200);
  check("in the head");
  pair.flush();
  check("in a part");
  send(150, 1000);
  check("in a part and the head");
  pair.flush();
  check("in two parts");
  send(950, 1100);
  send(0, 30);
  check("in two parts and the head");
  pair.flush();
  while (pair.merge()) {
  }
  check("merged");
  send(300, 500);
  check("merged, and the head");
}

TEST(EventStore, ManySmallBatchesArePutTogether) {
  RandomBatches random(7, kBegin, kSpan);
  Pair pair;
  for (int i = 0; i < 700; ++i) pair.write(random.logs(1 + random.below(3)));
  EXPECT_LT(pair.store->view(pair.sequence)->of(Table::logs).head.size(), 60u);
  compare(pair, random, 7, 20);
}

// A flush that was asked for up to one sequence, after a later one was settled: small batches of both sides
// may stand in one. No row up to what the flush says it went through is left out.
TEST(EventStore, AFlushGoesAtLeastThroughWhatWasPutTogether) {
  FaultDisk disk;
  auto opened = EventStore::open(disk, "events", {}, {});
  ASSERT_TRUE(opened.ok()) << opened.error().to_string();
  EventStore& store = **opened;
  uint64_t sequence = 0;
  auto write = [&](int count) {
    for (int i = 0; i < count; ++i) {
      BatchBuilder builder(Table::logs);
      builder.begin_group({});
      builder.add_row({kBegin + static_cast<int64_t>(++sequence)});
      builder.set_string(Scope::fixed, column::kLine, "a line");
      store.apply(std::make_shared<const Batch>(builder.finish()), sequence);
    }
  };
  write(100);
  store.settle(100);
  ASSERT_LT(store.view(100)->of(Table::logs).head.size(), 100u);
  write(5);  // not settled: not for this flush
  auto change = store.flush(10);
  ASSERT_TRUE(change.ok()) << change.error().to_string();
  uint64_t flushed = 0;
  for (const auto& part : change->opened) flushed += part->directory().row_count;
  EXPECT_EQ(change->through_sequence, 100u);
  EXPECT_EQ(flushed, 100u);
  store.commit(*change);
  store.settle(105);
  auto rest = store.flush(105);
  ASSERT_TRUE(rest.ok()) << rest.error().to_string();
  EXPECT_EQ(rest->opened[0]->directory().row_count, 5u);
  store.commit(*rest);
}

TEST(EventStore, AViewDoesNotChange) {
  RandomBatches random(8, kBegin, kSpan);
  Pair pair;
  pair.write(random.logs(50));
  EventViewPtr view = pair.store->view(pair.sequence);
  pair.write(random.logs(50));
  pair.flush();
  pair.write(random.logs(20));
  pair.flush();
  Scan scan;
  scan.table = Table::logs;
  EXPECT_EQ(event_scan_cost(*view, scan).rows, 50u);
  EventViewPtr parts = pair.store->view(pair.sequence);
  ASSERT_TRUE(pair.merge());
  Budget budget;
  Cancel cancel;  // the merged-away files are still there for the older view
  auto cursor = open_event_scan(parts, scan, budget, cancel);
  ASSERT_TRUE(cursor.ok());
  uint64_t rows = 0;
  for (;;) {
    auto batch = (*cursor)->next();
    ASSERT_TRUE(batch.ok()) << batch.error().to_string();
    if (!*batch) break;
    rows += (*batch)->row_count;
  }
  EXPECT_EQ(rows, 120u);
  cursor->reset();
  view.reset();
  parts.reset();
  size_t files = 0;
  std::vector<std::string> days = *pair.disk.list("events/logs");
  for (const std::string& day : days) files += pair.disk.list("events/logs/" + day)->size();
  EXPECT_EQ(files, pair.parts.size());
}

TEST(EventStore, TheNewestRowsReadFewRowGroups) {
  Pair pair;
  for (int part = 0; part < 10; ++part) {
    BatchBuilder builder(Table::logs);
    for (int i = 0; i < 1000; ++i) {
      builder.add_row({kBegin + part * 1'000'000 + i});
      builder.set_string(Scope::fixed, column::kLine, "x");
    }
    pair.write(builder.finish());
    pair.flush();
  }
  Scan scan;
  scan.table = Table::logs;
  scan.order = Order::time_descending;
  scan.limit = 100;
  Budget budget;
  Cancel cancel;
  auto cursor = open_event_scan(pair.store->view(pair.sequence), scan, budget, cancel);
  auto batch = (*cursor)->next();
  ASSERT_EQ((*batch)->row_count, 100u);
  EXPECT_EQ((*batch)->times()[0], kBegin + 9'000'999);
  EXPECT_LE((*cursor)->coverage().rows_read, 300u);
}

TEST(EventStore, TheTraceIndexFindsATraceInAllTablesWithoutReadingTheRest) {
  RandomBatches random(9, kBegin, kSpan);
  Pair pair;
  for (int i = 0; i < 20; ++i) {
    pair.write(random.spans(400));
    pair.write(random.logs(400));
  }
  BatchBuilder spans(Table::spans), logs(Table::logs);
  TraceId id = *TraceId::from_hex("abc");
  for (auto* builder : {&spans, &logs}) {
    builder->add_row({kBegin + 5});
    builder->set_trace_id(Scope::fixed, column::kTraceId, id);
  }
  pair.write(spans.finish());
  pair.write(logs.finish());
  pair.flush();
  for (Table table : {Table::spans, Table::logs}) {
    Scan scan;
    scan.table = table;
    scan.where = Expr::compare(fixed_column(column::kTraceId), CompareOp::equal, std::string(id.view()));
    Budget budget;
    Cancel cancel;
    auto cursor = open_event_scan(pair.store->view(pair.sequence), scan, budget, cancel);
    auto batch = (*cursor)->next();
    ASSERT_TRUE(batch.ok() && *batch);
    EXPECT_EQ((*batch)->row_count, 1u);
    EXPECT_LE((*cursor)->coverage().rows_read, 300u);
  }
}

TEST(EventStore, RetentionDropsWholeDays) {
  RandomBatches random(10, kBegin, kSpan);
  Pair pair;
  pair.write(random.logs(500));
  pair.write(random.spans(100));
  pair.flush();
  size_t spans = pair.store->view(pair.sequence)->of(Table::spans).parts.size();
  auto change = pair.store->apply_retention(Table::logs, {kBegin + 86'400'000'000'000});
  ASSERT_TRUE(change.ok());
  EXPECT_FALSE(change->removed_parts.empty());
  pair.commit(*change);
  EventViewPtr view = pair.store->view(pair.sequence);
  EXPECT_EQ(view->of(Table::spans).parts.size(), spans);
  for (const EventPartPtr& part : view->of(Table::logs).parts) {
    EXPECT_GE(day_of(part->directory().min_time), day_of(kBegin + 86'400'000'000'000));
  }
  pair.reopen();
}

TEST(EventStore, DamagedBlockIsAnErrorThatNamesFileAndOffsetAndOthersAreReadable) {
  RandomBatches random(11, kBegin, 1'000'000'000'000);
  Pair pair;
  for (int i = 0; i < 2; ++i) {
    pair.write(random.logs(200));
    pair.flush();
  }
  EventViewPtr view = pair.store->view(pair.sequence);
  const EventPartPtr& part = view->of(Table::logs).parts[0];
  const ChunkInfo& chunk = part->directory().row_groups[0].chunks[0];
  std::string path = "events/" + part->name();
  pair.disk.flip_bit(path, chunk.offset + chunk.length / 2, 3);
  Scan scan;
  scan.table = Table::logs;
  scan.all_columns = true;
  Budget budget;
  Cancel cancel;
  auto cursor = open_event_scan(view, scan, budget, cancel);
  auto batch = (*cursor)->next();
  ASSERT_FALSE(batch.ok());
  EXPECT_EQ(batch.error().code, ErrorCode::corrupt);
  EXPECT_NE(batch.error().message.find(path), std::string::npos) << batch.error().message;
  EXPECT_NE(batch.error().message.find("offset " + std::to_string(chunk.offset)), std::string::npos);
  Scan other = scan;
  other.range.begin = {part->directory().max_time + 1};
  EXPECT_TRUE(answer_of(*std::make_unique<StoreReader>(*pair.store), other).error.empty());
}

TEST(EventStore, OrphansAreRemovedAndAbandonLeavesNoFile) {
  RandomBatches random(12, kBegin, kSpan);
  Pair pair;
  pair.write(random.logs(100));
  auto change = pair.store->flush(pair.sequence);
  ASSERT_TRUE(change.ok());
  EXPECT_TRUE(*pair.disk.exists("events/" + change->new_parts[0]));
  pair.store->abandon(*change);
  EXPECT_FALSE(*pair.disk.exists("events/" + change->new_parts[0]));
  compare(pair, random, 12, 5);  // still there, in the head
  change = pair.store->flush(pair.sequence);
  ASSERT_TRUE(change.ok());
  pair.reopen();  // a crash before the manifest named them
  EXPECT_FALSE(*pair.disk.exists("events/" + change->new_parts[0]));
}

}  // namespace
}  // namespace obelisk
