// Goal: erased spans, log lines and exemplars are gone from every answer at once and from the files soon
// after, and nothing else is, whatever happens before and after. Method: random writes and erasures in the
// engine and in the memory store, compared after each step in every way of reading; crashes at every change
// of the disk; the files searched for the bytes.
#include <gtest/gtest.h>

#include <thread>

#include "plan/expression_codec.h"
#include "storage/embedded/test_erase_steps.h"

namespace obelisk {
namespace {

using namespace erase_test;

constexpr Table kTables[] = {Table::spans, Table::logs, Table::exemplars};

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

void compare_everything(MemoryStore& oracle, Engine& engine) {
  for (Table table : kTables) {
    Scan scan;
    scan.table = table;
    scan.all_columns = true;
    compare_scan(oracle, engine, scan);
    if (table == Table::spans) scan.unit = Unit::trace;
    if (table != Table::logs) compare_scan(oracle, engine, scan);
  }
}

// Of one seed: erasures and questions of every kind.
class RandomErasures {
 public:
  explicit RandomErasures(uint64_t seed) : RandomErasures(seed, RandomBatches(seed % 4, kBegin, kSpan)) {}

  Scan next(std::mt19937_64& random) {
    Scan what;
    what.table = kTables[random() % 3];
    Scan other = scans_.next(what.table);
    if (other.unit == Unit::row) what.where = other.where;
    what.range = other.range;
    if (what.where.is_always()) {  // not everything each time
      int64_t begin = kBegin + static_cast<int64_t>(random() % kSpan);
      what.range = {{begin}, {begin + kSpan / 10}};
    }
    return what;
  }

  void compare(MemoryStore& oracle, Engine& engine) {
    compare_everything(oracle, engine);
    compare_readers(oracle, engine, scans_, {Table::spans, Table::logs, Table::exemplars}, 2);
  }

 private:
  RandomErasures(uint64_t seed, RandomBatches known)
      : scans_(seed, {known.known_trace_id(), known.known_trace_id()}, kBegin, kSpan) {}

