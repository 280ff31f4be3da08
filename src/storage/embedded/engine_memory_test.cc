// Goal: events that come faster than they can be written to parts wait; they do not pile up in memory, and
// none is refused or lost. Method: senders without a pause against a flush every few hundred KiB, with what
// the heads hold sampled all the time, and compared with what decoding it all takes.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "env/fault_disk.h"
#include "plan/test_random_batch.h"
#include "storage/embedded/engine.h"

namespace obelisk {
namespace {

constexpr int64_t kBegin = 1'700'000'000'000'000'000;
constexpr uint64_t kFlushBytes = 128 << 10;
constexpr uint64_t kWaitingBytes = 512 << 10;

class EngineMemory : public testing::TestWithParam<size_t> {};

TEST_P(EngineMemory, HeadsOfEventsStayNearTheirBound) {
  size_t rows_a_request = GetParam();
  constexpr size_t kRows = 40'000, kSenders = 4;
  FaultDisk disk;
  ManualClock clock{UnixNanos{kBegin}};
  EngineOptions options;
  options.disk = &disk;
  options.clock = &clock;
  options.events_flush_bytes = kFlushBytes;
  options.events_heads_bytes_waiting = kWaitingBytes;
  auto engine = Engine::open(options);
  ASSERT_TRUE(engine.ok()) << engine.error().to_string();

  std::atomic<uint64_t> rows_stored = 0, refused = 0, largest = 0, request_bytes = 0;
  std::atomic<bool> done = false;
  std::thread sampler([&] {
    while (!done) {
      largest = std::max<uint64_t>(largest, (*engine)->events_heads_bytes());
      std::this_thread::yield();
    }
  });
  std::vector<std::thread> senders;
  for (size_t sender = 0; sender < kSenders; ++sender) {
    senders.emplace_back([&, sender] {
      RandomBatches random(sender + 1, kBegin);
      for (size_t sent = 0; sent < kRows / kSenders; sent += rows_a_request) {
        WriteRequest request;
        request.batches.push_back(random.spans(rows_a_request));
        request_bytes = std::max<uint64_t>(request_bytes, request.batches[0].memory_bytes());
        if (append_and_wait(**engine, std::move(request)).ok()) {
          rows_stored += rows_a_request;
        } else {
          ++refused;
        }
      }
    });
  }
  for (std::thread& sender : senders) sender.join();
  done = true;
  sampler.join();
  EXPECT_EQ(refused, 0u);
  // A group of the log holds at most a request of each sender, and comes on top of what was waited for.
  EXPECT_LE(largest, kWaitingBytes + kSenders * request_bytes);
  ASSERT_TRUE((*engine)->close().ok());

  Scan scan;
  scan.table = Table::spans;
  auto at = (*engine)->snapshot(kDefaultTenant);
  ASSERT_TRUE(at.ok());
  auto plan = (*engine)->plan(*at, scan);
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->cost.rows, rows_stored);
}

INSTANTIATE_TEST_SUITE_P(LargeAndSmallRequests, EngineMemory, testing::Values(1000, 20));

}  // namespace
}  // namespace obelisk
