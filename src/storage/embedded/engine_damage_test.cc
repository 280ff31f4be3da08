// Goal: damage in a part of one tenant is told, and keeps nobody else from merges, erasures and tiers, nor
// the same tenant's other parts. Method: bits flipped in stored blocks of one of two tenants, then the work
// that the maintenance thread would do, call by call.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "env/fault_disk.h"
#include "storage/embedded/engine.h"
#include "storage/embedded/manifest.h"

namespace obelisk {
namespace {

constexpr int64_t kBegin = 1'700'000'000'000'000'000;

class EngineDamage : public testing::Test {
 protected:
  EngineDamage() {
    options_.disk = &disk_;
    options_.clock = &clock_;
    options_.background = false;
    options_.events.merge.parts_min = 2;
    open();
  }

  void open() {
    engine_.reset();
    auto opened = Engine::open(options_);
    ASSERT_TRUE(opened.ok()) << opened.error().to_string();
    engine_ = std::move(*opened);
  }

  // A part of lines and one of samples, of enough rows that most of the file is blocks of them.
  void write_parts(const Tenant& tenant, int64_t offset) {
    WriteRequest request;
    request.tenant = tenant;
    BatchBuilder lines(Table::logs), samples(Table::samples);
    lines.begin_group_copy(Labels{{"app", "a"}}.view());
    samples.begin_group_copy(Labels{{"__name__", "m"}}.view());
    for (int64_t i = 0; i < 2000; ++i) {
      lines.add_row({kBegin + offset + i});
      std::string_view line = lines.arena().copy("line " + std::to_string(i * 7919 % 2003));
      lines.set_string(Scope::fixed, column::kLine, line);
      samples.add_row({kBegin + offset + i * kNanosPerMilli});
      samples.set_float(Scope::fixed, column::kValue, static_cast<double>(i * 7919 % 2003) / 7);
    }
    request.batches.push_back(lines.finish());
    request.batches.push_back(samples.finish());
    ASSERT_TRUE(append_and_wait(*engine_, std::move(request)).ok());
    ASSERT_TRUE(engine_->flush().ok());
  }

  // The paths of a tenant's parts of one kind, below its directory.
  std::vector<std::string> parts(const Tenant& tenant, const std::string& kind) {
    std::vector<std::string> found;
    collect(tenant_directory(tenant) + "/" + kind, found);
    return found;
  }

  void collect(const std::string& directory, std::vector<std::string>& found) {
    auto names = disk_.list(directory);
    if (!names.ok()) return;
    for (const std::string& name : *names) {
      std::string path = directory + "/" + name;
      bool is_part = name.ends_with(".part") || name.ends_with(".metrics");
      if (is_part) found.push_back(path);
      if (!is_part) collect(path, found);
    }
  }

  void damage(const std::string& path) {
    auto size = (*disk_.open(path, Disk::Mode::read))->size();
    for (uint64_t at = *size / 5; at < *size / 2; at += 64) disk_.flip_bit(path, at, 3);
  }

  Result<uint64_t> count(const Tenant& tenant, Table table) {
    Scan scan;
    scan.tenant = tenant;
    scan.table = table;
    scan.all_columns = true;
    Budget budget;
    Cancel cancel;
    OBELISK_TRY(Snapshot at, engine_->snapshot(tenant));
    OBELISK_TRY(auto cursor, open_scan(*engine_, at, scan, budget, cancel));
    for (uint64_t rows = 0;;) {
      OBELISK_TRY(BatchPtr batch, cursor->next());
      if (!batch) return rows;
      rows += batch->row_count;
    }
  }

  // As the maintenance thread: until there is nothing to do. Gives the calls that failed.
  int merge_all() {
    int failures = 0, quiet = 0;
    for (int calls = 0; calls < 100 && quiet < 3; ++calls) {
      Result<bool> merged = engine_->merge();
      failures += merged.ok() ? 0 : 1;
      quiet = merged.ok() && !*merged ? quiet + 1 : 0;
    }
    EXPECT_EQ(quiet, 3) << "merges go on for ever";
    return failures;
  }

