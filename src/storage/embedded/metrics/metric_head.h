#pragma once
// The samples that are not in a part yet, of each series of an index (series_index.h) that has some.
//
// Life: one head takes samples until a flush freezes it; it is then read, written out and dropped as a whole.
// The next head starts empty on the same index, so an idle series costs nothing but its place there. Not
// thread safe: the metric store guards it, and the index with it. Once frozen, samples() and what the index
// allows may be read without that guard.
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/arena.h"
#include "plan/batch.h"
#include "storage/embedded/metrics/head_samples.h"
#include "storage/embedded/metrics/series_index.h"
#include "storage/embedded/metrics/stable_vector.h"

namespace obelisk {

class MetricHead {
 public:
  explicit MetricHead(std::shared_ptr<SeriesIndex> index = std::make_shared<SeriesIndex>())
      : index_(std::move(index)) {}

  // Rows of a samples batch. Rows with neither value nor histogram, and rows at the end of time (which no
  // half-open range contains), are not kept: counted.
  struct AppendCounts {
    uint64_t samples = 0;
    uint64_t rows_refused = 0;
  };
  // `series`: of each group its number in the index, below index()->series_count().
  AppendCounts append(const Batch& batch, std::span<const uint32_t> series);

  const std::shared_ptr<SeriesIndex>& index() const { return index_; }
  // Series with a number below this may have samples here.
  uint32_t series_end() const { return samples_.size(); }
  // Those that have.
  uint32_t active_series() const { return active_series_; }
  uint64_t sample_count() const { return sample_count_; }
  // Without the index.
  size_t memory_bytes() const { return arena_.allocated_bytes() + samples_.allocated_bytes() + heap_bytes_; }
  int64_t min_time() const { return min_time_; }
  int64_t max_time() const { return max_time_; }
  // What the columns call lists.
  bool has_values() const { return has_values_; }
  bool has_histograms() const { return has_histograms_; }
  bool has_start_times() const { return has_start_times_; }

  // Below series_end().
  const HeadSamples& samples(uint32_t series) const { return samples_[series]; }
  // Keeps of `series` those that have samples here.
  void keep_active(std::vector<uint32_t>& series) const;

 private:
  void append_group(const Group& group, HeadSamples& samples);
  bool append_plain_row(uint32_t row, HeadSamples& samples);

  // The columns of the batch being appended.
  struct Columns {
    const int64_t* times = nullptr;
    const ColumnData* values = nullptr;
    const ColumnData* histograms = nullptr;
    const ColumnData* start_times = nullptr;
  } columns_;
  AppendCounts counts_;

  const std::shared_ptr<SeriesIndex> index_;
  Arena arena_;
  StableVector<HeadSamples> samples_;
  size_t heap_bytes_ = 0;  // records
  uint32_t active_series_ = 0;
  uint64_t sample_count_ = 0;
  int64_t min_time_ = INT64_MAX;
  int64_t max_time_ = INT64_MIN;
  bool has_values_ = false;
  bool has_histograms_ = false;
  bool has_start_times_ = false;
};

}  // namespace obelisk
