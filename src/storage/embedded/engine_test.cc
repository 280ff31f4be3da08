// Goal: the engine keeps what it acknowledged and answers like the memory store, through restarts, crashes,
// failing writes, full disks and damage. Method: random requests into both; a simulated disk that fails at
// every change.
#include "storage/embedded/engine.h"

#include <gtest/gtest.h>

#include <set>

#include "env/fault_disk.h"
#include "model/archive_tenant.h"
#include "storage/memory/memory_store.h"
#include "storage/test_reader_compare.h"

namespace obelisk {
namespace {

constexpr int64_t kBegin = 1'700'000'000'000'000'000;
constexpr int64_t kSpan = 3'600'000'000'000;

EngineOptions options_for(FaultDisk& disk, const Clock& clock) {
  EngineOptions options;
  options.disk = &disk;
  options.clock = &clock;
  options.background = false;
  options.log_segment_bytes = 4 << 10;  // a few requests: segments roll and are recycled all the time
  options.events.row_groups.log_rows = 500;
  options.events.row_groups.span_rows = 300;
  options.events.merge.parts_min = 2;
  return options;
}

struct Fixture {
  FaultDisk disk;
  ManualClock clock{UnixNanos{kBegin}};
  std::unique_ptr<Engine> engine;

  void open() {
    engine.reset();
    disk.restore_power();
    auto opened = Engine::open(options_for(disk, clock));
    ASSERT_TRUE(opened.ok()) << opened.error().to_string();
    engine = std::move(*opened);
  }
};

// The same batches for two writers: a batch cannot be copied, so it is made twice from the same seed.
void write_random(Writer& a, Writer& b, uint64_t seed) {
  for (Writer* writer : {&a, &b}) {
    RandomBatches random(seed, kBegin, kSpan);
    for (int i = 0; i < 8; ++i) {
      WriteRequest request;
      request.batches.push_back(random.spans(random.below(200)));
      request.batches.push_back(random.logs(random.below(300)));
      request.batches.push_back(random.exemplars(random.below(60)));
      request.batches.push_back(random.samples(random.below(60)));
      ASSERT_TRUE(append_and_wait(*writer, std::move(request)).ok());
    }
  }
}

void compare(MemoryStore& oracle, Engine& engine, uint64_t seed, int count) {
  RandomBatches random(seed, kBegin, kSpan);
  std::vector<TraceId> ids;
  for (int i = 0; i < 20; ++i) ids.push_back(random.known_trace_id());
  RandomScans scans(seed, ids, kBegin, kSpan);
  compare_readers(oracle, engine, scans, {Table::spans, Table::logs, Table::exemplars}, count);
  Scan samples;
  samples.table = Table::samples;
  samples.unit = Unit::series;
  samples.all_columns = true;
  compare_scan(oracle, engine, samples);
}

TEST(Engine, AgreesWithTheMemoryStoreThroughFlushRestartAndMerge) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Fixture fixture;
    MemoryStore oracle;
    fixture.open();
    write_random(oracle, *fixture.engine, seed);
    compare(oracle, *fixture.engine, seed, 10);
    fixture.open();  // a crash of the process: everything is in the log
    EXPECT_EQ(fixture.engine->start_report().replayed_requests, 8u);
    compare(oracle, *fixture.engine, seed, 10);
    ASSERT_TRUE(fixture.engine->flush().ok());
    compare(oracle, *fixture.engine, seed, 10);
    write_random(oracle, *fixture.engine, seed + 50);
    fixture.disk.cut_power(seed);  // power loss
    fixture.open();
    EXPECT_EQ(fixture.engine->start_report().replayed_requests, 8u);
    compare(oracle, *fixture.engine, seed, 10);
    ASSERT_TRUE(fixture.engine->close().ok());
    fixture.open();
    EXPECT_EQ(fixture.engine->start_report().replayed_requests, 0u);
    compare(oracle, *fixture.engine, seed, 10);
    bool merged = false;
    for (bool more = true; more;) {
      auto result = fixture.engine->merge();
      ASSERT_TRUE(result.ok()) << result.error().to_string();
      more = *result;
      merged |= more;
    }
    EXPECT_TRUE(merged);
    compare(oracle, *fixture.engine, seed, 10);
    fixture.disk.cut_power(seed + 1);
    fixture.open();
    compare(oracle, *fixture.engine, seed, 10);
    if (HasFatalFailure()) return;
  }
}

