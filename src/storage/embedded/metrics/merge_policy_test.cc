// Goal: the policy merges small neighbours, never across a bound, and comes to rest.
#include "storage/embedded/metrics/merge_policy.h"

#include <gtest/gtest.h>

#include <vector>

namespace obelisk {
namespace {

std::vector<PartSummary> parts_of(std::initializer_list<uint64_t> sizes) {
  std::vector<PartSummary> parts;
  for (uint64_t size : sizes) parts.push_back({size, 0, 1, false});
  return parts;
}

TEST(MergePolicy, TakesTheRunThatWritesLeast) {
  auto run = choose_parts_to_merge(parts_of({1000, 10, 10, 10, 10}), {});
  ASSERT_TRUE(run);
  EXPECT_EQ(run->first, 1u);
  EXPECT_EQ(run->count, 4u);
  EXPECT_FALSE(choose_parts_to_merge(parts_of({1000, 100, 10}), {}));
  EXPECT_FALSE(choose_parts_to_merge({}, {}));
}

TEST(MergePolicy, FillsShortBlocksWhileNothingIsWritten) {
  auto parts = parts_of({100, 60, 50});
  parts[1].has_short_blocks = parts[2].has_short_blocks = true;
  EXPECT_FALSE(choose_parts_to_merge(parts, {}));
  auto run = choose_parts_to_merge(parts, {}, true);
  ASSERT_TRUE(run);
  EXPECT_EQ(run->first, 1u);
  EXPECT_EQ(run->count, 2u);
  EXPECT_FALSE(choose_parts_to_merge(parts_of({100, 60, 50}), {}, true));
}

TEST(MergePolicy, StaysBelowTheBounds) {
  MergeLimits limits;
  limits.bytes_max = 25;
  EXPECT_FALSE(choose_parts_to_merge(parts_of({10, 10, 10, 10}), limits));
  limits = {};
  limits.span_ns_max = 10;
  std::vector<PartSummary> days;
  for (int64_t day = 0; day < 8; ++day) days.push_back({10, day * 10, day * 10 + 9, false});
  EXPECT_FALSE(choose_parts_to_merge(days, limits));
  auto busy = parts_of({10, 10, 10, 10});
  busy[1].busy = busy[3].busy = true;
  EXPECT_FALSE(choose_parts_to_merge(busy, {}));
}

TEST(MergePolicy, KeepsThePartsFewAndTheWritingBounded) {
  std::vector<PartSummary> parts;
  uint64_t written = 0;
  constexpr uint64_t kFlushes = 1000;
  for (uint64_t i = 0; i < kFlushes; ++i) {
    parts.push_back({100, 0, 1, false});
    while (auto run = choose_parts_to_merge(parts, {})) {
      PartSummary merged{0, 0, 1, false};
      auto first = parts.begin() + static_cast<ptrdiff_t>(run->first);
      auto last = first + static_cast<ptrdiff_t>(run->count);
      for (auto part = first; part != last; ++part) merged.bytes += part->bytes;
      written += merged.bytes;
      parts.insert(parts.erase(first, last), merged);
    }
    ASSERT_LE(parts.size(), kManyParts + 1);
  }
  EXPECT_LE(written, kFlushes * 100 * 8);
}

}  // namespace
}  // namespace obelisk
