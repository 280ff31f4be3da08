// Goal: the coarsest tier that windows fit, never a coarser one; samples where nothing else is exact.
#include "query/promql/tier_choice.h"

#include <gtest/gtest.h>

namespace obelisk::promql {
namespace {

constexpr int64_t kMinute = 60'000;
constexpr int64_t kHour = 60 * kMinute;
constexpr int64_t kDay = 24 * kHour;
constexpr int64_t kFive = 5 * kMinute;

// Tiers of days 0 to 20; samples of days 10 on; today is day 21.
TierReport report() {
  return {{{kFive, {{2 * kDay, 20 * kDay}}}, {kHour, {{0, 20 * kDay}}}}, 10 * kDay};
}

TierNeed windows(int64_t first_end, int64_t last_end, int64_t step, int64_t range, bool exact = true) {
  return {first_end - (range == 0 ? kFive : range), last_end, first_end, step, range, exact};
}

TEST(TierChoice, TheCoarsestTierThatWindowsFit) {
  auto day = choose_tier(report(), windows(12 * kDay, 15 * kDay, kHour, 2 * kHour));
  ASSERT_TRUE(day);
  EXPECT_EQ(day->resolution_ms, kHour);
  EXPECT_TRUE(day->exact);
  EXPECT_EQ(day->stretches, (std::vector<TierStretch>{{12 * kDay - 2 * kHour, 15 * kDay, kHour}}));
  EXPECT_EQ(choose_tier(report(), windows(12 * kDay, 15 * kDay, kHour, 90 * kMinute))->resolution_ms, kFive)
      << "the range holds half an hour bucket";
  EXPECT_EQ(choose_tier(report(), windows(12 * kDay, 15 * kDay, 10 * kMinute, kHour))->resolution_ms, kFive)
      << "windows end within hours";
  EXPECT_EQ(choose_tier(report(), windows(12 * kDay + kFive, 15 * kDay + kFive, kHour, kHour))->resolution_ms,
            kFive)
      << "the first window ends within an hour";
}

TEST(TierChoice, SamplesWhereTheyAreAndNoTierIsExact) {
  EXPECT_FALSE(choose_tier(report(), windows(12 * kDay, 15 * kDay, kMinute, kHour)));
  EXPECT_FALSE(choose_tier(report(), windows(12 * kDay, 15 * kDay, kHour, kMinute)));
  EXPECT_FALSE(choose_tier(report(), windows(12 * kDay, 15 * kDay, kHour, kHour, false)))
      << "a function that needs every sample";
  EXPECT_FALSE(choose_tier(TierReport(), windows(12 * kDay, 15 * kDay, kHour, kHour)));
  EXPECT_FALSE(choose_tier(report(), windows(20 * kDay + 2 * kHour, 21 * kDay, kHour, kHour)))
      << "today has no tiers yet";
}

TEST(TierChoice, TheRestOfARangeIsReadFromSamples) {
  auto choice = choose_tier(report(), windows(19 * kDay, 20 * kDay + kHour, kHour, kHour));
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->stretches, (std::vector<TierStretch>{{19 * kDay - kHour, 20 * kDay, kHour},
                                                         {20 * kDay, 20 * kDay + kHour, 0}}));
  EXPECT_EQ(choice->span(), (TierSpan{19 * kDay - kHour, 20 * kDay}));
}

TEST(TierChoice, AFinerTierThatLacksTheTimeIsNotTaken) {
  auto choice = choose_tier(report(), windows(kDay, 3 * kDay, kDay, kDay));
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->resolution_ms, kHour);
  // Only five minutes fit, and they lack the first two days: half an answer is less than a rough one.
  auto rough = choose_tier(report(), windows(2 * kHour + kFive, 2 * kHour + kFive, 0, kHour));
  ASSERT_TRUE(rough);
  EXPECT_EQ(rough->resolution_ms, kHour);
  EXPECT_FALSE(rough->exact);
}

TEST(TierChoice, WhatIsLeftOfOldTimesIsSaidToBeApproximate) {
  auto fine = choose_tier(report(), windows(5 * kDay, 6 * kDay, kMinute, kMinute));
  ASSERT_TRUE(fine);
  EXPECT_EQ(fine->resolution_ms, kFive);
  EXPECT_FALSE(fine->exact);
  auto across = choose_tier(report(), windows(9 * kDay, 11 * kDay, kMinute, 0));
  ASSERT_TRUE(across);
  EXPECT_FALSE(across->exact);
  EXPECT_EQ(across->stretches,
            (std::vector<TierStretch>{{9 * kDay - kFive, 10 * kDay, kFive}, {10 * kDay, 11 * kDay, 0}}));
}

TEST(TierChoice, TheNewestSampleOfABucketAnswersAnInstantAtItsEnd) {
  auto choice = choose_tier(report(), windows(12 * kDay, 15 * kDay, kHour, 0));
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->resolution_ms, kHour);
  EXPECT_FALSE(choose_tier(report(), windows(12 * kDay, 15 * kDay, 30 * 1000, 0)));
}

}  // namespace
}  // namespace obelisk::promql