// ---- crashes ----

// A request that can be recognised in every table it touches.
WriteRequest named_request(int number) {
  WriteRequest request;
  request.tenant = number % 3 == 0 ? "b" : "a";
  std::string name = std::to_string(number);
  for (Table table : {Table::logs, Table::spans}) {
    BatchBuilder builder(table);
    for (int row = 0; row < 3; ++row) {
      builder.add_row({kBegin + number * 1000 + row});
      builder.set_trace_id(Scope::fixed, column::kTraceId, *TraceId::from_hex(std::to_string(number + 1)));
      builder.set_string(Scope::attribute, "request", builder.arena().copy(name));
    }
    request.batches.push_back(builder.finish());
  }
  BatchBuilder samples(Table::samples);
  Labels labels{{"__name__", "request"}, {"number", name}};
  std::vector<LabelRef> view = labels.view();
  samples.begin_group_copy(view);
  samples.add_row({kBegin + number * 1'000'000});
  samples.set_float(Scope::fixed, column::kValue, number);
  request.batches.push_back(samples.finish());
  return request;
}

// The requests found in a table: number -> rows.
std::map<int, int> requests_in(Engine& engine, Table table) {
  std::map<int, int> found;
  for (const Tenant& tenant : {Tenant("a"), Tenant("b")}) {
    Scan scan;
    scan.tenant = tenant;
    scan.table = table;
    scan.all_columns = true;
    Budget budget;
    Cancel cancel;
    auto cursor = open_scan(engine, *engine.snapshot(tenant), scan, budget, cancel);
    EXPECT_TRUE(cursor.ok()) << cursor.error().to_string();
    if (!cursor.ok()) return found;
    for (;;) {
      auto batch = (*cursor)->next();
      EXPECT_TRUE(batch.ok()) << batch.error().to_string();
      if (!batch.ok() || !*batch) break;
      if (table == Table::samples) {
        for (const Group& group : (*batch)->groups) {
          found[std::stoi(std::string(label_value(group.labels, "number")))] +=
              static_cast<int>(group.row_count);
        }
        continue;
      }
      const ColumnData* names = (*batch)->find({Scope::attribute, "request"});
      for (size_t row = 0; row < (*batch)->row_count; ++row)
        ++found[std::stoi(std::string(names->strings[row]))];
    }
  }
  return found;
}

// Each request wholly or not at all, and exactly once; all of `acknowledged`, none of `refused`.
void check_requests(Engine& engine, const std::set<int>& acknowledged, const std::set<int>& refused) {
  std::map<int, int> logs = requests_in(engine, Table::logs), spans = requests_in(engine, Table::spans),
                     samples = requests_in(engine, Table::samples);
  ASSERT_EQ(logs, spans);
  for (const auto& [number, rows] : logs) {
    ASSERT_EQ(rows, 3) << "request " << number;
    ASSERT_EQ(samples[number], 1) << "request " << number;
    ASSERT_FALSE(refused.contains(number)) << "request " << number << " was refused and is there";
  }
  ASSERT_EQ(samples.size(), logs.size());
  for (int number : acknowledged)
    ASSERT_TRUE(logs.contains(number)) << "request " << number << " was acknowledged and is gone";
}

struct Outcome {
  std::set<int> acknowledged;
  std::set<int> refused;
};

// Writes with flushes, merges and restarts in between; stops at the first restart that fails.
void run_workload(FaultDisk& disk, const Clock& clock, int first, Outcome& outcome) {
  int number = first;
  auto write = [&](Engine& engine, int count) {
    for (int i = 0; i < count; ++i, ++number) {
      auto result = append_and_wait(engine, named_request(number));
      if (result.ok()) {
        outcome.acknowledged.insert(number);
      } else if (result.error().code == ErrorCode::no_space) {
        outcome.refused.insert(number);
      }
    }
  };
  for (int life = 0; life < 2; ++life) {
    EngineOptions options = options_for(disk, clock);
    options.log_segment_bytes = 1 << 10;  // two requests: segments are released and recycled between flushes
    auto engine = Engine::open(options);
    if (!engine.ok()) return;
    for (int round = 0; round < 3; ++round) {
      write(**engine, 4);
      Result<void> flushed = (*engine)->flush();
      Result<bool> merged = (*engine)->merge();
      (void)flushed, (void)merged;
    }
    if (life == 1) {
      write(**engine, 2);  // after a flush that may have failed half way
      Result<void> closed = (*engine)->close();
      (void)closed;
    }
  }
}

