// Goal: power goes at fifty random moments while spans, log lines and samples of two tenants arrive from
// three threads, some are erased, snapshots are taken and read, and the engine flushes, merges and erases by
// itself. Method: the simulated disk drops, keeps or tears every unsynced byte by a seed; after each restart
// every acknowledged request must be there exactly once, in its tenant, unless it was erased, every other one
// wholly or not at all. Meanwhile every snapshot must hold all that was acknowledged before it, nothing that
// was erased before it, and the same when it is read again.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <optional>
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
const Tenant kTenants[] = {kDefaultTenant, "another"};

const Tenant& tenant_of(int number) {
  return kTenants[number % 2];
}

UnixNanos time_of(int number) {
  return {kBegin + int64_t{number} * kRowsARequest * kNanosPerMilli};
}

// Row times are unique over all requests, so that a time names its request and its row.
WriteRequest request_of(Table table, int number) {
  BatchBuilder builder(table);
  Labels labels{{"__name__", "load"}, {"app", "load"}};
  std::vector<LabelRef> view = labels.view();
  if (table != Table::spans) builder.begin_group_copy(view);
  for (int row = 0; row < kRowsARequest; ++row) {
    builder.add_row({time_of(number).value + row * kNanosPerMilli});
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
  request.tenant = tenant_of(number);
  request.batches.push_back(builder.finish());
  return request;
}

// The requests of one table, by number.
struct Sent {
  std::atomic<int> next{0};
  Mutex mutex;
  std::set<int> acknowledged GUARDED_BY(mutex);
  std::set<int> erased GUARDED_BY(mutex);       // for certain
  std::set<int> may_be_gone GUARDED_BY(mutex);  // all that an erasure was begun for, answered or not
};

using Rows = std::map<int, std::multiset<int>>;  // of each request

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
      {
        MutexLock lock(sent.mutex);
        sent.acknowledged.insert(number);
      }
      ++acknowledged_total_;
    }
  }

  // Some requests in a row of one tenant and table, now and then.
  void erase(uint64_t seed) {
    std::mt19937_64 random(seed);
    for (uint64_t at = random() % 40; !power_is_gone_;) {
      if (acknowledged_total_ < at) {
        std::this_thread::yield();
        continue;
      }
      at = acknowledged_total_ + 1 + random() % 40;
      size_t table = random() % 3;
      const Tenant& tenant = kTenants[random() % 2];
      Sent& sent = sent_[table];
      int first = static_cast<int>(random() % (static_cast<uint64_t>(sent.next) + 1));
      int last = first + static_cast<int>(random() % 8);
      std::vector<int> certain;
      {
        MutexLock lock(sent.mutex);
        for (int number = first; number <= last; ++number) {
          if (tenant_of(number) != tenant) continue;
          sent.may_be_gone.insert(number);
          if (sent.acknowledged.contains(number)) certain.push_back(number);
        }
      }
      Scan what;
      what.tenant = tenant;
      what.table = kTables[table];
      what.range = {time_of(first), time_of(last + 1)};
      if (auto done = engine_->erase(what); !done.ok()) {
        EXPECT_TRUE(power_goes_) << done.error().to_string();
        return;
      }
      MutexLock lock(sent.mutex);
      sent.erased.insert(certain.begin(), certain.end());
    }
  }

  // Snapshots, each read twice.
  void read(uint64_t seed) {
    std::mt19937_64 random(seed);
    while (!power_is_gone_ && !HasFailure()) {
      size_t table = random() % 3;
      const Tenant& tenant = kTenants[random() % 2];
      Sent& sent = sent_[table];
      std::set<int> acknowledged, erased;
      {
        MutexLock lock(sent.mutex);
        acknowledged = sent.acknowledged;
        erased = sent.erased;
      }
      Snapshot at = *engine_->snapshot(tenant);
      std::optional<Rows> first = found(at, tenant, kTables[table]);
      if (!first) return;
      std::optional<Rows> second = found(at, tenant, kTables[table]);
      if (!second) return;
      std::set<int> may_be_gone;
      {
        MutexLock lock(sent.mutex);
        may_be_gone = sent.may_be_gone;
      }
      SCOPED_TRACE(testing::Message() << "snapshot " << at.sequence);
      check_rows(table, tenant, *first, acknowledged, erased, may_be_gone);
      check_rows(table, tenant, *second, acknowledged, erased, may_be_gone);
      // A snapshot of samples also sees what comes later.
      if (kTables[table] != Table::samples) {
        EXPECT_EQ(*first, *second) << table_name(kTables[table]);
      }
      ++snapshots_read_;
    }
  }

  // Nullopt where the disk is gone.
  std::optional<Rows> found(const Snapshot& at, const Tenant& tenant, Table table) {
    Rows rows;
    Scan scan;
    scan.tenant = tenant;
    scan.table = table;
    scan.all_columns = true;
    Budget budget;
    Cancel cancel;
    auto cursor = open_scan(*engine_, at, scan, budget, cancel);
    if (!cursor.ok()) {
      EXPECT_TRUE(power_goes_) << cursor.error().to_string();
      return std::nullopt;
    }
    for (;;) {
      auto batch = (*cursor)->next();
      if (!batch.ok()) {
        EXPECT_TRUE(power_goes_) << batch.error().to_string();
        return std::nullopt;
      }
      if (!*batch) return rows;
      for (int64_t time : (*batch)->times()) {
        int64_t index = (time - kBegin) / kNanosPerMilli;
        rows[static_cast<int>(index / kRowsARequest)].insert(static_cast<int>(index % kRowsARequest));
      }
    }
  }

  void check_rows(size_t table, const Tenant& tenant, const Rows& rows, const std::set<int>& acknowledged,
                  const std::set<int>& erased, const std::set<int>& may_be_gone) {
    SCOPED_TRACE(testing::Message() << table_name(kTables[table]) << " of " << tenant);
    for (const auto& [number, of_request] : rows) {
      ASSERT_EQ(of_request, (std::multiset<int>{0, 1, 2, 3, 4})) << "request " << number;
      ASSERT_LT(number, sent_[table].next) << "never sent";
      ASSERT_EQ(tenant_of(number), tenant) << "request " << number << " of another tenant";
      ASSERT_FALSE(erased.contains(number)) << "request " << number << " was erased";
    }
    for (int number : acknowledged) {
      if (tenant_of(number) != tenant || may_be_gone.contains(number)) continue;
      ASSERT_TRUE(rows.contains(number)) << "request " << number << " was acknowledged";
    }
  }

  void check() {
    for (size_t table = 0; table < 3; ++table) {
      for (const Tenant& tenant : kTenants) {
        std::optional<Rows> rows = found(*engine_->snapshot(tenant), tenant, kTables[table]);
        ASSERT_TRUE(rows);
        Sent& sent = sent_[table];
        MutexLock lock(sent.mutex);
        check_rows(table, tenant, *rows, sent.acknowledged, sent.erased, sent.may_be_gone);
        if (HasFatalFailure()) return;
      }
    }
  }

  SystemClock clock_;
  std::unique_ptr<FaultDisk> disk_;
  std::unique_ptr<Engine> engine_;
  Sent sent_[3];
  std::atomic<bool> power_goes_{false};     // set before it does
  std::atomic<bool> power_is_gone_{false};  // and after
  std::atomic<uint64_t> acknowledged_total_{0};
  std::atomic<uint64_t> snapshots_read_{0};
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
        sent.erased.clear();
        sent.may_be_gone.clear();
      }
    }
    power_goes_ = power_is_gone_ = false;
    open();
    if (HasFatalFailure()) return;
    acknowledged_total_ = 0;
    std::vector<std::thread> threads;
    for (size_t table = 0; table < 3; ++table) threads.emplace_back([this, table] { load(table); });
    threads.emplace_back([this, seed = random()] { erase(seed); });
    threads.emplace_back([this, seed = random()] { read(seed); });
    uint64_t moment = 1 + random() % 120;
    while (acknowledged_total_ < moment) std::this_thread::yield();
    power_goes_ = true;
    disk_->cut_power(random());
    power_is_gone_ = true;
    for (std::thread& thread : threads) thread.join();
    if (HasFailure()) return;
    engine_.reset();
    disk_->restore_power();
    power_goes_ = false;
    open();
    if (HasFatalFailure()) return;
    check();
    if (HasFatalFailure()) return;
    engine_.reset();
  }
  uint64_t erased = 0;
  for (Sent& sent : sent_) {
    MutexLock lock(sent.mutex);
    erased += sent.erased.size();
  }
  EXPECT_GT(erased, 0u);
  EXPECT_GT(snapshots_read_, 0u);
}

}  // namespace
}  // namespace obelisk
