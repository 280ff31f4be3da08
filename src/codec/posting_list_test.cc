// Goal: every posting list round-trips in each coding, and damaged bytes are refused. Random lists, seed
// printed.
#include "codec/posting_list.h"
#include "base/test_seed.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace obelisk {
namespace {

void expect_round_trip(const Postings& list) {
  std::string bytes;
  encode_postings(list, bytes);
  auto back = decode_postings(bytes, list.back() + 1);
  ASSERT_TRUE(back.ok()) << back.error().to_string();
  EXPECT_EQ(*back, list);
  EXPECT_FALSE(decode_postings(bytes, list.back()).ok());  // the last number is outside this universe
  EXPECT_FALSE(decode_postings(std::string_view(bytes).substr(0, bytes.size() - 1), list.back() + 1).ok());
  EXPECT_FALSE(decode_postings(bytes + "x", list.back() + 1).ok());
}

Postings random_list(std::mt19937_64& random, size_t count, uint32_t universe) {
  std::set<uint32_t> numbers;
  while (numbers.size() < count) numbers.insert(static_cast<uint32_t>(random() % universe));
  return {numbers.begin(), numbers.end()};
}

TEST(PostingList, EachCodingRoundTrips) {
  uint64_t seed = test_seed();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  expect_round_trip({0});
  expect_round_trip({UINT32_MAX - 1});
  expect_round_trip({0, UINT32_MAX - 1});
  Postings run(1000);
  for (uint32_t i = 0; i < run.size(); ++i) run[i] = i + 7;
  expect_round_trip(run);
  for (uint32_t universe : {10u, 1000u, 100'000u, 4'000'000'000u}) {
    for (size_t count : {1u, 2u, 9u, 500u, 900u}) {
      if (count < universe) expect_round_trip(random_list(random, count, universe));
    }
  }
}

TEST(PostingList, ChoosesSmallCodings) {
  Postings run(100'000);
  for (uint32_t i = 0; i < run.size(); ++i) run[i] = i;
  std::string bytes;
  encode_postings(run, bytes);
  EXPECT_LT(bytes.size(), 12u);
  Postings half;
  for (uint32_t i = 0; i < 80'000; i += 1 + (i % 3 == 0)) half.push_back(i);
  bytes.clear();
  encode_postings(half, bytes);
  EXPECT_LT(bytes.size(), 10'100u);
}

TEST(PostingList, SetOperationsAgreeWithSets) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 50; ++round) {
    Postings a = random_list(random, 1 + random() % 50, 100), b = random_list(random, 1 + random() % 90, 100);
    Postings both, only_a, any;
    std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
    std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(only_a));
    std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(any));
    EXPECT_EQ(intersect_postings(a, b), both);
    EXPECT_EQ(subtract_postings(a, b), only_a);
    EXPECT_EQ(unite_postings({a, b}), any);
  }
}

}  // namespace
}  // namespace obelisk
