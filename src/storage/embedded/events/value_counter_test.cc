// Goal: counts are exact and ordered, however many values there are, and however few may be held at a time.
// Method: random values against a std::map.
#include "storage/embedded/events/value_counter.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace obelisk {
namespace {

struct Values {
  std::vector<std::pair<std::string, uint64_t>> added;  // in any order, values repeat
  std::map<std::string, uint64_t> counts;

  Values(uint64_t seed, size_t distinct, const std::string& prefix) {
    std::mt19937_64 random(seed);
    for (size_t i = 0; i < distinct * 3; ++i) {
      std::string value = prefix + fmt::format("{}", random() % distinct * (i % 2 == 0 ? 1 : 1'000'003));
      uint64_t count = 1 + random() % 5;
      added.push_back({value, count});
      counts[value] += count;
    }
  }

  Result<void> add_to(ValueCounter& counter) const {
    for (const auto& [value, count] : added) OBELISK_CHECK_OK(counter.add(value, ColumnType::string, count));
    return {};
  }

  // The same as dictionaries of row groups, of which some rows are not wanted.
  void add_as_dictionaries(ValueCounter& counter) const {
    for (size_t first = 0; first < added.size(); first += 150) {
      std::vector<std::string_view> entries{"not wanted"};
      std::vector<uint64_t> by_entry{0};
      for (size_t i = first; i < std::min(first + 150, added.size()); ++i) {
        entries.push_back(added[i].first);
        by_entry.push_back(added[i].second);
      }
      counter.add_entries(entries, ColumnType::string, by_entry);
    }
  }

  std::vector<std::pair<std::string, uint64_t>> ranked(size_t limit) const {
    std::vector<std::pair<std::string, uint64_t>> all(counts.begin(), counts.end());
    std::stable_sort(all.begin(), all.end(), [](auto& a, auto& b) { return a.second > b.second; });
    if (limit != 0 && all.size() > limit) all.resize(limit);
    return all;
  }
};

std::vector<std::pair<std::string, uint64_t>> plain(const std::vector<ValueCount>& values) {
  std::vector<std::pair<std::string, uint64_t>> all;
  for (const ValueCount& value : values) all.push_back({value.value, value.count});
  return all;
}

TEST(ValueCounter, RanksByCountThenValueWhateverTheirNumber) {
  for (size_t distinct : {1, 20, 700, 6000}) {
    for (const std::string& prefix : {std::string(), std::string("user-of-the-shop-")}) {
      Values values(distinct, distinct, prefix);
      ValueCounter counter(1 << 20), by_dictionary(1 << 20);
      ASSERT_TRUE(values.add_to(counter).ok());
      values.add_as_dictionaries(by_dictionary);
      EXPECT_EQ(plain(by_dictionary.most_frequent(0)), values.ranked(0));
      for (size_t limit : {size_t{0}, size_t{1}, distinct / 2 + 1, distinct * 9})
        EXPECT_EQ(plain(counter.most_frequent(limit)), values.ranked(limit))
            << distinct << " limit " << limit;
    }
  }
}

TEST(ValueCounter, MoreThanMayBeHeldAreCountedInPasses) {
  Values values(5, 5000, "v");
  auto count_all = [&](ValueCounter& counter) { return values.add_to(counter); };
  auto found = most_frequent_values(100, 900, count_all);
  ASSERT_TRUE(found.ok()) << found.error().to_string();
  EXPECT_EQ(plain(*found), values.ranked(100));
  EXPECT_EQ(most_frequent_values(0, 900, count_all).error().code, ErrorCode::too_large);
  EXPECT_EQ(most_frequent_values(20, 30, count_all).error().code, ErrorCode::too_large);  // 64 passes of 30
  EXPECT_EQ(plain(*most_frequent_values(0, 20'000, count_all)), values.ranked(0));
  auto count_dictionaries = [&](ValueCounter& counter) -> Result<void> {
    values.add_as_dictionaries(counter);
    return {};
  };
  EXPECT_EQ(plain(*most_frequent_values(100, 900, count_dictionaries)), values.ranked(100));
}

TEST(ValueCounter, IntegersAreCountedByValue) {
  ColumnData data;
  data.type = ColumnType::int64;
  data.ints = {7, -1, 7, 7, 0, -1};
  data.present = {1, 1, 1, 1, 0, 1};
  ValueCounter counter(10);
  ASSERT_TRUE(counter.add_rows(data).ok());
  EXPECT_EQ(plain(counter.most_frequent(0)),
            (std::vector<std::pair<std::string, uint64_t>>{{"7", 3}, {"-1", 2}}));
}

}  // namespace
}  // namespace obelisk