TEST(Engine, EveryFailingChangeThenPowerLossKeepsWhatWasAcknowledged) {
  ManualClock clock(UnixNanos{kBegin});
  uint64_t changes = 0;
  {
    FaultDisk disk;
    Outcome outcome;
    run_workload(disk, clock, 0, outcome);
    ASSERT_EQ(outcome.acknowledged.size(), 26u);
    changes = disk.change_count();
  }
  ASSERT_GT(changes, 200u);
  struct Way {
    ErrorCode code;
    FaultDisk::Failing failing;
  };
  for (uint64_t at = 0; at < changes; ++at) {
    for (const Way& way :
         {Way{ErrorCode::io, FaultDisk::Failing::from_then_on}, Way{ErrorCode::io, FaultDisk::Failing::once},
          Way{ErrorCode::no_space, FaultDisk::Failing::once}}) {
      SCOPED_TRACE(testing::Message()
                   << "fail at change " << at << " with " << error_code_name(way.code)
                   << (way.failing == FaultDisk::Failing::once ? " once" : " from then on"));
      FaultDisk disk;
      Outcome outcome;
      disk.fail_after(at, way.code, way.failing);
      run_workload(disk, clock, 0, outcome);
      disk.drop_unsynced(at);
      {
        auto engine = Engine::open(options_for(disk, clock));
        ASSERT_TRUE(engine.ok()) << engine.error().to_string();
        ASSERT_TRUE((*engine)->start_report().lost.empty());
        check_requests(**engine, outcome.acknowledged, outcome.refused);
        if (HasFatalFailure()) return;
        // What was found stays, and the store works.
        for (const auto& [number, rows] : requests_in(**engine, Table::logs))
          outcome.acknowledged.insert(number);
        for (int number = 100; number < 103; ++number) {
          ASSERT_TRUE(append_and_wait(**engine, named_request(number)).ok());
          outcome.acknowledged.insert(number);
        }
        if (at % 2 == 0) {
          ASSERT_TRUE((*engine)->flush().ok());
        }
      }
      disk.drop_unsynced(at + 1);
      auto engine = Engine::open(options_for(disk, clock));
      ASSERT_TRUE(engine.ok()) << engine.error().to_string();
      check_requests(**engine, outcome.acknowledged, {});
      if (HasFatalFailure()) return;
    }
  }
}

TEST(Engine, WeakerDurabilityLosesOnlyTheEndAndNeverHalfARequest) {
  ManualClock clock(UnixNanos{kBegin});
  for (uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    FaultDisk disk;
    EngineOptions options = options_for(disk, clock);
    options.log_segment_bytes = 2 << 10;
    options.durability = seed % 2 == 0 ? Durability::off : Durability::interval;
    std::set<int> durable;     // found by a start, which syncs what it finds
    std::vector<int> written;  // since then, in order
    int number = 0;
    for (int life = 0; life < 6; ++life) {
      {
        auto engine = Engine::open(options);
        ASSERT_TRUE(engine.ok()) << engine.error().to_string();
        ASSERT_TRUE((*engine)->start_report().lost.empty());
        check_requests(**engine, durable, {});
        std::map<int, int> found = requests_in(**engine, Table::logs);
        bool missing = false;
        for (int request : written) {
          if (!found.contains(request)) missing = true;
          ASSERT_FALSE(missing && found.contains(request)) << request << " is there and one before it is not";
        }
        for (const auto& [request, rows] : found) durable.insert(request);
        written.clear();
        auto write = [&](uint64_t count) {
          for (uint64_t i = 0; i < count; ++i, ++number) {
            ASSERT_TRUE(append_and_wait(**engine, named_request(number)).ok());
            written.push_back(number);
          }
        };
        write(seed % 11);
        if (seed % 3 == 0) {
          ASSERT_TRUE((*engine)->flush().ok());
          durable.insert(written.begin(), written.end());
        }
        write(seed % 7);
        // While the engine lives: destroying it first would sync the log.
        disk.cut_power(seed * 7 + static_cast<uint64_t>(life));
      }
      disk.restore_power();
    }
  }
}