  RandomScans scans_;
};

TEST(EngineEventErase, AgreesWithTheMemoryStoreWhateverHappensAfter) {
  agree_whatever_happens(25, [](uint64_t seed) {
    auto erasures = std::make_shared<RandomErasures>(seed);
    return Steps{write_events, [erasures](std::mt19937_64& random) { return erasures->next(random); },
                 [erasures](MemoryStore& oracle, Engine& engine) { erasures->compare(oracle, engine); }};
  });
}

TEST(EngineEventErase, SurvivesPowerLossOnceAnsweredAndChangesNothingWhenRefused) {
  Scan what;
  what.table = Table::logs;
  what.range = {{kBegin}, {kBegin + kSpan / 2}};
  survive_power_loss(80, what, {write_events, nullptr, compare_everything});
}

// The log's thread closes its file by itself.
bool wait_until_erased(Engine& engine, const EraseReport& report) {
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  do {
    merge_all(engine);
    if (*engine.is_erased(kDefaultTenant, report)) return true;
    std::this_thread::yield();
  } while (std::chrono::steady_clock::now() < deadline);
  return false;
}

// A snapshot taken before sees what it saw; one taken afterwards does not. The files go with the snapshot.
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
  auto report = engine->erase(everything);
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(answer_of(*engine, everything).rows.size(), 0u);
  merge_all(*engine);
  EXPECT_FALSE(*engine->is_erased(kDefaultTenant, *report));
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
  EXPECT_TRUE(wait_until_erased(*engine, *report));
  Result<std::vector<std::string>> left = disk.list("tenants/anonymous/events/logs");
  if (left.ok()) {
    for (const std::string& day : *left)
      EXPECT_TRUE(disk.list("tenants/anonymous/events/logs/" + day)->empty()) << day;
  }
  Scan spans;
  spans.table = Table::spans;
  EXPECT_GT(answer_of(*engine, spans).rows.size(), 0u);
}

void write_line(Engine& engine, int64_t time, const std::string& line) {
  BatchBuilder rows(Table::logs);
  Labels labels{{"app", "a"}};
  rows.begin_group_copy(labels.view());
  rows.add_row({time});
  rows.set_string(Scope::fixed, column::kLine, rows.arena().copy(line));
  WriteRequest request;
  request.batches.push_back(rows.finish());
  ASSERT_TRUE(append_and_wait(engine, std::move(request)).ok());
}

Scan lines_with(const std::string& text) {
  Scan what;
  what.table = Table::logs;
  what.where = Expr::contains(fixed_column(column::kLine), text);
  return what;
}

// A line that was erased and is sent again is a line of its own, before and after its part is written anew.
TEST(EngineEventErase, WhatIsSentAgainAfterwardsStays) {
  FaultDisk disk;
  ManualClock clock(UnixNanos{kBegin});
  auto engine = std::move(*Engine::open(options_for(disk, clock)));
  write_line(*engine, kBegin, "secret one");
  write_line(*engine, kBegin, "other");
  ASSERT_TRUE(engine->flush().ok());
  ASSERT_TRUE(engine->erase(lines_with("secret")).ok());
  auto lines = [&] { return answer_of(*engine, lines_with("secret")).rows.size(); };
  auto count = [&] {
    Scan scan;
    scan.table = Table::logs;
    scan.aggregate.emplace();
    Budget budget;
    Cancel cancel;
    auto answer = aggregate_scan(*engine, *engine->snapshot(kDefaultTenant), scan, budget, cancel);
    return answer->states.groups().empty() ? uint64_t{0} : answer->states.groups()[0].counts[0];
  };
  EXPECT_EQ(lines(), 0u);
  EXPECT_EQ(count(), 1u);
  write_line(*engine, kBegin, "secret one");
  EXPECT_EQ(lines(), 1u);
  EXPECT_EQ(count(), 2u);
  ASSERT_TRUE(engine->flush().ok());
  EXPECT_EQ(lines(), 1u);
  EXPECT_EQ(count(), 2u);
  // Restarted before anything was written anew: the parts of before and after are still told apart.
  engine.reset();
  engine = std::move(*Engine::open(options_for(disk, clock)));
  EXPECT_EQ(lines(), 1u);
  merge_all(*engine);
  EXPECT_EQ(lines(), 1u);
  EXPECT_EQ(count(), 2u);
}

// Whether any file holds the bytes; not in the manifest, where an erasure names what it takes.
bool disk_holds(FaultDisk& disk, const std::string& directory, std::string_view bytes) {
  std::vector<std::string> names = *disk.list(directory);
  for (const std::string& name : names) {
    std::string path = directory.empty() ? name : directory + "/" + name;
    if (auto inside = disk.list(path); inside.ok() && !inside->empty()) {
      if (disk_holds(disk, path, bytes)) return true;
      continue;
    }
    if (name == kManifestFile) continue;
    auto content = read_file(disk, path, 1 << 24);
    if (content.ok() && content->find(bytes) != std::string::npos) return true;
  }
  return false;
}

TEST(EngineEventErase, WhenItSaysErasedNoFileHoldsTheBytes) {
  constexpr std::string_view kSecret = "qxzjvkwpfhgb";  // incompressible and without a digit
  for (bool restart : {false, true}) {
    SCOPED_TRACE(restart);
    FaultDisk disk;
    ManualClock clock(UnixNanos{kBegin});
    auto engine = std::move(*Engine::open(options_for(disk, clock)));
    // Several segments of the log, some used again.
    for (int i = 0; i < 200; ++i) {
      write_line(*engine, kBegin + i, fmt::format("line {} {}", i, i % 50 == 7 ? kSecret : "harmless"));
      if (i % 60 != 59) continue;
      ASSERT_TRUE(engine->flush().ok());
    }
    ASSERT_TRUE(disk_holds(disk, "", kSecret));
    auto report = engine->erase(lines_with(std::string(kSecret)));
    ASSERT_TRUE(report.ok());
    EXPECT_TRUE(answer_of(*engine, lines_with(std::string(kSecret))).rows.empty());
    if (restart) {
      engine.reset();
      engine = std::move(*Engine::open(options_for(disk, clock)));
      report->log_mark = 0;
      EXPECT_TRUE(answer_of(*engine, lines_with(std::string(kSecret))).rows.empty());
    }
    EXPECT_FALSE(*engine->is_erased(kDefaultTenant, *report));
    EXPECT_TRUE(disk_holds(disk, "", kSecret));
    ASSERT_TRUE(engine->flush().ok());
    EXPECT_TRUE(wait_until_erased(*engine, *report));
    EXPECT_FALSE(disk_holds(disk, "", kSecret));
    Scan all;
    all.table = Table::logs;
    EXPECT_EQ(answer_of(*engine, all).rows.size(), 196u);
    write_line(*engine, kBegin, "the log goes on");
    EXPECT_EQ(answer_of(*engine, all).rows.size(), 197u);
  }
}

}  // namespace
}  // namespace obelisk
