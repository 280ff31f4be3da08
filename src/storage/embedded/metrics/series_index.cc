#include "storage/embedded/metrics/series_index.h"

#include <algorithm>

namespace obelisk {
namespace {

constexpr size_t kSlotsMin = 64;

}  // namespace

void SeriesIndex::prefetch(const Group& group) const {
  if (!slots_.empty()) __builtin_prefetch(&slots_[slot_of(group.labels_hash)]);
}

void SeriesIndex::prefetch_series(const Group& group) const {
  if (slots_.empty()) return;
  const Slot& slot = slots_[slot_of(group.labels_hash)];
  if (slot.series != kNone) __builtin_prefetch(&series_[slot.series]);
}

uint32_t SeriesIndex::resolve(std::span<const Group> groups, std::vector<uint32_t>& numbers) {
  constexpr size_t kAhead = 16;
  numbers.resize(groups.size());
  uint32_t created = 0;
  uint32_t expected = kNone;
  size_t looked_ahead = 0;  // groups before this one have been fetched
  for (size_t i = 0; i < groups.size(); ++i) {
    if (!is_at(expected, groups[i])) {
      if (i >= looked_ahead) {
        looked_ahead = std::min(groups.size(), i + kAhead);
        for (size_t ahead = i; ahead < looked_ahead; ++ahead) prefetch(groups[ahead]);
        for (size_t ahead = i; ahead < looked_ahead; ++ahead) prefetch_series(groups[ahead]);
      }
      Found found = find_or_create(groups[i]);
      created += found.is_new ? 1 : 0;
      expected = found.series;
    }
    numbers[i] = expected++;
  }
  return created;
}

bool SeriesIndex::is_same(const Series& series, const Group& group) const {
  if (series.hash != group.labels_hash || series.labels[0] != group.labels.size()) return false;
  // 128 bits say that the labels are the same.
  if (series.hash_high != 0 && series.hash_high == group.labels_hash_high) return true;
  for (size_t i = 0; i < group.labels.size(); ++i) {
    if (pairs_[series.labels[i + 1]].label != group.labels[i]) return false;
  }
  return true;
}

SeriesIndex::Found SeriesIndex::find_or_create(const Group& group) {
  if ((series_.size() + 1) * 4 > slots_.size() * 3) grow_table();
  size_t at = slot_of(group.labels_hash);
  uint32_t tag = tag_of(group.labels_hash);
  for (; slots_[at].series != kNone; at = (at + 1) & (slots_.size() - 1)) {
    if (slots_[at].tag == tag && is_same(series_[slots_[at].series], group))
      return {slots_[at].series, false};
  }
  slots_[at] = {tag, create(group)};
  return {slots_[at].series, true};
}

void SeriesIndex::grow_table() {
  std::vector<Slot> old(std::max(kSlotsMin, slots_.size() * 2));
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.series == kNone) continue;
    size_t at = slot_of(series_[slot.series].hash);
    while (slots_[at].series != kNone) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = slot;
  }
}

uint32_t SeriesIndex::create(const Group& group) {
  uint32_t* labels = arena_.allocate_array<uint32_t>(group.labels.size() + 1);
  uint32_t number = series_.size();
  labels[0] = static_cast<uint32_t>(group.labels.size());
  for (size_t i = 0; i < group.labels.size(); ++i) {
    labels[i + 1] = intern(group.labels[i]);
    HeadPostings& postings = pairs_[labels[i + 1]].postings;
    heap_bytes_ -= postings.heap_bytes();
    postings.push_back(number);
    heap_bytes_ += postings.heap_bytes();
  }
  Series& series = series_.emplace_back();
  series.labels = labels;
  series.hash = group.labels_hash;
  series.hash_high = group.labels_hash_high;
  return number;
}

uint32_t SeriesIndex::intern(const LabelRef& label) {
  auto found = pair_ids_.find(label);
  if (found != pair_ids_.end()) return found->second;
  auto name = pairs_of_name_.find(label.name);
  if (name == pairs_of_name_.end()) name = pairs_of_name_.try_emplace(arena_.copy(label.name)).first;
  uint32_t id = pairs_.size();
  Pair& pair = pairs_.emplace_back();
  pair.label = {name->first, arena_.copy(label.value)};
  pair_ids_.emplace(pair.label, id);
  heap_bytes_ -= name->second.capacity() * sizeof(uint32_t);
  name->second.push_back(id);
  heap_bytes_ += name->second.capacity() * sizeof(uint32_t);
  return id;
}

size_t SeriesIndex::memory_bytes() const {
  return arena_.allocated_bytes() + series_.allocated_bytes() + pairs_.allocated_bytes() + heap_bytes_ +
         slots_.capacity() * sizeof(Slot) + pair_ids_.capacity() * (sizeof(LabelRef) + 9) +
         pairs_of_name_.capacity() * 41 + ranks_->capacity() * sizeof(uint32_t);
}

void SeriesIndex::labels(uint32_t series, std::vector<LabelRef>& out) const {
  out.clear();
  for (uint32_t id : label_ids(series)) out.push_back(pairs_[id].label);
}

bool SeriesIndex::before(uint32_t a, uint32_t b) const {
  std::span<const uint32_t> left = label_ids(a);
  std::span<const uint32_t> right = label_ids(b);
  size_t common = std::min(left.size(), right.size());
  for (size_t i = 0; i < common; ++i) {
    if (left[i] != right[i]) return pairs_[left[i]].label < pairs_[right[i]].label;
  }
  return left.size() < right.size();
}

Result<std::optional<PostingReference>> SeriesIndex::find(std::string_view name,
                                                          std::string_view value) const {
  auto found = pair_ids_.find(LabelRef{name, value});
  if (found == pair_ids_.end()) return std::optional<PostingReference>();
  size_t count = pairs_[found->second].postings.get().size();
  return std::optional(PostingReference{static_cast<uint32_t>(count), found->second, 0});
}

Result<void> SeriesIndex::visit_values(std::string_view name, const Visitor& visitor) const {
  auto found = pairs_of_name_.find(name);
  if (found == pairs_of_name_.end()) return {};
  for (uint32_t id : found->second) {
    visitor(pairs_[id].label.value, {static_cast<uint32_t>(pairs_[id].postings.get().size()), id, 0});
  }
  return {};
}

Result<Postings> SeriesIndex::postings(const PostingReference& reference) const {
  std::span<const uint32_t> list = pairs_[static_cast<uint32_t>(reference.where)].postings.get();
  return Postings(list.begin(), list.end());
}

}  // namespace obelisk
