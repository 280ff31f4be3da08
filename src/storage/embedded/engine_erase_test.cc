// Goal: erased samples are gone from every answer at once and for good, nothing else is, whatever happens
// after: flushes, merges, crashes, the same samples written again. And a backup is a store of its own.
// Method: random writes and erasures in the engine and in the memory store, compared after each step.
#include <gtest/gtest.h>

#include "env/fault_disk.h"
#include "plan/expression_codec.h"
#include "storage/embedded/engine.h"
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
  options.log_segment_bytes = 4 << 10;
  return options;
}

void write_samples(Writer& writer, uint64_t seed) {
  RandomBatches random(seed, kBegin, kSpan);
  for (int i = 0; i < 6; ++i) {
    WriteRequest request;
    request.batches.push_back(random.samples(random.below(200)));
    ASSERT_TRUE(append_and_wait(writer, std::move(request)).ok());
  }
}

Scan random_erasure(std::mt19937_64& random) {
  Scan what;
  what.table = Table::samples;
  const char* metrics[] = {"http_requests_total", "latency_seconds", "up"};
  Expr metric = Expr::compare(label_column("__name__"), CompareOp::equal, std::string(metrics[random() % 3]));
  Expr le = Expr::matches(label_column("le"), *Regex::compile("[0-3]", Regex::Mode::anchored));
  switch (random() % 4) {
    case 0:
      what.where = metric;
      break;
    case 1:
      what.where = le;
      break;
    case 2:
      what.where = Expr::all_of({metric, Expr::not_of(le)});
      break;
    default:
      break;  // every series
  }
  int64_t begin = kBegin + static_cast<int64_t>(random() % kSpan);
  what.range = {{begin}, {begin + static_cast<int64_t>(random() % (kSpan / 4))}};
  if (what.where.is_always()) what.range.end.value = begin + static_cast<int64_t>(random() % (kSpan / 30));
  return what;
}

void compare_samples(MemoryStore& oracle, Engine& engine) {
  Scan scan;
  scan.table = Table::samples;
  scan.unit = Unit::series;
  scan.all_columns = true;
  compare_scan(oracle, engine, scan);
  Cancel cancel;
  EXPECT_EQ(*engine.series(*engine.snapshot(kDefaultTenant), scan, cancel),
            *oracle.series(*oracle.snapshot(kDefaultTenant), scan, cancel));
}

Manifest manifest_of(Disk& disk) {
  return *parse_manifest(*read_file(disk, std::string(kManifestFile), 1 << 20));
}

void merge_all(Engine& engine) {
  for (bool more = true; more;) {
    auto merged = engine.merge();
    ASSERT_TRUE(merged.ok()) << merged.error().to_string();
    more = *merged;
  }
}

TEST(EngineErase, AgreesWithTheMemoryStoreWhateverHappensAfter) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937_64 random(seed);
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
          merge_all(*engine);
          break;
        case 2:
          if (random() % 2 == 0) disk.drop_unsynced(random());
          engine.reset();
          engine = std::move(*Engine::open(options_for(disk, clock)));
          break;
        case 3:
        case 4: {
          Scan what = random_erasure(random);
          ASSERT_TRUE(oracle.erase(what).ok());
          auto erased = engine->erase(what);
          ASSERT_TRUE(erased.ok()) << erased.error().to_string();
          break;
        }
        default: {
          uint64_t batch = random() % 4;  // few seeds: what was erased is often written again
          write_samples(oracle, batch);
          write_samples(*engine, batch);
        }
      }
      compare_samples(oracle, *engine);
      if (HasFatalFailure()) return;
    }
    ASSERT_TRUE(engine->flush().ok());
    merge_all(*engine);
    compare_samples(oracle, *engine);
    // Physically gone: no erasure is left to apply, and the files alone give the same answers.
    EXPECT_TRUE(manifest_of(disk).tenants[kDefaultTenant].erasures.empty());
    engine.reset();
    engine = std::move(*Engine::open(options_for(disk, clock)));
    compare_samples(oracle, *engine);
    if (HasFatalFailure()) return;
  }
}

