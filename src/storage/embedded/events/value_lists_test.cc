// Goal: lists of values are merged and ranked as a map with a sort does it.
#include "storage/embedded/events/value_lists.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace obelisk {
namespace {

using Counts = std::map<std::pair<std::string, ColumnType>, uint64_t>;

std::vector<ValueCount> sorted(const Counts& counts) {
  std::vector<ValueCount> values;
  for (const auto& [key, count] : counts) values.push_back({key.first, key.second, count});
  return values;
}

Counts random_counts(std::mt19937_64& random, size_t size) {
  Counts counts;
  for (size_t i = 0; i < size; ++i) {
    ColumnType type = random() % 4 == 0 ? ColumnType::int64 : ColumnType::string;
    counts[{"v" + std::to_string(random() % 500), type}] +=
        random() % (random() % 10 == 0 ? 1'000'000 : 9) + 1;
  }
  return counts;
}

TEST(ValueLists, MergedAndRanked) {
  std::mt19937_64 random(5);
  for (size_t size : {0u, 1u, 20u, 700u}) {
    Counts a = random_counts(random, size), b = random_counts(random, size / 2 + 1), both = a;
    for (const auto& [key, count] : b) both[key] += count;
    std::vector<ValueCount> expected = sorted(both);
    std::stable_sort(expected.begin(), expected.end(),
                     [](const ValueCount& x, const ValueCount& y) { return x.count > y.count; });
    ValueListPtr list = make_value_list(merge_values(sorted(a), sorted(b)));
    for (uint64_t limit : {uint64_t{0}, uint64_t{7}, uint64_t{10'000}}) {
      std::vector<ValueCount> found = most_frequent_of(*list, limit);
      ASSERT_EQ(found.size(), limit == 0 ? expected.size() : std::min<size_t>(limit, expected.size()));
      for (size_t i = 0; i < found.size(); ++i) {
        ASSERT_EQ(found[i].value, expected[i].value) << size << " values, limit " << limit;
        ASSERT_EQ(found[i].type, expected[i].type);
        ASSERT_EQ(found[i].count, expected[i].count);
      }
    }
  }
}

}  // namespace
}  // namespace obelisk
