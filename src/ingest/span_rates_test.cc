// Goal: the bytes a tenant may send, against a clock set by hand.
#include "ingest/span_rates.h"

#include <gtest/gtest.h>

namespace obelisk {
namespace {

constexpr UnixNanos kStart{1'700'000'000 * kNanosPerSecond};

TEST(SpanRates, WithoutALimitEverythingIsTaken) {
  ManualClock clock{kStart};
  SpanRates rates(clock, {});
  EXPECT_FALSE(rates.take("a", UINT64_MAX));
}

TEST(SpanRates, ABurstAndThenTheRate) {
  ManualClock clock{kStart};
  SpanRates rates(clock, {{1000, 5000}, {}});
  EXPECT_FALSE(rates.take("a", 3000));
  EXPECT_FALSE(rates.take("a", 2000));
  std::optional<SpanRates::Refusal> refusal = rates.take("a", 1500);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->message,
            "RATE_LIMITED: ingestion rate limit (1000 bytes) exceeded while adding 1500 bytes for user a");
  EXPECT_EQ(refusal->retry_seconds, 2);
  EXPECT_FALSE(rates.take("b", 5000));  // tenants have buckets of their own
  clock.advance(kNanosPerSecond);
  EXPECT_EQ(rates.take("a", 1500)->retry_seconds, 1);
  clock.advance(kNanosPerSecond / 2);
  EXPECT_FALSE(rates.take("a", 1500));
  clock.advance(3600 * kNanosPerSecond);
  EXPECT_FALSE(rates.take("a", 5000));  // a bucket holds no more than the burst
  EXPECT_TRUE(rates.take("a", 1));
}

TEST(SpanRates, WhatIsLargerThanTheBurstIsNeverTaken) {
  ManualClock clock{kStart};
  SpanRates rates(clock, {{1000, 0}, {}});  // the burst: a second's
  EXPECT_EQ(rates.take("a", 1001)->retry_seconds, 0);
  EXPECT_FALSE(rates.take("a", 1000));  // what was refused cost nothing
}

TEST(SpanRates, TenantsThatDiffer) {
  ManualClock clock{kStart};
  SpanRates rates(clock, {{1000, 1000}, {{"free", {0, 0}}, {"small", {10, 20}}}});
  EXPECT_FALSE(rates.take("free", 1'000'000));
  EXPECT_TRUE(rates.take("small", 21));
  EXPECT_FALSE(rates.take("small", 20));
  EXPECT_FALSE(rates.take("other", 1000));
}

TEST(SpanRates, AClockSetBackGivesNothingTwice) {
  ManualClock clock{kStart};
  SpanRates rates(clock, {{1000, 1000}, {}});
  EXPECT_FALSE(rates.take("a", 1000));
  clock.advance(-10 * kNanosPerSecond);
  EXPECT_TRUE(rates.take("a", 1000));
  clock.advance(10 * kNanosPerSecond);
  EXPECT_TRUE(rates.take("a", 1000));
}

TEST(SpanRates, FullBucketsOfManyTenantsAreForgotten) {
  ManualClock clock{kStart};
  SpanRates rates(clock, {{1000, 1000}, {}});
  EXPECT_FALSE(rates.take("empty", 1000));
  for (size_t i = 0; i < 2 * SpanRates::kTenantsMax; ++i)
    EXPECT_FALSE(rates.take("t" + std::to_string(i), 0));
  EXPECT_TRUE(rates.take("empty", 1));  // not forgotten
  for (size_t i = 0; i < 2 * SpanRates::kTenantsMax; ++i)
    EXPECT_FALSE(rates.take("u" + std::to_string(i), 1));
  EXPECT_FALSE(rates.take("empty", 1));  // forgotten with all that were not full either
}

}  // namespace
}  // namespace obelisk
