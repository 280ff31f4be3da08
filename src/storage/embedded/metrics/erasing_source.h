#pragma once
// A series source without the rows that erasures take: wraps the source of a head or part that holds rows
// from before them. Series of which nothing is left are still visited; they read as empty. One thread.
#include <memory>
#include <vector>

#include "storage/embedded/erasure.h"
#include "storage/embedded/metrics/series_source.h"

namespace obelisk {

class ErasingSource : public SeriesSource {
 public:
  ErasingSource(std::unique_ptr<SeriesSource> inner, std::vector<ErasurePtr> erasures)
      : inner_(std::move(inner)), erasures_(std::move(erasures)) {}

  Result<bool> next() override;
  LabelsView labels() const override { return inner_->labels(); }
  uint64_t labels_hash() const override { return inner_->labels_hash(); }
  std::shared_ptr<const void> labels_owner() const override { return inner_->labels_owner(); }
  int64_t max_time() const override { return inner_->max_time(); }
  SeriesFacts facts() const override { return inner_->facts(); }  // erased rows counted
  Result<void> read(const TimeRange& range, bool with_payload, Samples& out, Arena& arena) override;
  // Null for a series that loses rows: its blocks are not what is left.
  PartSource* as_part() override { return erased_.empty() ? inner_->as_part() : nullptr; }
  uint64_t bytes_read() const override { return inner_->bytes_read(); }
  size_t memory_bytes() const override { return inner_->memory_bytes(); }

 private:
  bool is_erased(int64_t time) const;

  std::unique_ptr<SeriesSource> inner_;
  const std::vector<ErasurePtr> erasures_;
  std::vector<TimeRange> erased_;  // of the current series
  Samples samples_;
};

// `source` as it is, or wrapped when an erasure concerns rows up to `last_sequence` in this span of time.
std::unique_ptr<SeriesSource> without_erased(std::unique_ptr<SeriesSource> source,
                                             const std::vector<ErasurePtr>& erasures, uint64_t last_sequence,
                                             int64_t min_time, int64_t max_time);

// Whether a part may hold rows that the erasure takes: by labels and the times of blocks, no samples are
// read.
Result<bool> may_hold_erased(const std::shared_ptr<const MetricPart>& part, const Erasure& erasure);

}  // namespace obelisk