TEST(Engine, ATenantWithoutDataHasEmptyAnswers) {
  Fixture fixture;
  fixture.open();
  Budget budget;
  Cancel cancel;
  Result<Snapshot> at = fixture.engine->snapshot("nobody");
  ASSERT_TRUE(at.ok());
  for (Table table : {Table::spans, Table::logs, Table::exemplars, Table::samples}) {
    Scan scan;
    scan.tenant = "nobody";
    scan.table = table;
    scan.all_columns = true;
    auto cursor = open_scan(*fixture.engine, *at, scan, budget, cancel);
    ASSERT_TRUE(cursor.ok());
    auto rows = (*cursor)->next();
    ASSERT_TRUE(rows.ok());
    EXPECT_EQ(*rows, nullptr);
    if (table == Table::samples) continue;
    scan.aggregate.emplace();
    auto answer = aggregate_scan(*fixture.engine, *at, scan, budget, cancel);
    ASSERT_TRUE(answer.ok()) << answer.error().to_string();
  }
}

TEST(Engine, FullDiskRefusesWritesServesReadsAndHeals) {
  Fixture fixture;
  fixture.open();
  ASSERT_TRUE(append_and_wait(*fixture.engine, named_request(1)).ok());
  fixture.disk.set_free_bytes(0);
  std::set<int> refused;
  for (int number = 2; number < 400; ++number) {
    auto result = append_and_wait(*fixture.engine, named_request(number));
    if (result.ok()) continue;  // the preallocated segment takes some
    EXPECT_EQ(result.error().code, ErrorCode::no_space) << result.error().to_string();
    refused.insert(number);
  }
  EXPECT_FALSE(refused.empty());
  EXPECT_EQ(fixture.engine->flush().error().code, ErrorCode::no_space);
  EXPECT_EQ(requests_in(*fixture.engine, Table::logs)[1], 3);
  fixture.disk.set_free_bytes(std::nullopt);
  ASSERT_TRUE(append_and_wait(*fixture.engine, named_request(1000)).ok());
  ASSERT_TRUE(fixture.engine->flush().ok());
  fixture.disk.cut_power(1);
  fixture.open();
  check_requests(*fixture.engine, {1, 1000}, refused);
}

TEST(Engine, RefusesASecondServerAnUnknownVersionAndAMissingManifest) {
  Fixture fixture;
  fixture.open();
  EXPECT_EQ(Engine::open(options_for(fixture.disk, fixture.clock)).error().code, ErrorCode::unavailable);
  ASSERT_TRUE(append_and_wait(*fixture.engine, named_request(1)).ok());
  ASSERT_TRUE(fixture.engine->close().ok());
  EXPECT_EQ(append_and_wait(*fixture.engine, named_request(2)).error().code, ErrorCode::unavailable);
  EXPECT_EQ(requests_in(*fixture.engine, Table::logs)[1], 3);
  fixture.engine.reset();
  std::string manifest = *read_file(fixture.disk, std::string(kManifestFile), 1 << 20);
  std::string newer = manifest;
  newer[8] = 7;
  ASSERT_TRUE(replace_file(fixture.disk, std::string(kManifestFile), newer).ok());
  auto refused = Engine::open(options_for(fixture.disk, fixture.clock));
  EXPECT_EQ(refused.error().code, ErrorCode::unsupported);
  EXPECT_NE(refused.error().message.find("version 7"), std::string::npos) << refused.error().message;
  ASSERT_TRUE(fixture.disk.remove(std::string(kManifestFile)).ok());
  EXPECT_EQ(Engine::open(options_for(fixture.disk, fixture.clock)).error().code, ErrorCode::corrupt);
}

