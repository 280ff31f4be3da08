// Goal: power goes at fifty random moments while spans, log lines and samples arrive from three threads and
// the engine flushes and merges by itself. Method: the simulated disk drops, keeps or tears every unsynced
// byte by a seed; after each restart every acknowledged request must be there exactly once, every other one
// wholly or not at all.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "base/test_seed.h"
#include "env/fault_disk.h"
#include "storage/embedded/engine.h"

namespace obelisk {
namespace {

constexpr int kLosses = 50;
constexpr int kLossesADisk = 10;
constexpr int kRowsARequest = 5;
constexpr int64_t kBegin = 1'700'000'000'000'000'000;
constexpr Table kTables[] = {Table::logs, Table::spans, Table::samples};

// Row times are unique over all requests, so that a time names its request and its row.
WriteRequest request_of(Table table, int number) {
  BatchBuilder builder(table);
  Labels labels{{"__name__", "load"}, {"app", "load"}};
  std::vector<LabelRef> view = labels.view();
  if (table != Table::spans) builder.begin_group_copy(view);
  for (int row = 0; row < kRowsARequest; ++row) {
    builder.add_row({kBegin + (int64_t{number} * kRowsARequest + row) * kNanosPerMilli});
    if (table == Table::logs)
      builder.set_string(Scope::fixed, column::kLine, "a line of some length that is stored");
    if (table == Table::samples) builder.set_float(Scope::fixed, column::kValue, row);
    if (table == Table::spans) {
      TraceId id;
      id.bytes[0] = 1;
      std::memcpy(id.bytes.data() + 8, &number, sizeof number);
      builder.set_trace_id(Scope::fixed, column::kTraceId, id);
      builder.set_int(Scope::fixed, column::kSpanId, row + 1);
    }
  }
  WriteRequest request;
  request.batches.push_back(builder.finish());
  return request;
}

struct Sent {
  std::atomic<int> next{0};
  Mutex mutex;
  std::set<int> acknowledged GUARDED_BY(mutex);
};

class PowerLoss : public testing::Test {
 protected:
  void open() {
    EngineOptions options;
    options.disk = disk_.get();
    options.clock = &clock_;
    options.events_flush_bytes = 64 << 10;  // flushes and merges all the time
    options.metrics_flush_bytes = 64 << 10;
    options.log_segment_bytes = 32 << 10;
    options.log_bytes_max = 256 << 10;
    options.events.merge.parts_min = 2;
    auto opened = Engine::open(options);
    ASSERT_TRUE(opened.ok()) << opened.error().to_string();
    ASSERT_TRUE((*opened)->start_report().lost.empty());
    engine_ = std::move(*opened);
  }

  // Writes until the engine says that its disk is gone.
  void load(size_t table) {
    Sent& sent = sent_[table];
    while (!power_is_gone_) {
      int number = sent.next++;
      auto result = append_and_wait(*engine_, request_of(kTables[table], number));
      if (!result.ok()) return;
      MutexLock lock(sent.mutex);
      sent.acknowledged.insert(number);
      ++acknowledged_total_;
    }
  }

  std::map<int, std::multiset<int>> found(Table table) {
    std::map<int, std::multiset<int>> rows;
    Scan scan;
    scan.table = table;
    scan.all_columns = true;
    Budget budget;
    Cancel cancel;
    auto cursor = open_scan(*engine_, *engine_->snapshot(kDefaultTenant), scan, budget, cancel);
    EXPECT_TRUE(cursor.ok()) << cursor.error().to_string();
    while (cursor.ok()) {
      auto batch = (*cursor)->next();
      EXPECT_TRUE(batch.ok()) << batch.error().to_string();
      if (!batch.ok() || !*batch) break;
      for (int64_t time : (*batch)->times()) {
        int64_t index = (time - kBegin) / kNanosPerMilli;
        rows[static_cast<int>(index / kRowsARequest)].insert(static_cast<int>(index % kRowsARequest));
      }
    }
    return rows;
  }

  void check() {
    for (size_t table = 0; table < 3; ++table) {
      std::map<int, std::multiset<int>> rows = found(kTables[table]);
      for (const auto& [number, of_request] : rows) {
        ASSERT_EQ(of_request, (std::multiset<int>{0, 1, 2, 3, 4}))
            << table_name(kTables[table]) << " request " << number;
        ASSERT_LT(number, sent_[table].next) << "never sent";
      }
      MutexLock lock(sent_[table].mutex);
      for (int number : sent_[table].acknowledged) {
        ASSERT_TRUE(rows.contains(number))
            << table_name(kTables[table]) << " request " << number << " was acknowledged";
      }
    }
  }

  SystemClock clock_;
  std::unique_ptr<FaultDisk> disk_;
  std::unique_ptr<Engine> engine_;
  Sent sent_[3];
  std::atomic<bool> power_is_gone_{false};
  std::atomic<uint64_t> acknowledged_total_{0};
};

TEST_F(PowerLoss, FiftyRandomMomentsUnderLoad) {
  uint64_t seed = test_seed();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  for (int loss = 0; loss < kLosses; ++loss) {
    if (loss % kLossesADisk == 0) {
      engine_.reset();
      disk_ = std::make_unique<FaultDisk>();
      for (Sent& sent : sent_) {
        MutexLock lock(sent.mutex);
        sent.next = 0;
        sent.acknowledged.clear();
      }
    }
    open();
    if (HasFatalFailure()) return;
    power_is_gone_ = false;
    acknowledged_total_ = 0;
    std::vector<std::thread> writers;
    for (size_t table = 0; table < 3; ++table) writers.emplace_back([this, table] { load(table); });
    uint64_t moment = 1 + random() % 120;
    while (acknowledged_total_ < moment) std::this_thread::yield();
    disk_->cut_power(random());
    power_is_gone_ = true;
    for (std::thread& writer : writers) writer.join();
    engine_.reset();
    disk_->restore_power();
    open();
    if (HasFatalFailure()) return;
    check();
    if (HasFatalFailure()) return;
    engine_.reset();
  }
}

}  // namespace
}  // namespace obelisk
