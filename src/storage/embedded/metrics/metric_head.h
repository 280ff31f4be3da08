#pragma once
// The samples that are not in a part yet: a map from label set to series, an inverted index of the label
// pairs, and each series' samples (head_samples.h). Label texts are stored once.
//
// Life: one head takes samples until a flush freezes it; it is then read, written out and dropped as a whole.
// A new head starts empty, so an idle series costs nothing after the next flush, and nothing is ever removed
// from a head. Not thread safe: the metric store guards it. What label_ids(), pair() and labels() return
// stays valid and unchanged as long as the head lives, and may be read without that guard.
#include <absl/container/flat_hash_map.h>

#include <memory>
#include <string>
#include <vector>

#include "base/arena.h"
#include "base/hash.h"
#include "plan/batch.h"
#include "storage/embedded/metrics/head_postings.h"
#include "storage/embedded/metrics/head_samples.h"
#include "storage/embedded/metrics/label_index.h"
#include "storage/embedded/metrics/stable_vector.h"

namespace obelisk {

class MetricHead : public LabelIndex {
 public:
  // Rows of a samples batch. Rows with neither value nor histogram, and rows at the end of time (which no
  // half-open range contains), are not kept: counted.
  struct AppendCounts {
    uint64_t samples = 0;
    uint64_t rows_refused = 0;
    uint64_t series_created = 0;
  };
  AppendCounts append(const Batch& batch);

  uint32_t series_count() const override { return series_.size(); }
  uint64_t sample_count() const { return sample_count_; }
  size_t memory_bytes() const;
  int64_t min_time() const { return min_time_; }
  int64_t max_time() const { return max_time_; }
  // What the columns call lists.
  bool has_values() const { return has_values_; }
  bool has_histograms() const { return has_histograms_; }
  bool has_start_times() const { return has_start_times_; }

  const HeadSamples& samples(uint32_t series) const { return series_[series].samples; }
  // Numbers of the label pairs of a series, in the order of its labels.
  std::span<const uint32_t> label_ids(uint32_t series) const {
    return {series_[series].label_ids, series_[series].label_count};
  }
  LabelRef pair(uint32_t pair_id) const { return pairs_[pair_id].label; }
  uint32_t pair_count() const { return pairs_.size(); }
  void labels(uint32_t series, std::vector<LabelRef>& out) const;
  // Whether the labels of series a come before those of b.
  bool before(uint32_t a, uint32_t b) const;

  Result<std::optional<PostingReference>> find(std::string_view name, std::string_view value) const override;
  Result<void> visit_values(std::string_view name, const Visitor& visitor) const override;
  Result<Postings> postings(const PostingReference& reference) const override;

 private:
  struct Series {
    const uint32_t* label_ids = nullptr;
    uint32_t label_count = 0;
    uint32_t next_same_hash = kNone;
    HeadSamples samples;
  };
  struct Pair {
    LabelRef label;
    HeadPostings postings;
  };
  struct Identity {
    size_t operator()(uint64_t hash) const { return hash; }
  };
  struct TextHash {
    size_t operator()(std::string_view text) const { return hash64(text); }
  };
  struct LabelHash {
    size_t operator()(const LabelRef& label) const { return hash64(label.value, hash64(label.name)); }
  };
  static constexpr uint32_t kNone = UINT32_MAX;

  uint32_t find_or_create(const Group& group);
  bool has_labels(const Series& series, LabelsView labels) const;
  uint32_t create(const Group& group);
  uint32_t intern(const LabelRef& label);
  void append_group(const Group& group, HeadSamples& samples);

  // The columns of the batch being appended.
  struct Columns {
    const int64_t* times = nullptr;
    const ColumnData* values = nullptr;
    const ColumnData* histograms = nullptr;
    const ColumnData* start_times = nullptr;
  } columns_;
  AppendCounts counts_;

  Arena arena_;
  StableVector<Series> series_;
  StableVector<Pair> pairs_;
  absl::flat_hash_map<uint64_t, uint32_t, Identity> by_hash_;  // first series with this label hash
  absl::flat_hash_map<LabelRef, uint32_t, LabelHash, std::equal_to<LabelRef>> pair_ids_;
  absl::flat_hash_map<std::string_view, std::vector<uint32_t>, TextHash, std::equal_to<std::string_view>>
      pairs_of_name_;
  size_t heap_bytes_ = 0;  // records and posting lists
  uint64_t sample_count_ = 0;
  int64_t min_time_ = INT64_MAX;
  int64_t max_time_ = INT64_MIN;
  bool has_values_ = false;
  bool has_histograms_ = false;
  bool has_start_times_ = false;
};

}  // namespace obelisk