TEST(Engine, TenantsAreBoundedNamedAndApart) {
  Fixture fixture;
  EngineOptions options = options_for(fixture.disk, fixture.clock);
  options.tenants_max = 2;
  auto engine = Engine::open(options);
  ASSERT_TRUE(engine.ok());
  auto write = [&](const Tenant& tenant) {
    WriteRequest request = named_request(1);
    request.tenant = tenant;
    return append_and_wait(**engine, std::move(request));
  };
  EXPECT_TRUE(write("../team/a").ok());
  EXPECT_EQ(write("").error().code, ErrorCode::invalid_argument);
  // 150 bytes as in the header, and what an archive's name has more.
  EXPECT_EQ(write(std::string(159, 'x')).error().code, ErrorCode::invalid_argument);
  EXPECT_TRUE(write(std::string(158, '/')).ok());
  EXPECT_EQ(write("third").error().code, ErrorCode::too_large);
  EXPECT_TRUE(requests_in(**engine, Table::logs).empty());
}

TEST(Engine, RetentionDropsOldDays) {
  Fixture fixture;
  EngineOptions options = options_for(fixture.disk, fixture.clock);
  options.retention.logs_nanos = 86'400 * kNanosPerSecond;
  options.retention.traces_nanos = 30ll * 86'400 * kNanosPerSecond;
  auto engine = Engine::open(options);
  ASSERT_TRUE(engine.ok());
  ASSERT_TRUE(append_and_wait(**engine, named_request(1)).ok());
  ASSERT_TRUE((*engine)->flush().ok());
  ASSERT_TRUE((*engine)->apply_retention().ok());
  EXPECT_EQ(requests_in(**engine, Table::logs).size(), 1u);
  fixture.clock.advance(3ll * 86'400 * kNanosPerSecond);
  ASSERT_TRUE((*engine)->apply_retention().ok());
  EXPECT_EQ(requests_in(**engine, Table::logs).size(), 0u);
  EXPECT_EQ(requests_in(**engine, Table::spans).size(), 1u);
  engine->reset();
  fixture.open();
  EXPECT_EQ(requests_in(*fixture.engine, Table::logs).size(), 0u);
}

// Goal: neither age nor size takes anything out of an archive.
TEST(Engine, RetentionLeavesArchivesAlone) {
  Fixture fixture;
  EngineOptions options = options_for(fixture.disk, fixture.clock);
  options.retention.traces_nanos = 86'400 * kNanosPerSecond;
  options.retention_bytes = 1;
  auto engine = Engine::open(options);
  ASSERT_TRUE(engine.ok());
  ASSERT_TRUE(append_and_wait(**engine, named_request(1)).ok());
  WriteRequest archived = named_request(2);
  archived.tenant = archive_of(kDefaultTenant);
  ASSERT_TRUE(append_and_wait(**engine, std::move(archived)).ok());
  ASSERT_TRUE((*engine)->flush().ok());
  fixture.clock.advance(300ll * 86'400 * kNanosPerSecond);
  ASSERT_TRUE((*engine)->apply_retention().ok());
  auto rows_of = [&](const Tenant& tenant) {
    Scan scan;
    scan.tenant = tenant;
    scan.table = Table::spans;
    return (*engine)->plan(*(*engine)->snapshot(tenant), scan)->cost.rows;
  };
  EXPECT_EQ(rows_of(kDefaultTenant), 0u);
  EXPECT_GT(rows_of(archive_of(kDefaultTenant)), 0u);
}

TEST(Engine, InvalidRequestsAreRefusedWhole) {
  Fixture fixture;
  fixture.open();
  WriteRequest request = named_request(1);
  request.batches[1].groups.clear();
  EXPECT_EQ(append_and_wait(*fixture.engine, std::move(request)).error().code, ErrorCode::invalid_argument);
  EXPECT_TRUE(requests_in(*fixture.engine, Table::logs).empty());
  EXPECT_TRUE(append_and_wait(*fixture.engine, {}).ok());  // nothing to write
}

TEST(Engine, WritersReadersFlushesAndMergesAtOnce) {
  FaultDisk disk;
  ManualClock clock(UnixNanos{kBegin});
  EngineOptions options = options_for(disk, clock);
  options.background = true;
  options.events_flush_bytes = 64 << 10;
  options.log_segment_bytes = 256 << 10;
  auto engine = Engine::open(options);
  ASSERT_TRUE(engine.ok());
  std::atomic<int> next = 0;
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      while (next < 600) EXPECT_TRUE(append_and_wait(**engine, named_request(next++)).ok());
    });
  }
  threads.emplace_back([&] {
    size_t before = 0;
    while (!stop) {
      // A request is visible wholly or not at all, and never goes away.
      std::map<int, int> logs = requests_in(**engine, Table::logs);
      for (const auto& [number, rows] : logs) EXPECT_EQ(rows, 3);
      EXPECT_GE(logs.size(), before);
      before = logs.size();
    }
  });
  threads[0].join();
  threads[1].join();
  stop = true;
  threads[2].join();
  std::set<int> all;
  for (int number = 0; number < next; ++number) all.insert(number);
  check_requests(**engine, all, {});
  ASSERT_TRUE((*engine)->close().ok());
  engine->reset();
  auto again = Engine::open(options);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ((*again)->start_report().replayed_requests, 0u);
  check_requests(**again, all, {});
}

