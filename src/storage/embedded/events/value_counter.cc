#include "storage/embedded/events/value_counter.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

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
  auto hash = static_cast<uint32_t>(checksum64(value, static_cast<uint64_t>(type)));
  size_t at = hash & (slots_.size() - 1);
  for (; slots_[at].entry_plus_one != 0; at = (at + 1) & (slots_.size() - 1)) {
    Entry& entry = entries_[slots_[at].entry_plus_one - 1];
    if (slots_[at].hash != hash || entry.value != value || entry.type != type) continue;
    entry.count += count;
    return {};
  }
  if (entries_.size() == kEventValuesMax) {
    return make_error(ErrorCode::too_large,
                      fmt::format("the column has more than {} distinct values; narrow the selector "
                                  "or the time range",
                                  kEventValuesMax));
  }
  entries_.push_back({arena_.copy(value), type, count});
  slots_[at] = {hash, static_cast<uint32_t>(entries_.size())};
  if (entries_.size() * 2 > slots_.size()) grow();
  return {};
}

void ValueCounter::grow() {
  std::vector<Slot> old(slots_.size() * 2);
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.entry_plus_one == 0) continue;
    size_t at = slot.hash & (slots_.size() - 1);
    while (slots_[at].entry_plus_one != 0) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = slot;
  }
}

Result<void> ValueCounter::add_rows(const ColumnData& data) {
  size_t rows = std::max({data.ints.size(), data.floats.size(), data.strings.size(), data.trace_ids.size()});
  for (size_t row = 0; row < rows; ++row) {
    if (data.is_present(row)) OBELISK_CHECK_OK(add(column_value_text(data, row), data.type, 1));
  }
  return {};
}

std::vector<ValueCount> ValueCounter::most_frequent(uint64_t limit) const {
  struct Ranked {
    uint64_t count;
    uint64_t prefix;
    const Entry* entry;
  };
  size_t skip = entries_.empty() ? 0 : entries_[0].value.size();
  for (const Entry& entry : entries_) skip = std::min(skip, common_prefix(entries_[0].value, entry.value));
  std::vector<Ranked> ranked;
  ranked.reserve(entries_.size());
  for (const Entry& entry : entries_) ranked.push_back({entry.count, prefix_of(entry.value, skip), &entry});
  auto before = [](const Ranked& a, const Ranked& b) {
    if (a.count != b.count) return a.count > b.count;
    if (a.prefix != b.prefix) return a.prefix < b.prefix;
    if (a.entry->value != b.entry->value) return a.entry->value < b.entry->value;
    return a.entry->type < b.entry->type;
  };
  size_t wanted = limit == 0 ? ranked.size() : std::min<size_t>(limit, ranked.size());
  std::partial_sort(ranked.begin(),
                    ranked.begin() + static_cast<ptrdiff_t>(wanted == ranked.size() ? 0 : wanted),
                    ranked.end(), before);
  if (wanted == ranked.size()) std::sort(ranked.begin(), ranked.end(), before);
  std::vector<ValueCount> values;
  values.reserve(wanted);
  for (size_t i = 0; i < wanted; ++i)
    values.push_back({std::string(ranked[i].entry->value), ranked[i].entry->type, ranked[i].count});
  return values;
}

}  // namespace obelisk
