// Goal: series come in the order of their labels however many are new, whether they differ in an early label
// or a late one, and with label lists of any length. Random, compared with a plain sort; seed printed.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "base/test_seed.h"
#include "storage/embedded/metrics/series_index.h"

namespace obelisk {
namespace {

Labels random_labels(std::mt19937& random) {
  std::vector<Label> labels = {{"__name__", "metric_" + std::to_string(random() % 3)}};
  for (const char* name : {"a", "b", "c", "d", "e", "f"}) {
    if (random() % 4 != 0) labels.push_back({name, std::to_string(random() % 4)});
  }
  return Labels(std::move(labels));
}

uint32_t add(SeriesIndex& index, const Labels& labels) {
  std::vector<LabelRef> view = labels.view();
  Hash128 hash = hash_labels_wide(view);
  return index.find_or_create(Group{view, hash.low, 0, 0, hash.high}).series;
}

TEST(SeriesOrder, IsThatOfLabelsHoweverManyAreNew) {
  auto seed = static_cast<uint32_t>(test_seed());
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  SeriesIndex index;
  std::vector<Labels> all;
  for (int round = 0; round < 6; ++round) {
    size_t wanted = std::vector<size_t>{100, 3000, 40, 4000, 300, 1}[static_cast<size_t>(round)];
    for (size_t i = 0; i < wanted; ++i) {
      Labels labels = random_labels(random);
      uint32_t number = add(index, labels);
      if (number == all.size()) all.push_back(labels);
    }
    for (bool some : {false, true}) {
      std::vector<uint32_t> series;
      for (uint32_t number = 0; number < all.size(); ++number) {
        if (!some || random() % 3 == 0) series.push_back(number);
      }
      std::vector<uint32_t> expected = series;
      std::sort(expected.begin(), expected.end(),
                [&](uint32_t a, uint32_t b) { return all[a].view() < all[b].view(); });
      auto made = sort_by_labels(index, index.ranks(), series);
      EXPECT_EQ(series, expected) << "round " << round << (some ? ", some" : ", all");
      if (made) index.set_ranks(made);
    }
  }
}

}  // namespace
}  // namespace obelisk
