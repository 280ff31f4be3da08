// Goal: erased samples are gone from every answer at once and for good, nothing else is, whatever happens
// after: flushes, merges, crashes, the same samples written again. And a backup is a store of its own.
// Method: random writes and erasures in the engine and in the memory store, compared after each step.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "base/test_seed.h"
#include "plan/expression_codec.h"
#include "storage/embedded/test_erase_steps.h"

namespace obelisk {
namespace {

using namespace erase_test;

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

TEST(EngineErase, AgreesWithTheMemoryStoreWhateverHappensAfter) {
  agree_whatever_happens(40, [](uint64_t) { return Steps{write_samples, random_erasure, compare_samples}; });
}

TEST(EngineErase, SurvivesPowerLossOnceAnsweredAndChangesNothingWhenRefused) {
  Scan everything;
  everything.table = Table::samples;
  survive_power_loss(60, everything, {write_samples, random_erasure, compare_samples});
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

TEST(EngineRetention, BySizeDropsWhatEndsFirst) {
  FaultDisk disk;
  ManualClock clock(UnixNanos{kBegin});
  EngineOptions options = options_for(disk, clock);
  auto write_at = [&](Engine& engine, int64_t time, const Tenant& tenant) {
    BatchBuilder rows(Table::samples);
    Labels labels{{"__name__", "size"}};
    rows.begin_group_copy(labels.view());
    for (int i = 0; i < 1000; ++i) {
      rows.add_row({time + i * 1'000'003});
      rows.set_float(Scope::fixed, column::kValue, 1.0 / (i + 1));
    }
    WriteRequest request;
    request.tenant = tenant;
    request.batches.push_back(rows.finish());
    ASSERT_TRUE(append_and_wait(engine, std::move(request)).ok());
    ASSERT_TRUE(engine.flush().ok());
  };
  auto rows_of = [&](Engine& engine, const Tenant& tenant) {
    Scan scan;
    scan.tenant = tenant;
    scan.table = Table::samples;
    return answer_of(engine, scan).rows.size();
  };
  auto engine = std::move(*Engine::open(options));
  write_at(*engine, kBegin, "a");
  write_at(*engine, kBegin + kSpan, "b");
  write_at(*engine, kBegin + 2 * kSpan, "b");
  write_at(*engine, kBegin - kSpan, "a");
  uint64_t bytes = 0;
  for (const char* tenant : {"a", "b"}) {
    std::string directory = tenant_directory(tenant) + "/metrics";
    std::vector<std::string> parts = *disk.list(directory);
    for (const std::string& part : parts) bytes += read_file(disk, directory + "/" + part, 1 << 20)->size();
  }
  auto reopen = [&](uint64_t limit) {
    engine.reset();
    disk.restore_power();
    options.metrics_retention_bytes = limit;
    engine = std::move(*Engine::open(options));
    ASSERT_TRUE(engine->apply_retention().ok());
  };
  reopen(bytes);
  EXPECT_EQ(rows_of(*engine, "a") + rows_of(*engine, "b"), 4000u);
  reopen(bytes * 5 / 8);  // two of four parts
  EXPECT_EQ(rows_of(*engine, "a"), 0u);
  EXPECT_EQ(rows_of(*engine, "b"), 2000u);
  disk.cut_power(1);
  reopen(0);
  EXPECT_EQ(rows_of(*engine, "a"), 0u);
  EXPECT_EQ(rows_of(*engine, "b"), 2000u);
}

// ---- power loss at random moments of ingest, flush, merge, erasure and retention ----

constexpr int64_t kRequestSpacing = 60 * kNanosPerSecond;
constexpr int64_t kRetention = 100 * kRequestSpacing;

int64_t time_of(int number) {
  return kBegin + number * kRequestSpacing;
}

struct Requests {
  std::set<int> acknowledged;
  std::set<int> erased;     // for certain
  std::set<int> uncertain;  // their erasure was refused, and may have become durable all the same
  int next = 0;
};

void write_number(Engine& engine, Requests& requests) {
  int number = requests.next++;
  BatchBuilder rows(Table::samples);
  Labels labels{{"__name__", "numbered"}, {"parity", number % 2 == 0 ? "even" : "odd"}};
  rows.begin_group_copy(labels.view());
  rows.add_row({time_of(number)});
  rows.set_float(Scope::fixed, column::kValue, number);
  WriteRequest request;
  request.batches.push_back(rows.finish());
  if (append_and_wait(engine, std::move(request)).ok()) requests.acknowledged.insert(number);
}

void erase_numbers(Engine& engine, Requests& requests, std::mt19937_64& random) {
  if (requests.next == 0) return;
  int first = static_cast<int>(random() % static_cast<uint64_t>(requests.next));
  int last = first + static_cast<int>(random() % 10);
  bool odd = random() % 2 == 0;
  Scan what;
  what.table = Table::samples;
  what.where = Expr::compare(label_column("parity"), CompareOp::equal, std::string(odd ? "odd" : "even"));
  what.range = {{time_of(first)}, {time_of(last) + 1}};
  bool done = engine.erase(what).ok();
  for (int number = first; number <= last && number < requests.next; ++number) {
    if ((number % 2 != 0) == odd) (done ? requests.erased : requests.uncertain).insert(number);
  }
}

void check_numbers(Engine& engine, const Requests& requests, int64_t kept_from) {
  Scan scan;
  scan.table = Table::samples;
  scan.columns = {fixed_column(column::kValue)};
  Budget budget;
  Cancel cancel;
  auto cursor = open_scan(engine, *engine.snapshot(kDefaultTenant), scan, budget, cancel);
  ASSERT_TRUE(cursor.ok()) << cursor.error().to_string();
  std::map<int, double> found;
  while (BatchPtr batch = *(*cursor)->next()) {
    const ColumnData* values = batch->find_fixed(column::kValue);
    for (size_t row = 0; row < batch->row_count; ++row) {
      int number = static_cast<int>((batch->times()[row] - kBegin) / kRequestSpacing);
      ASSERT_TRUE(found.emplace(number, values->floats[row]).second) << number << " is there twice";
    }
  }
  for (const auto& [number, value] : found) {
    ASSERT_EQ(value, number);
    ASSERT_LT(number, requests.next);
    ASSERT_FALSE(requests.erased.contains(number)) << number << " was erased";
  }
  for (int number : requests.acknowledged) {
    bool may_be_gone = requests.erased.contains(number) || requests.uncertain.contains(number) ||
                       time_of(number) < kept_from;
    ASSERT_TRUE(may_be_gone || found.contains(number)) << number << " was acknowledged and is gone";
  }
}

TEST(EnginePowerLoss, AtRandomMomentsOfEveryChange) {
  uint64_t base = test_seed() % 1'000'000;
  for (uint64_t seed = base; seed < base + 150; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937_64 random(seed);
    FaultDisk disk;
    ManualClock clock(UnixNanos{kBegin});
    EngineOptions options = options_for(disk, clock);
    options.retention.metrics_nanos = kRetention;
    Requests requests;
    for (int life = 0; life < 4; ++life) {
      auto opened = Engine::open(options);
      ASSERT_TRUE(opened.ok()) << opened.error().to_string();
      ASSERT_TRUE((*opened)->start_report().lost.empty());
      std::unique_ptr<Engine> engine = std::move(*opened);
      check_numbers(*engine, requests, clock.now().value - kRetention);
      if (testing::Test::HasFatalFailure()) return;
      uint64_t moment = random() % 40;
      for (uint64_t step = 0; step < 40; ++step) {
        if (step == moment) disk.fail_after(random() % 12, ErrorCode::io, FaultDisk::Failing::from_then_on);
        Result<void> done;
        switch (random() % 8) {
          case 0:
          case 1:
            done = engine->flush();
            break;
          case 2:
            if (Result<bool> merged = engine->merge(); !merged.ok()) done = merged.error();
            break;
          case 3:
            erase_numbers(*engine, requests, random);
            break;
          case 4:
            clock.advance(static_cast<int64_t>(random() % 8) * kRequestSpacing);
            done = engine->apply_retention();
            break;
          default:
            write_number(*engine, requests);
        }
        if (step < moment) {
          ASSERT_TRUE(done.ok()) << done.error().to_string();
        }
      }
      disk.cut_power(random());
      engine.reset();
      disk.restore_power();
    }
  }
}

}  // namespace
}  // namespace obelisk