TEST(EngineErase, SurvivesPowerLossOnceAnsweredAndChangesNothingWhenRefused) {
  ManualClock clock(UnixNanos{kBegin});
  Scan everything;
  everything.table = Table::samples;
  for (uint64_t at = 0; at < 60; ++at) {
    SCOPED_TRACE(at);
    FaultDisk disk;
    auto engine = std::move(*Engine::open(options_for(disk, clock)));
    write_samples(*engine, 1);
    if (at % 2 == 0) {
      ASSERT_TRUE(engine->flush().ok());
    }
    MemoryStore full, empty;
    write_samples(full, 1);
    disk.fail_after(at / 2, ErrorCode::io, FaultDisk::Failing::from_then_on);
    bool erased = engine->erase(everything).ok();
    Result<bool> merged = engine->merge();
    (void)merged;
    compare_samples(erased ? empty : full, *engine);
    disk.drop_unsynced(at);
    engine.reset();
    engine = std::move(*Engine::open(options_for(disk, clock)));
    Scan scan = everything;
    scan.all_columns = true;
    scan.unit = Unit::series;
    // Refused: it may yet have become durable, but only wholly.
    bool gone = answer_of(*engine, scan).rows.empty();
    if (erased) {
      EXPECT_TRUE(gone);
    }
    compare_samples(gone ? empty : full, *engine);
    if (HasFatalFailure()) return;
  }
}

TEST(EngineErase, RefusesWhatItCannotDecide) {
  FaultDisk disk;
  ManualClock clock(UnixNanos{kBegin});
  auto engine = std::move(*Engine::open(options_for(disk, clock)));
  write_samples(*engine, 1);
  Scan what;
  what.table = Table::samples;
  what.where = Expr::compare(fixed_column(column::kValue), CompareOp::greater, 1.0);
  EXPECT_EQ(engine->erase(what).error().code, ErrorCode::invalid_argument);
  what.where = Expr();
  what.limit = 1;
  EXPECT_EQ(engine->erase(what).error().code, ErrorCode::invalid_argument);
  what.limit = 0;
  what.tenant = "nobody";
  EXPECT_TRUE(engine->erase(what).ok());
}

TEST(EngineBackup, IsAStoreOfItsOwn) {
  FaultDisk disk;
  ManualClock clock(UnixNanos{kBegin});
  MemoryStore oracle;
  auto engine = std::move(*Engine::open(options_for(disk, clock)));
  write_samples(oracle, 1);
  write_samples(*engine, 1);
  ASSERT_TRUE(engine->backup("snapshots/one").ok());
  EXPECT_EQ(engine->backup("snapshots/one").error().code, ErrorCode::invalid_argument);
  write_samples(*engine, 2);
  ASSERT_TRUE(engine->close().ok());
  merge_all(*engine);
  engine.reset();
  disk.drop_unsynced(3);
  // Put in the place of the data directory.
  FaultDisk restored;
  ASSERT_TRUE(restored.create_directories("tenants/anonymous/metrics").ok());
  auto copy = [&](const std::string& path) {
    auto bytes = read_file(disk, "snapshots/one/" + path, 1 << 24);
    ASSERT_TRUE(bytes.ok()) << bytes.error().to_string();
    ASSERT_TRUE(replace_file(restored, path, *bytes).ok());
  };
  copy(std::string(kManifestFile));
  Manifest manifest = manifest_of(restored);
  for (const std::string& part : manifest.tenants[kDefaultTenant].metric_parts)
    copy("tenants/anonymous/metrics/" + part);
  auto opened = Engine::open(options_for(restored, clock));
  ASSERT_TRUE(opened.ok()) << opened.error().to_string();
  compare_samples(oracle, **opened);
  write_samples(oracle, 2);
  write_samples(**opened, 2);
  compare_samples(oracle, **opened);
}

}  // namespace
}  // namespace obelisk
