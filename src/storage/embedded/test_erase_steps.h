#pragma once
// What the tests of erasures have in common, whatever they erase: an engine on a disk that fails on demand
// beside the memory store, random steps after which both must agree, and power loss while erasing.
#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "env/fault_disk.h"
#include "storage/embedded/engine.h"
#include "storage/memory/memory_store.h"
#include "storage/test_reader_compare.h"

namespace obelisk::erase_test {

inline constexpr int64_t kBegin = 1'700'000'000'000'000'000;
inline constexpr int64_t kSpan = 3'600'000'000'000;

// Small parts and segments, and nothing happens by itself.
inline EngineOptions options_for(FaultDisk& disk, const Clock& clock) {
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

inline Manifest manifest_of(Disk& disk) {
  return *parse_manifest(*read_file(disk, std::string(kManifestFile), 1 << 20));
}

inline void merge_all(Engine& engine) {
  for (bool more = true; more;) {
    auto merged = engine.merge();
    ASSERT_TRUE(merged.ok()) << merged.error().to_string();
    more = *merged;
  }
  // What was looked at and left as it was is let go of by the next.
  ASSERT_TRUE(engine.merge().ok());
}

struct Steps {
  std::function<void(Writer&, uint64_t seed)> write;
  std::function<Scan(std::mt19937_64&)> erasure;
  std::function<void(MemoryStore&, Engine&)> compare;
};

// Writes, erasures, flushes, merges and crashes in random order. `steps_of` is asked for each seed.
inline void agree_whatever_happens(uint64_t seeds, const std::function<Steps(uint64_t seed)>& steps_of) {
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937_64 random(seed);
    Steps steps = steps_of(seed);
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
          if (random() % 2 == 0)
            merge_all(*engine);
          else
            ASSERT_TRUE(engine->merge().ok());
          break;
        case 2:
          if (random() % 2 == 0) disk.cut_power(random());
          engine.reset();
          disk.restore_power();
          engine = std::move(*Engine::open(options_for(disk, clock)));
          break;
        case 3:
        case 4: {
          Scan what = steps.erasure(random);
          ASSERT_TRUE(oracle.erase(what).ok());
          auto erased = engine->erase(what);
          ASSERT_TRUE(erased.ok()) << erased.error().to_string();
          break;
        }
        default: {
          uint64_t batch = random() % 4;  // few seeds: what was erased is often written again
          steps.write(oracle, batch);
          steps.write(*engine, batch);
        }
      }
      steps.compare(oracle, *engine);
      if (testing::Test::HasFatalFailure()) return;
    }
    ASSERT_TRUE(engine->flush().ok());
    merge_all(*engine);
    steps.compare(oracle, *engine);
    // Physically gone: no erasure is left to apply, and the files alone give the same answers.
    EXPECT_TRUE(manifest_of(disk).tenants[kDefaultTenant].erasures.empty());
    engine.reset();
    engine = std::move(*Engine::open(options_for(disk, clock)));
    steps.compare(oracle, *engine);
    if (testing::Test::HasFatalFailure()) return;
  }
}

// An erasure that was answered is there after a power loss; one that was refused may be, but only wholly.
inline void survive_power_loss(uint64_t moments, const Scan& what, const Steps& steps) {
  ManualClock clock(UnixNanos{kBegin});
  for (uint64_t at = 0; at < moments; ++at) {
    SCOPED_TRACE(at);
    FaultDisk disk;
    auto engine = std::move(*Engine::open(options_for(disk, clock)));
    steps.write(*engine, 1);
    if (at % 2 == 0) {
      ASSERT_TRUE(engine->flush().ok());
    }
    MemoryStore full, erased;
    steps.write(full, 1);
    steps.write(erased, 1);
    ASSERT_TRUE(erased.erase(what).ok());
    disk.fail_after(at / 2, ErrorCode::io, FaultDisk::Failing::from_then_on);
    bool done = engine->erase(what).ok();
    (void)engine->merge().ok();
    steps.compare(done ? erased : full, *engine);
    disk.cut_power(at);
    engine.reset();
    disk.restore_power();
    engine = std::move(*Engine::open(options_for(disk, clock)));
    Scan chosen = what;
    chosen.all_columns = true;
    if (what.table == Table::samples) chosen.unit = Unit::series;
    bool gone = answer_of(*engine, chosen).rows.empty();
    if (done) {
      EXPECT_TRUE(gone);
    }
    steps.compare(gone ? erased : full, *engine);
    merge_all(*engine);
    steps.compare(gone ? erased : full, *engine);
    if (testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace obelisk::erase_test
