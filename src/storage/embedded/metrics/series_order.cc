// Orders series of an index by their labels; declared in series_index.h.
#include <algorithm>

#include "storage/embedded/metrics/series_index.h"

namespace obelisk {
namespace {

// Ranks are made anew when this many series, and a quarter of those to sort, have none.
constexpr size_t kUnrankedMin = 1024;
// Fewer are compared label by label.
constexpr size_t kKeyedMin = 256;

void sort_by_ranks(const SeriesIndex::Ranks& ranks, std::span<uint32_t> series) {
  if (series.size() < ranks.size() / 8) {
    std::sort(series.begin(), series.end(), [&](uint32_t a, uint32_t b) { return ranks[a] < ranks[b]; });
    return;
  }
  // A good part of all: each to its place, and together again.
  std::vector<uint32_t> places(ranks.size(), SeriesIndex::kNone);
  for (uint32_t number : series) places[ranks[number]] = number;
  size_t next = 0;
  for (uint32_t number : places) {
    if (number != SeriesIndex::kNone) series[next++] = number;
  }
}

// Of each label pair of these series its place in their order, from 1; 0 for pairs of none.
std::vector<uint32_t> rank_pairs(const SeriesIndex& index, std::span<const uint32_t> series) {
  std::vector<uint32_t> ranks, used;
  for (uint32_t number : series) {
    for (uint32_t pair : index.label_ids(number)) {
      if (pair >= ranks.size()) ranks.resize(std::max<size_t>(pair + 1, ranks.size() * 2));
      if (ranks[pair] == 0) used.push_back(pair);
      ranks[pair] = 1;
    }
  }
  std::sort(used.begin(), used.end(), [&](uint32_t a, uint32_t b) { return index.pair(a) < index.pair(b); });
  for (uint32_t place = 0; place < used.size(); ++place) ranks[used[place]] = place + 1;
  return ranks;
}

// Many series share few label pairs: those are sorted first, so that most series are told apart by numbers.
void sort_unranked(const SeriesIndex& index, std::span<uint32_t> series) {
  auto before = [&](uint32_t a, uint32_t b) { return index.before(a, b); };
  if (series.size() < kKeyedMin) return std::sort(series.begin(), series.end(), before);
  constexpr size_t kKeyLabels = 4;
  struct Keyed {
    uint64_t first = 0, second = 0;  // ranks of two labels each; 0 where there are no more
    uint32_t number = 0;
  };
  std::vector<uint32_t> ranks = rank_pairs(index, series);
  std::vector<Keyed> keyed(series.size());
  for (size_t i = 0; i < series.size(); ++i) {
    std::span<const uint32_t> pairs = index.label_ids(series[i]);
    uint32_t of_label[kKeyLabels] = {};
    for (size_t j = 0; j < std::min(kKeyLabels, pairs.size()); ++j) of_label[j] = ranks[pairs[j]];
    keyed[i] = {uint64_t{of_label[0]} << 32 | of_label[1], uint64_t{of_label[2]} << 32 | of_label[3],
                series[i]};
  }
  std::sort(keyed.begin(), keyed.end(), [&](const Keyed& a, const Keyed& b) {
    if (a.first != b.first) return a.first < b.first;
    return a.second != b.second ? a.second < b.second : before(a.number, b.number);
  });
  for (size_t i = 0; i < series.size(); ++i) series[i] = keyed[i].number;
}

}  // namespace

std::shared_ptr<const SeriesIndex::Ranks> sort_by_labels(
    const SeriesIndex& index, const std::shared_ptr<const SeriesIndex::Ranks>& ranks,
    std::vector<uint32_t>& series) {
  auto before = [&](uint32_t a, uint32_t b) { return index.before(a, b); };
  uint32_t ranked_count = static_cast<uint32_t>(ranks->size());
  auto unranked =
      std::partition(series.begin(), series.end(), [&](uint32_t number) { return number < ranked_count; });
  sort_by_ranks(*ranks, {series.begin(), unranked});
  size_t unranked_count = static_cast<size_t>(series.end() - unranked);
  sort_unranked(index, {unranked, series.end()});
  std::inplace_merge(series.begin(), unranked, series.end(), before);
  if (unranked_count < kUnrankedMin || unranked_count * 4 < series.size()) return nullptr;
  // All up to the last of these, in one order: those known by their ranks and the rest sorted into them.
  uint32_t count = std::max(ranked_count, *std::max_element(series.begin(), series.end()) + 1);
  std::vector<uint32_t> all(count), rest;
  for (uint32_t number = 0; number < ranked_count; ++number) all[(*ranks)[number]] = number;
  for (uint32_t number = ranked_count; number < count; ++number) rest.push_back(number);
  sort_unranked(index, rest);
  std::copy(rest.begin(), rest.end(), all.begin() + ranked_count);
  std::inplace_merge(all.begin(), all.begin() + ranked_count, all.end(), before);
  auto made = std::make_shared<SeriesIndex::Ranks>(count);
  for (uint32_t place = 0; place < count; ++place) (*made)[all[place]] = place;
  return made;
}

}  // namespace obelisk
