// Goal: estimates stay within four standard errors, from nothing to a million, and merge. Method: numbered
// texts.
#include "base/distinct_estimate.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/hash.h"

namespace obelisk {
namespace {

DistinctEstimate estimate_of(int first, int count) {
  DistinctEstimate estimate;
  for (int i = 0; i < count; ++i) {
    uint64_t hash = hash64(fmt::format("series {}", first + i));
    estimate.add(hash);
    estimate.add(hash);  // again: nothing new
  }
  return estimate;
}

TEST(DistinctEstimate, IsNearTheTruth) {
  EXPECT_EQ(DistinctEstimate().value(), 0);
  for (int count : {1, 10, 100, 1000, 3000, 10'000, 100'000, 1'000'000}) {
    EXPECT_NEAR(estimate_of(0, count).value(), count, std::max(1.0, 0.13 * count)) << count;
  }
}

TEST(DistinctEstimate, MergesOverlappingSets) {
  DistinctEstimate both = estimate_of(0, 20'000);
  both.merge(estimate_of(10'000, 20'000));
  EXPECT_NEAR(both.value(), 30'000, 0.13 * 30'000);
}

}  // namespace
}  // namespace obelisk
