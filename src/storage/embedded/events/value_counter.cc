#include "storage/embedded/events/value_counter.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <iterator>

#include "base/short_text.h"
#include "codec/checksum.h"
#include "storage/memory/batch_scan.h"

namespace obelisk {
namespace {

// Eight bytes from `skip` on, so that comparing numbers orders most texts.
uint64_t prefix_of(std::string_view text, size_t skip) {
  uint64_t prefix = 0;
  if (skip < text.size()) std::memcpy(&prefix, text.data() + skip, std::min<size_t>(8, text.size() - skip));
  return __builtin_bswap64(prefix);
}

size_t common_prefix(std::string_view a, std::string_view b) {
  size_t length = 0;
  while (length < a.size() && length < b.size() && a[length] == b[length]) ++length;
  return length;
}

}  // namespace

Result<void> ValueCounter::add(std::string_view value, ColumnType type, uint64_t count) {
  add_hashed(value, type, count, checksum64(value, static_cast<uint64_t>(type)));
  return {};
}

// A column of many values does not fit the caches: what the entries of a dictionary need is asked for step by
// step (slots, entries, their text), each step for all of them before any is waited for.
void ValueCounter::add_entries(std::span<const std::string_view> entries, ColumnType type,
                               std::span<const uint64_t> counts) {
  constexpr size_t kAtOnce = 64;
  hashes_.resize(kAtOnce);
  for (size_t first = 0; first < entries.size(); first += kAtOnce) {
    size_t count = std::min(kAtOnce, entries.size() - first);
    for (size_t i = 0; i < count; ++i) {
      hashes_[i] = checksum64(entries[first + i], static_cast<uint64_t>(type));
      __builtin_prefetch(&slots_[hashes_[i] & (slots_.size() - 1)]);
    }
    auto entry_of = [&](size_t i) -> const Entry* {
      const Slot& slot = slots_[hashes_[i] & (slots_.size() - 1)];
      return slot.entry_plus_one == 0 ? nullptr : &entries_[slot.entry_plus_one - 1];
    };
    for (size_t i = 0; i < count; ++i) __builtin_prefetch(entry_of(i));
    for (size_t i = 0; i < count; ++i) {
      if (const Entry* entry = entry_of(i)) __builtin_prefetch(entry->value.data());
    }
    for (size_t i = 0; i < count; ++i) {
      if (counts[first + i] != 0) add_hashed(entries[first + i], type, counts[first + i], hashes_[i]);
    }
  }
}

void ValueCounter::add_hashed(std::string_view value, ColumnType type, uint64_t count, uint64_t wide_hash) {
  if (passes_ > 1 && (wide_hash >> 32) % passes_ != pass_) return;
  auto hash = static_cast<uint32_t>(wide_hash);
  size_t at = hash & (slots_.size() - 1);
  for (; slots_[at].entry_plus_one != 0; at = (at + 1) & (slots_.size() - 1)) {
    if (slots_[at].hash != hash) continue;
    Entry& entry = entries_[slots_[at].entry_plus_one - 1];
    if (entry.type != type || !equal_texts(entry.value, value)) continue;
    entry.count += count;
    return;
  }
  if (entries_.size() == most_) {
    over_ = true;
    return;
  }
  entries_.push_back({arena_.copy(value), type, count});
  slots_[at] = {hash, static_cast<uint32_t>(entries_.size())};
  if (entries_.size() * 2 > slots_.size()) grow();
}

void ValueCounter::grow() {
  std::vector<Slot> old(slots_.size() * 4);
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.entry_plus_one == 0) continue;
    size_t at = slot.hash & (slots_.size() - 1);
    while (slots_[at].entry_plus_one != 0) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = slot;
  }
}

Result<void> ValueCounter::add_integers(const ColumnData& data) {
  std::vector<int64_t> sorted;
  sorted.reserve(data.ints.size());
  for (size_t row = 0; row < data.ints.size(); ++row) {
    if (data.is_present(row)) sorted.push_back(data.ints[row]);
  }
  std::sort(sorted.begin(), sorted.end());
  ColumnData one;
  one.type = data.type;
  for (auto first = sorted.begin(); first != sorted.end();) {
    auto last = std::upper_bound(first, sorted.end(), *first);
    one.ints = {*first};
    OBELISK_CHECK_OK(add(column_value_text(one, 0), data.type, static_cast<uint64_t>(last - first)));
    first = last;
  }
  return {};
}

Result<void> ValueCounter::add_rows(const ColumnData& data) {
  if (!data.ints.empty()) return add_integers(data);
  size_t rows = std::max({data.ints.size(), data.floats.size(), data.strings.size(), data.trace_ids.size()});
  for (size_t row = 0; row < rows; ++row) {
    if (data.is_present(row)) OBELISK_CHECK_OK(add(column_value_text(data, row), data.type, 1));
  }
  return {};
}

