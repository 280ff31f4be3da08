#include "plan/tier.h"

#include <gtest/gtest.h>

namespace obelisk {
namespace {

TEST(Tier, ABucketHoldsItsEndAndNotItsBeginning) {
  EXPECT_EQ(tier_bucket_end(0, 300'000), 0);
  EXPECT_EQ(tier_bucket_end(1, 300'000), 300'000);
  EXPECT_EQ(tier_bucket_end(300'000, 300'000), 300'000);
  EXPECT_EQ(tier_bucket_end(300'001, 300'000), 600'000);
  EXPECT_EQ(tier_bucket_end(-1, 300'000), 0);
  EXPECT_EQ(tier_bucket_end(-300'000, 300'000), -300'000);
  EXPECT_EQ(tier_bucket_end(-300'001, 300'000), -300'000);
}

TEST(Tier, AWindowIsCoveredByOneSpanOrNot) {
  std::vector<TierSpan> spans{{0, 100}, {200, 300}};
  EXPECT_TRUE(tier_spans_cover(spans, 0, 100));
  EXPECT_TRUE(tier_spans_cover(spans, 210, 290));
  EXPECT_FALSE(tier_spans_cover(spans, 50, 250));
  EXPECT_FALSE(tier_spans_cover(spans, -1, 100));
  EXPECT_FALSE(tier_spans_cover({}, 0, 1));
}

TEST(Tier, OfTwoStoresOnlyWhatBothHaveCounts) {
  TierReport a{{{300, {{0, 100}, {200, 300}}}, {3600, {{0, 300}}}}, 50};
  TierReport b{{{300, {{50, 250}}}}, 70};
  TierReport both = common_tiers(a, b);
  ASSERT_EQ(both.tiers.size(), 1u);
  EXPECT_EQ(both.tiers[0].resolution_ms, 300);
  EXPECT_EQ(both.tiers[0].spans, (std::vector<TierSpan>{{50, 100}, {200, 250}}));
  EXPECT_EQ(both.raw_after_ms, 70);
}

}  // namespace
}  // namespace obelisk