  FaultDisk disk_;
  ManualClock clock_{UnixNanos{kBegin}};
  EngineOptions options_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(EngineDamage, KeepsNobodyElseFromMerging) {
  for (int i = 0; i < 4; ++i) {
    write_parts("a", i * kNanosPerSecond * 10);
    write_parts("b", i * kNanosPerSecond * 10);
  }
  ASSERT_EQ(parts("a", "events").size(), 4u);
  ASSERT_EQ(parts("a", "metrics").size(), 4u);
  damage(parts("a", "events")[1]);
  damage(parts("a", "metrics")[1]);
  EXPECT_EQ(merge_all(), 1) << "both stores of the tenant fail once, in one call";
  EXPECT_EQ(parts("b", "events").size(), 1u);
  EXPECT_EQ(parts("b", "metrics").size(), 1u);
  EXPECT_EQ(*count("b", Table::logs), 8000u);
  EXPECT_EQ(*count("b", Table::samples), 8000u);
  EXPECT_EQ(count("a", Table::logs).error().code, ErrorCode::corrupt);
  EXPECT_EQ(parts("a", "events").size(), 4u);
  EXPECT_EQ(parts("a", "metrics").size(), 4u);
  // What comes later to the same tenant is merged.
  for (int i = 4; i < 8; ++i) write_parts("a", i * kNanosPerSecond * 10);
  EXPECT_EQ(merge_all(), 0);
  EXPECT_EQ(parts("a", "events").size(), 5u);
  EXPECT_EQ(parts("a", "metrics").size(), 5u);
}

TEST_F(EngineDamage, KeepsNobodyElseFromErasing) {
  for (int i = 0; i < 3; ++i) {
    write_parts("a", i * kNanosPerSecond * 10);
    write_parts("b", i * kNanosPerSecond * 10);
  }
  damage(parts("a", "events")[0]);
  damage(parts("a", "metrics")[0]);
  std::map<Tenant, std::vector<EraseReport>> reports;
  for (const Tenant& tenant : {Tenant("a"), Tenant("b")}) {
    for (Table table : {Table::logs, Table::samples}) {
      Scan what;
      what.tenant = tenant;
      what.table = table;
      what.range = {{kBegin}, {kBegin + 1000}};
      if (table == Table::samples) what.where = Expr::exists(label_column("__name__"));
      auto report = engine_->erase(what);
      ASSERT_TRUE(report.ok()) << report.error().to_string();
      reports[tenant].push_back(*report);
    }
  }
  EXPECT_GE(merge_all(), 1);
  for (const EraseReport& report : reports["a"]) EXPECT_FALSE(*engine_->is_erased("a", report));
  for (const EraseReport& report : reports["b"]) {  // the log's thread closes its file by itself
    auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!*engine_->is_erased("b", report) && std::chrono::steady_clock::now() < deadline) merge_all();
    EXPECT_TRUE(*engine_->is_erased("b", report));
  }
  EXPECT_EQ(*count("b", Table::logs), 5000u);
  // And after a start, which finds the damage anew.
  open();
  EXPECT_GE(merge_all(), 1);
  for (const EraseReport& report : reports["a"]) EXPECT_FALSE(*engine_->is_erased("a", report));
  EXPECT_EQ(*count("b", Table::logs), 5000u);
}

TEST_F(EngineDamage, KeepsNobodyElseFromTiers) {
  options_.retention.tiers = {{300'000, 0}};
  open();
  write_parts("a", 0);
  write_parts("b", 0);
  damage(parts("a", "metrics")[0]);
  clock_.advance(3 * 86'400 * kNanosPerSecond);
  for (int i = 0; i < 3; ++i) {
    Result<bool> worked = engine_->downsample();
    ASSERT_FALSE(worked.ok());
    EXPECT_EQ(worked.error().code, ErrorCode::corrupt);
  }
  auto has_tier = [&](const Tenant& tenant) {
    std::vector<StoredPart> stored = engine_->stored_parts(tenant);
    return std::any_of(stored.begin(), stored.end(),
                       [](const StoredPart& part) { return part.resolution_ms == 300'000; });
  };
  EXPECT_FALSE(has_tier("a"));
  EXPECT_TRUE(has_tier("b"));
}

}  // namespace
}  // namespace obelisk