namespace {

struct Ranked {
  uint64_t order = 0;  // the count, inverted: more come first
  uint64_t prefix = 0;
  uint32_t entry = 0;
};

// Stable, by one number of each, byte by byte; bytes in which all agree cost nothing.
void sort_by(std::vector<Ranked>& items, uint64_t Ranked::*number) {
  uint64_t all = ~uint64_t{0}, any = 0;
  for (const Ranked& item : items) {
    all &= item.*number;
    any |= item.*number;
  }
  std::vector<Ranked> sorted(items.size());
  for (unsigned shift = 0; shift < 64; shift += 8) {
    if (((all ^ any) >> shift & 255) == 0) continue;
    std::array<uint32_t, 257> begins{};
    for (const Ranked& item : items) ++begins[(item.*number >> shift & 255) + 1];
    for (size_t i = 1; i < begins.size(); ++i) begins[i] += begins[i - 1];
    for (const Ranked& item : items) sorted[begins[item.*number >> shift & 255]++] = item;
    items.swap(sorted);
  }
}

// Below this many a comparison sort costs less than passes over bytes.
constexpr size_t kRadixLeast = 2048;

}  // namespace

std::vector<ValueCount> ValueCounter::ordered(uint64_t limit, bool by_count) const {
  size_t skip = entries_.empty() ? 0 : entries_[0].value.size();
  for (const Entry& entry : entries_) skip = std::min(skip, common_prefix(entries_[0].value, entry.value));
  std::vector<Ranked> ranked;
  ranked.reserve(entries_.size());
  for (uint32_t i = 0; i < entries_.size(); ++i)
    ranked.push_back({by_count ? ~entries_[i].count : 0, prefix_of(entries_[i].value, skip), i});
  auto before = [this](const Ranked& a, const Ranked& b) {
    if (a.order != b.order) return a.order < b.order;
    if (a.prefix != b.prefix) return a.prefix < b.prefix;
    const Entry &left = entries_[a.entry], &right = entries_[b.entry];
    return left.value != right.value ? left.value < right.value : left.type < right.type;
  };
  size_t wanted = limit == 0 ? ranked.size() : std::min<size_t>(limit, ranked.size());
  if (wanted < ranked.size()) {
    std::nth_element(ranked.begin(), ranked.begin() + static_cast<ptrdiff_t>(wanted), ranked.end(), before);
    ranked.resize(wanted);
  }
  if (ranked.size() >= kRadixLeast) {
    sort_by(ranked, &Ranked::prefix);
    sort_by(ranked, &Ranked::order);
  }
  // What is sorted but for a few equal prefixes is sorted quickly.
  for (auto first = ranked.begin(); first != ranked.end();) {
    auto last = ranked.size() < kRadixLeast
                    ? ranked.end()
                    : std::find_if(first, ranked.end(), [&](const Ranked& one) {
                        return one.order != first->order || one.prefix != first->prefix;
                      });
    if (last - first > 1) std::sort(first, last, before);
    first = last;
  }
  std::vector<ValueCount> values;
  values.reserve(wanted);
  for (const Ranked& one : ranked) {
    const Entry& entry = entries_[one.entry];
    values.push_back({std::string(entry.value), entry.type, entry.count});
  }
  return values;
}

namespace {

constexpr uint32_t kPassesMax = 64;

// Adds values that are not in `kept` to it, both as most_frequent() orders them, and keeps the first `limit`.
void keep_most_frequent(std::vector<ValueCount> added, uint64_t limit, std::vector<ValueCount>& kept) {
  auto before = [](const ValueCount& a, const ValueCount& b) {
    if (a.count != b.count) return a.count > b.count;
    return a.value != b.value ? a.value < b.value : a.type < b.type;
  };
  if (kept.empty()) {
    kept = std::move(added);
  } else {
    auto middle = static_cast<ptrdiff_t>(kept.size());
    std::move(added.begin(), added.end(), std::back_inserter(kept));
    std::inplace_merge(kept.begin(), kept.begin() + middle, kept.end(), before);
  }
  if (limit != 0 && kept.size() > limit) kept.resize(limit);
}

}  // namespace

Result<std::vector<ValueCount>> most_frequent_values(
    uint64_t limit, size_t most, const std::function<Result<void>(ValueCounter&)>& count_all) {
  std::string_view advice = "ask for the most frequent by a limit";
  for (uint32_t passes = 1; passes <= kPassesMax; passes *= 4) {
    std::vector<ValueCount> found;
    bool over = false;
    for (uint32_t pass = 0; pass < passes && !over; ++pass) {
      ValueCounter counter(most, passes, pass);
      OBELISK_CHECK_OK(count_all(counter));
      over = counter.is_over();
      if (!over) keep_most_frequent(counter.most_frequent(limit), limit, found);
    }
    if (!over) return found;
    if (limit == 0 || limit > most) break;
    advice = "narrow the selector or the time range";
  }
  return make_error(ErrorCode::too_large,
                    fmt::format("the column has more than {} distinct values; {}", most, advice));
}

}  // namespace obelisk