// Goal: the log names series by numbers that it defines once a segment; a start finds the definitions also
// where the parts hold the request that made them, and tells what a damaged one takes along.
WriteRequest samples_request(int64_t second, int series_count) {
  BatchBuilder builder(Table::samples);
  for (int i = 0; i < series_count; ++i) {
    builder.begin_group_copy(Labels({{"__name__", "up"}, {"instance", std::to_string(i)}}).view());
    builder.add_row({kBegin + second * kNanosPerSecond});
    builder.set_float(Scope::fixed, column::kValue, static_cast<double>(second));
  }
  WriteRequest request;
  request.batches.push_back(builder.finish());
  return request;
}

uint64_t count_samples(Engine& engine) {
  Scan scan;
  scan.table = Table::samples;
  Budget budget;
  Cancel cancel;
  auto snapshot = engine.snapshot(kDefaultTenant);
  auto cursor = open_scan(engine, *snapshot, scan, budget, cancel);
  EXPECT_TRUE(cursor.ok());
  uint64_t rows = 0;
  for (;;) {
    auto batch = (*cursor)->next();
    EXPECT_TRUE(batch.ok());
    if (!*batch) return rows;
    rows += (*batch)->row_count;
  }
}

struct SamplesFixture : Fixture {
  void open_large_segments() {
    engine.reset();
    disk.restore_power();
    EngineOptions options = options_for(disk, clock);
    options.log_segment_bytes = 1 << 20;
    auto opened = Engine::open(options);
    ASSERT_TRUE(opened.ok()) << opened.error().to_string();
    engine = std::move(*opened);
  }
};

TEST(Engine, SeriesDefinedInFlushedRequestsAreKnownAfterAStart) {
  SamplesFixture fixture;
  fixture.open_large_segments();
  ASSERT_TRUE(append_and_wait(*fixture.engine, samples_request(1, 20)).ok());
  ASSERT_TRUE(fixture.engine->flush().ok());
  ASSERT_TRUE(append_and_wait(*fixture.engine, samples_request(2, 30)).ok());
  fixture.disk.cut_power(1);
  for (int start = 0; start < 2; ++start) {
    fixture.open_large_segments();
    EXPECT_EQ(fixture.engine->start_report().replayed_requests, 1u);
    EXPECT_TRUE(fixture.engine->start_report().lost.empty());
    EXPECT_EQ(count_samples(*fixture.engine), 50u);
  }
}

TEST(Engine, ADamagedDefinitionIsTold) {
  SamplesFixture fixture;
  fixture.open_large_segments();
  for (int second = 1; second <= 3; ++second)
    ASSERT_TRUE(append_and_wait(*fixture.engine, samples_request(second, 10 * second)).ok());
  fixture.engine.reset();
  std::string path = "wal/0000000000000001.wal";
  {
    auto file = fixture.disk.open(path, Disk::Mode::open_existing);
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE((*file)->write_at(64 + 60, "damage").ok());  // inside the first request
    ASSERT_TRUE((*file)->sync().ok());
  }
  fixture.open_large_segments();
  const auto& lost = fixture.engine->start_report().lost;
  ASSERT_EQ(lost.size(), 3u);  // the first whole, ten series of each of the others
  EXPECT_EQ(count_samples(*fixture.engine), 10u + 20u);
}

}  // namespace
}  // namespace obelisk
