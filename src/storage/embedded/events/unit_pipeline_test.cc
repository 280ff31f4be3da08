// What a pipeline hands out is what was computed for each unit, in order, whoever computed it; a helper
// computes a bounded number ahead, and nothing once it is let go. Method: units that take uneven time.
#include "storage/embedded/events/unit_pipeline.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

namespace obelisk {
namespace {

TEST(UnitPipeline, HandsOutEveryUnitInOrder) {
  constexpr size_t kUnits = 3000;
  std::vector<std::atomic<int>> computed(kUnits);
  UnitPipeline<std::unique_ptr<size_t>> pipeline(kUnits, [&](size_t unit) {
    ++computed[unit];
    if (unit % 97 == 0) std::this_thread::sleep_for(std::chrono::microseconds(50));
    return std::make_unique<size_t>(unit * 7);
  });
  for (size_t unit = 0; unit < kUnits;) {
    // With and without help in turn.
    std::optional<UnitPipeline<std::unique_ptr<size_t>>::Helped> help;
    if (unit % 200 != 0) help.emplace(pipeline);
    for (size_t i = 0; i < 100; ++i, ++unit) {
      ASSERT_EQ(pipeline.next_unit(), unit);
      ASSERT_FALSE(pipeline.done());
      EXPECT_EQ(*pipeline.take(), unit * 7);
    }
  }
  EXPECT_TRUE(pipeline.done());
  for (const std::atomic<int>& times : computed) EXPECT_EQ(times, 1);
}

TEST(UnitPipeline, ComputesAFewAheadAndNothingAfterwards) {
  std::atomic<size_t> computed = 0;
  UnitPipeline<size_t> pipeline(1000, [&](size_t unit) {
    ++computed;
    return unit;
  });
  for (size_t i = 0; i < 10; ++i) EXPECT_EQ(pipeline.take(), i);
  // Help may be withdrawn before it has begun, and there is none on a machine with one core.
  const size_t most = std::thread::hardware_concurrency() > 1 ? 10u + 32u : 10u;
  while (computed < most) {
    UnitPipeline<size_t>::Helped help(pipeline);
    std::this_thread::yield();
  }
  for (int i = 0; i < 100; ++i) {  // there is nothing left that it may do
    UnitPipeline<size_t>::Helped help(pipeline);
    std::this_thread::yield();
  }
  EXPECT_EQ(computed, most);
  EXPECT_EQ(pipeline.take(), 10u);
}

TEST(UnitPipeline, ManyScansShareFewHelpers) {
  std::vector<std::thread> scans;
  std::atomic<size_t> wrong = 0;
  for (size_t scan = 0; scan < 8; ++scan) {
    scans.emplace_back([&, scan] {
      for (int round = 0; round < 20; ++round) {
        UnitPipeline<size_t> pipeline(200, [scan](size_t unit) { return unit * (scan + 1); });
        UnitPipeline<size_t>::Helped help(pipeline);
        for (size_t unit = 0; !pipeline.done(); ++unit) wrong += pipeline.take() == unit * (scan + 1) ? 0 : 1;
      }
    });
  }
  for (std::thread& scan : scans) scan.join();
  EXPECT_EQ(wrong, 0u);
}

}  // namespace
}  // namespace obelisk
