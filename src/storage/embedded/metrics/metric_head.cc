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
  HeadSamples* found[kAhead];
  for (size_t begin = 0; begin < batch.groups.size(); begin += kAhead) {
    size_t count = std::min(kAhead, batch.groups.size() - begin);
    for (size_t i = 0; i < count; ++i) index_->prefetch(batch.groups[begin + i]);
    for (size_t i = 0; i < count; ++i) {
      uint32_t guess = index_->guess(batch.groups[begin + i]);
      if (guess < samples_.size()) __builtin_prefetch(&samples_[guess], 1);
    }
    for (size_t i = 0; i < count; ++i) {
      SeriesIndex::Found series = index_->find_or_create(batch.groups[begin + i]);
      counts_.series_created += series.is_new ? 1 : 0;
      found[i] = &samples_of(series.series);
      found[i]->prefetch_tail();
    }
    for (size_t i = 0; i < count; ++i) append_group(batch.groups[begin + i], *found[i]);
  }
  sample_count_ += counts_.samples;
  return counts_;
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
  if (was_empty && !samples.empty()) ++active_series_;
}

HeadSamples& MetricHead::samples_of(uint32_t series) {
  while (samples_.size() <= series) samples_.emplace_back();
  return samples_[series];
}

void MetricHead::keep_active(std::vector<uint32_t>& series) const {
  uint32_t end = series_end();
  std::erase_if(series, [&](uint32_t number) { return number >= end || samples_[number].empty(); });
}

}  // namespace obelisk
