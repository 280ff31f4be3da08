#include "storage/embedded/metrics/metric_head.h"

#include <algorithm>

namespace obelisk {

MetricHead::AppendCounts MetricHead::append(const Batch& batch, std::span<const uint32_t> series) {
  OBELISK_ASSERT(batch.table == Table::samples && series.size() == batch.groups.size());
  counts_ = {};
  if (batch.row_count == 0) return counts_;
  columns_.times = batch.times().data();
  columns_.values = batch.find(fixed_column(column::kValue), ColumnType::float64);
  columns_.histograms = batch.find(fixed_column(column::kHistogram), ColumnType::bytes);
  columns_.start_times = batch.find(fixed_column(column::kStartTime), ColumnType::int64);
  bool plain =
      columns_.values != nullptr && columns_.values->present.empty() && columns_.start_times == nullptr;
  uint32_t end = series.empty() ? 0 : *std::max_element(series.begin(), series.end()) + 1;
  while (samples_.size() < end) samples_.emplace_back();
  // Every series is a few cache misses in memory far larger than the caches: what is some groups ahead is
  // fetched, and before that where it lies, so that they overlap.
  constexpr size_t kTailsAhead = 12, kObjectsAhead = 24;
  for (size_t i = 0; i < std::min(kObjectsAhead, series.size()); ++i)
    __builtin_prefetch(&samples_[series[i]], 1);
  for (size_t i = 0; i < series.size(); ++i) {
    if (i + kObjectsAhead < series.size()) __builtin_prefetch(&samples_[series[i + kObjectsAhead]], 1);
    if (i + kTailsAhead < series.size()) samples_[series[i + kTailsAhead]].prefetch_tail();
    const Group& group = batch.groups[i];
    HeadSamples& samples = samples_[series[i]];
    if (plain && group.row_count == 1 && append_plain_row(group.first_row, samples)) continue;
    append_group(group, samples);
  }
  sample_count_ += counts_.samples;
  return counts_;
}

// One float later than the one before it, while there is room: what nearly every row is.
bool MetricHead::append_plain_row(uint32_t row, HeadSamples& samples) {
  int64_t time = columns_.times[row];
  if (!samples.extend(time, columns_.values->floats[row])) return false;
  max_time_ = std::max(max_time_, time);
  ++counts_.samples;
  return true;
}

void MetricHead::append_group(const Group& group, HeadSamples& samples) {
  const auto& [times, values, histograms, start_times] = columns_;
  size_t heap_before = samples.heap_bytes();
  bool was_empty = samples.empty();
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
      samples.add_histogram(time, histograms->strings[row], start_time, arena_);
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
  if (was_empty && !samples.empty()) ++active_series_;
}

void MetricHead::keep_active(std::vector<uint32_t>& series) const {
  uint32_t end = series_end();
  std::erase_if(series, [&](uint32_t number) { return number >= end || samples_[number].empty(); });
}

}  // namespace obelisk
