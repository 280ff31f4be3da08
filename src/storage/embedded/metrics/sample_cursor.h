#pragma once
// Returns the samples of merged series as batches: one group a series, rows in time order, at most
// kBatchSeries series and kBatchRows rows a batch except that a series is never split. Budget: what the
// sources hold and the batch being returned; a batch is given back to the budget when the next one is asked
// for, a caller that keeps batches charges them itself.
#include "storage/embedded/metrics/series_source.h"
#include "storage/reader.h"

namespace obelisk {

inline constexpr size_t kBatchRows = 64 * 1024;
// Labels and their lists are most of a batch whose series have a row or two: fewer stay in the caches.
inline constexpr size_t kBatchSeries = 4096;

class SampleCursor : public Cursor {
 public:
  // `exact`: the series of the sources need no test against scan.where. Order is not done; limit is, in
  // series for Unit::series and in rows for Unit::row. too_large when the budget has no room for what the
  // sources hold. `newest_only`: of each series at least the newest row in the range.
  static Result<std::unique_ptr<Cursor>> open(std::vector<std::unique_ptr<SeriesSource>> sources,
                                              const Scan& scan, bool exact, bool newest_only, Budget& budget,
                                              const Cancel& cancel);
  ~SampleCursor() override;

  Result<BatchPtr> next() override;
  Coverage coverage() const override;

 private:
  SampleCursor(std::vector<std::unique_ptr<SeriesSource>> sources, Scan scan, bool exact, bool newest_only,
               Budget& budget, const Cancel& cancel);
  Result<BatchPtr> next_batch();
  Result<void> read_series(Samples& rows, Arena& arena);
  Result<void> keep_matching_rows(Samples& rows, size_t first);
  bool limit_reached() const { return scan_.limit != 0 && taken_ >= scan_.limit; }
  Result<void> charge(uint64_t bytes);

  SeriesMerger merger_;
  const Scan scan_;
  const bool exact_;
  bool wants_value_ = true;
  bool wants_histogram_ = true;
  bool wants_start_time_ = true;
  bool needs_payload_ = true;
  Budget& budget_;
  const Cancel& cancel_;
  uint64_t source_charge_ = 0;
  uint64_t batch_charge_ = 0;
  uint64_t taken_ = 0;  // series or rows, what the limit counts
  uint64_t rows_read_ = 0;
  uint64_t series_read_ = 0;
  size_t expected_rows_ = 0;  // of the next batch, 0 = unknown
  bool finished_ = false;
};

}  // namespace obelisk
