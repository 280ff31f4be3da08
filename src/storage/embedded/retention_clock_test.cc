// Goal: a clock that jumps ahead deletes nothing at once; one that stays there is believed after a day.
#include "storage/embedded/retention_clock.h"

#include <gtest/gtest.h>

namespace obelisk {
namespace {

constexpr int64_t kMinute = 60 * kNanosPerSecond;
constexpr int64_t kHour = 60 * kMinute;
constexpr int64_t kDay = 24 * kHour;
constexpr int64_t kStart = 1'700'000'000 * kNanosPerSecond;

class RetentionClockTest : public testing::Test {
 protected:
  void pass(int64_t nanos) {
    clock_.advance(nanos);
    steady_ += nanos;
  }
  ManualClock clock_{UnixNanos{kStart}};
  int64_t steady_ = 5;
  RetentionClock retention_{clock_, [this] { return steady_; }};
};

TEST_F(RetentionClockTest, FollowsAClockThatRuns) {
  for (int i = 0; i < 100; ++i, pass(kMinute)) EXPECT_EQ(retention_.now(), clock_.now());
  clock_.advance(30 * kMinute);  // set right
  EXPECT_EQ(retention_.now(), clock_.now());
}

TEST_F(RetentionClockTest, DoubtsAJumpForADay) {
  retention_.now();
  pass(kMinute);
  clock_.advance(400 * kDay);
  for (int64_t passed = kMinute; passed < kDay; passed += kHour, pass(kHour))
    EXPECT_EQ(retention_.now().value, kStart + passed);
  pass(kHour);
  EXPECT_EQ(retention_.now(), clock_.now());
  pass(kMinute);
  EXPECT_EQ(retention_.now(), clock_.now());
}

TEST_F(RetentionClockTest, ForgetsAJumpThatWasTakenBack) {
  retention_.now();
  pass(kMinute);
  clock_.advance(400 * kDay);
  retention_.now();
  pass(20 * kHour);
  clock_.advance(-400 * kDay);
  EXPECT_EQ(retention_.now(), clock_.now());
  clock_.advance(400 * kDay);  // a day begins anew
  pass(20 * kHour);
  EXPECT_LT(retention_.now(), clock_.now());
  pass(20 * kHour);
  EXPECT_LT(retention_.now(), clock_.now());
  pass(5 * kHour);
  EXPECT_EQ(retention_.now(), clock_.now());
}

TEST_F(RetentionClockTest, BelievesAClockThatGoesBack) {
  retention_.now();
  clock_.advance(-10 * kDay);
  EXPECT_EQ(retention_.now(), clock_.now());
}

TEST_F(RetentionClockTest, WithoutACounterAlwaysBelieves) {
  RetentionClock plain(clock_, nullptr);
  plain.now();
  clock_.advance(400 * kDay);
  EXPECT_EQ(plain.now(), clock_.now());
}

}  // namespace
}  // namespace obelisk
