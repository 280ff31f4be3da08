#include "storage/embedded/metrics/metric_head.h"

#include <algorithm>

namespace obelisk {

MetricHead::AppendCounts MetricHead::append(const Batch& batch) {
  OBELISK_ASSERT(batch.table == Table::samples);
  counts_ = {};
  if (batch.row_count == 0) return counts_;
  columns_.times = batch.times().data();
  columns_.values = batch.find(fixed_column(column::kValue), ColumnType::float64);
  columns_.histograms = batch.find(fixed_column(column::kHistogram), ColumnType::bytes);
  columns_.start_times = batch.find(fixed_column(column::kStartTime), ColumnType::int64);
  // Every series is a few cache misses in memory far larger than the caches: look some groups ahead, so that
  // they overlap. Step 1 finds the series and touches its samples, step 2 appends.
  constexpr size_t kAhead = 16;
  uint32_t found[kAhead];
  for (size_t begin = 0; begin < batch.groups.size(); begin += kAhead) {
    size_t count = std::min(kAhead, batch.groups.size() - begin);
    for (size_t i = 0; i < count; ++i) by_hash_.prefetch(batch.groups[begin + i].labels_hash);
    for (size_t i = 0; i < count; ++i) {
      auto entry = by_hash_.find(batch.groups[begin + i].labels_hash);
      if (entry != by_hash_.end()) __builtin_prefetch(&series_[entry->second]);
    }
    for (size_t i = 0; i < count; ++i) {
      found[i] = find_or_create(batch.groups[begin + i]);
      series_[found[i]].samples.prefetch_tail();
    }
    for (size_t i = 0; i < count; ++i) append_group(batch.groups[begin + i], series_[found[i]].samples);
  }
  sample_count_ += counts_.samples;
  return counts_;
}

void MetricHead::append_group(const Group& group, HeadSamples& samples) {
  const auto& [times, values, histograms, start_times] = columns_;
  size_t heap_before = samples.heap_bytes();
  for (uint32_t row = group.first_row; row < group.first_row + group.row_count; ++row) {
    int64_t time = times[row];
    int64_t start_time = start_times != nullptr && start_times->is_present(row) ? start_times->ints[row] : 0;
    if (time == INT64_MAX) {
      ++counts_.rows_refused;
      continue;
    }
    if (values != nullptr && values->is_present(row)) {
      samples.add(time, values->floats[row], start_time, arena_);
      has_values_ = true;
    } else if (histograms != nullptr && histograms->is_present(row) && !histograms->strings[row].empty()) {
      samples.add_histogram(time, histograms->strings[row], start_time);
      has_histograms_ = true;
    } else {
      ++counts_.rows_refused;
      continue;
    }
    has_start_times_ |= start_time != 0;
    min_time_ = std::min(min_time_, time);
    max_time_ = std::max(max_time_, time);
    ++counts_.samples;
  }
  heap_bytes_ += samples.heap_bytes() - heap_before;
}

bool MetricHead::has_labels(const Series& series, LabelsView labels) const {
  if (series.label_count != labels.size()) return false;
  for (size_t i = 0; i < labels.size(); ++i) {
    if (pairs_[series.label_ids[i]].label != labels[i]) return false;
  }
  return true;
}

uint32_t MetricHead::find_or_create(const Group& group) {
  auto entry = by_hash_.find(group.labels_hash);
  if (entry == by_hash_.end()) return create(group);
  for (uint32_t series = entry->second; series != kNone; series = series_[series].next_same_hash) {
    if (has_labels(series_[series], group.labels)) return series;
  }
  return create(group);
}

uint32_t MetricHead::create(const Group& group) {
  uint32_t* label_ids = arena_.allocate_array<uint32_t>(group.labels.size());
  uint32_t number = series_.size();
  for (size_t i = 0; i < group.labels.size(); ++i) {
    label_ids[i] = intern(group.labels[i]);
    HeadPostings& postings = pairs_[label_ids[i]].postings;
    heap_bytes_ -= postings.heap_bytes();
    postings.push_back(number);
    heap_bytes_ += postings.heap_bytes();
  }
  Series& series = series_.emplace_back();
  series.label_ids = label_ids;
  series.label_count = static_cast<uint32_t>(group.labels.size());
  auto [entry, is_new] = by_hash_.try_emplace(group.labels_hash, number);
  if (!is_new) {
    series.next_same_hash = entry->second;
    entry->second = number;
  }
  ++counts_.series_created;
  return number;
}

uint32_t MetricHead::intern(const LabelRef& label) {
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

size_t MetricHead::memory_bytes() const {
  return arena_.allocated_bytes() + series_.allocated_bytes() + pairs_.allocated_bytes() + heap_bytes_ +
         by_hash_.capacity() * (sizeof(uint64_t) * 2 + 1) + pair_ids_.capacity() * (sizeof(LabelRef) + 9) +
         pairs_of_name_.capacity() * 41;
}

void MetricHead::labels(uint32_t series, std::vector<LabelRef>& out) const {
  out.clear();
  for (uint32_t id : label_ids(series)) out.push_back(pairs_[id].label);
}

bool MetricHead::before(uint32_t a, uint32_t b) const {
  std::span<const uint32_t> left = label_ids(a);
  std::span<const uint32_t> right = label_ids(b);
  size_t common = std::min(left.size(), right.size());
  for (size_t i = 0; i < common; ++i) {
    if (left[i] != right[i]) return pairs_[left[i]].label < pairs_[right[i]].label;
  }
  return left.size() < right.size();
}

Result<std::optional<PostingReference>> MetricHead::find(std::string_view name,
                                                         std::string_view value) const {
  auto found = pair_ids_.find(LabelRef{name, value});
  if (found == pair_ids_.end()) return std::optional<PostingReference>();
  size_t count = pairs_[found->second].postings.get().size();
  return std::optional(PostingReference{static_cast<uint32_t>(count), found->second, 0});
}

Result<void> MetricHead::visit_values(std::string_view name, const Visitor& visitor) const {
  auto found = pairs_of_name_.find(name);
  if (found == pairs_of_name_.end()) return {};
  for (uint32_t id : found->second) {
    visitor(pairs_[id].label.value, {static_cast<uint32_t>(pairs_[id].postings.get().size()), id, 0});
  }
  return {};
}

Result<Postings> MetricHead::postings(const PostingReference& reference) const {
  std::span<const uint32_t> list = pairs_[static_cast<uint32_t>(reference.where)].postings.get();
  return Postings(list.begin(), list.end());
}

}  // namespace obelisk
