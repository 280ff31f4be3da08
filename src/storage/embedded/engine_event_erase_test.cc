// Goal: erased spans, log lines and exemplars are gone from every answer and from the files, and nothing else
// is, whatever happens before and after. Method: random writes and erasures in the engine and in the memory
// store, compared after each step; crashes at every change of the disk.
#include <gtest/gtest.h>

#include "env/fault_disk.h"
#include "storage/embedded/engine.h"
#include "storage/memory/memory_store.h"
#include "storage/test_reader_compare.h"

namespace obelisk {
namespace {

constexpr int64_t kBegin = 1'700'000'000'000'000'000;
constexpr int64_t kSpan = 3'600'000'000'000;
constexpr Table kTables[] = {Table::spans, Table::logs, Table::exemplars};

EngineOptions options_for(FaultDisk& disk, const Clock& clock) {
  EngineOptions options;
  options.disk = &disk;
  options.clock = &clock;
  options.background = false;
  options.log_segment_bytes = 4 << 10;
  options.events.row_groups.log_rows = 60;
  options.events.row_groups.span_rows = 40;
  options.events.merge.parts_min = 2;
  return options;
}

void write_events(Writer& writer, uint64_t seed) {
  RandomBatches random(seed, kBegin, kSpan);
  for (int i = 0; i < 3; ++i) {
    WriteRequest request;
    request.batches.push_back(random.logs(1 + random.below(120)));
    request.batches.push_back(random.spans(1 + random.below(80)));
    request.batches.push_back(random.exemplars(1 + random.below(40)));
    ASSERT_TRUE(append_and_wait(writer, std::move(request)).ok());
  }
}

void compare_events(MemoryStore& oracle, Engine& engine) {
  for (Table table : kTables) {
    Scan scan;
    scan.table = table;
    scan.all_columns = true;
    compare_scan(oracle, engine, scan);
    if (table == Table::spans) scan.unit = Unit::trace;
    if (table != Table::logs) compare_scan(oracle, engine, scan);
  }
}

Scan random_erasure(RandomScans& scans, std::mt19937_64& random) {
  Scan what;
  what.table = kTables[random() % 3];
  Scan other = scans.next(what.table);
  if (other.unit == Unit::row) what.where = other.where;
  what.range = other.range;
  if (what.where.is_always()) {  // not everything each time
    int64_t begin = kBegin + static_cast<int64_t>(random() % kSpan);
    what.range = {{begin}, {begin + kSpan / 10}};
  }
  return what;
}

TEST(EngineEventErase, AgreesWithTheMemoryStoreWhateverHappensAfter) {
  for (uint64_t seed = 1; seed <= 15; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937_64 random(seed);
    RandomBatches known(seed % 4, kBegin, kSpan);
    RandomScans scans(seed, {known.known_trace_id(), known.known_trace_id()}, kBegin, kSpan);
    FaultDisk disk;
    ManualClock clock(UnixNanos{kBegin});
    MemoryStore oracle;
    auto engine = std::move(*Engine::open(options_for(disk, clock)));
    for (int step = 0; step < 12; ++step) {
      switch (random() % 6) {
        case 0:
          ASSERT_TRUE(engine->flush().ok());
          break;
        case 1:
          ASSERT_TRUE(engine->merge().ok());
          break;
        case 2:
          if (random() % 2 == 0) disk.drop_unsynced(random());
          engine.reset();
          engine = std::move(*Engine::open(options_for(disk, clock)));
          break;
        case 3:
        case 4: {
          Scan what = random_erasure(scans, random);
          ASSERT_TRUE(oracle.erase(what).ok());
          auto erased = engine->erase(what);
          ASSERT_TRUE(erased.ok()) << erased.error().to_string();
          break;
        }
        default: {
          uint64_t batch = random() % 4;  // few seeds: what was erased is often written again
          write_events(oracle, batch);
          write_events(*engine, batch);
        }
      }
      compare_events(oracle, *engine);
      if (HasFatalFailure()) return;
    }
  }
}

// A snapshot taken before sees what it saw; one taken afterwards does not, and neither do the files.
TEST(EngineEventErase, OldSnapshotsKeepTheirRows) {
  FaultDisk disk;
  ManualClock clock(UnixNanos{kBegin});
  auto engine = std::move(*Engine::open(options_for(disk, clock)));
  write_events(*engine, 1);
  ASSERT_TRUE(engine->flush().ok());
  Scan everything;
  everything.table = Table::logs;
  size_t rows = answer_of(*engine, everything).rows.size();
  ASSERT_GT(rows, 0u);
  Snapshot before = *engine->snapshot(kDefaultTenant);
  ASSERT_TRUE(engine->erase(everything).ok());
  EXPECT_EQ(answer_of(*engine, everything).rows.size(), 0u);
  Budget budget;
  Cancel cancel;
  auto cursor = open_scan(*engine, before, everything, budget, cancel);
  ASSERT_TRUE(cursor.ok());
  size_t seen = 0;
  for (;;) {
    auto batch = (*cursor)->next();
    ASSERT_TRUE(batch.ok());
    if (!*batch) break;
    seen += (*batch)->row_count;
  }
  EXPECT_EQ(seen, rows);
  cursor->reset();
  before = Snapshot();
  Result<std::vector<std::string>> left = disk.list("tenants/anonymous/events/logs");
  if (left.ok()) {
    for (const std::string& day : *left)
      EXPECT_TRUE(disk.list("tenants/anonymous/events/logs/" + day)->empty()) << day;
  }
  Scan spans;
  spans.table = Table::spans;
  EXPECT_GT(answer_of(*engine, spans).rows.size(), 0u);
}

TEST(EngineEventErase, SurvivesPowerLossOnceAnsweredAndChangesNothingWhenRefused) {
  ManualClock clock(UnixNanos{kBegin});
  Scan what;
  what.table = Table::logs;
  what.range = {{kBegin}, {kBegin + kSpan / 2}};
  for (uint64_t at = 0; at < 40; ++at) {
    SCOPED_TRACE(at);
    FaultDisk disk;
    auto engine = std::move(*Engine::open(options_for(disk, clock)));
    write_events(*engine, 1);
    if (at % 2 == 0) {
      ASSERT_TRUE(engine->flush().ok());
    }
    MemoryStore full, erased;
    write_events(full, 1);
    write_events(erased, 1);
    ASSERT_TRUE(erased.erase(what).ok());
    disk.fail_after(at / 2, ErrorCode::io, FaultDisk::Failing::from_then_on);
    bool done = engine->erase(what).ok();
    compare_events(done ? erased : full, *engine);
    disk.drop_unsynced(at);
    engine.reset();
    engine = std::move(*Engine::open(options_for(disk, clock)));
    Scan scan;
    scan.table = Table::logs;
    scan.range = what.range;
    bool gone = answer_of(*engine, scan).rows.empty();
    if (done) {
      EXPECT_TRUE(gone);
    }
    compare_events(gone ? erased : full, *engine);
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace obelisk
