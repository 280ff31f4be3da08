#pragma once
// Builds a batch of Table::samples: what BatchBuilder does for any table, for the one whose columns are
// known, at a few appends a sample. Columns that no row has are left out (docs: plan/columns.h: value,
// histogram, start_time, time). Built by one thread. Memory: 16 bytes a float sample; 8 more once a row has a
// start time, 16 more once one is a histogram.
#include <memory>
#include <vector>

#include "plan/batch.h"

namespace obelisk {

class SampleBatchBuilder {
 public:
  Arena& arena() { return batch_.arena; }
  void keep_alive(std::shared_ptr<const void> owner) { batch_.owners.push_back(std::move(owner)); }
  void reserve(size_t rows, size_t series);

  // The following rows are of this series; it becomes a group when it gets one. The views must outlive the
  // batch, and `hash` is hash_labels_wide(labels).
  void begin_series(LabelsView labels, const Hash128& hash) {
    series_ = {labels, hash.low, 0, 0, hash.high};
    open_ = false;
  }
  // Times in ns since the epoch; start 0 = unknown.
  void add(int64_t time, double value, int64_t start = 0) {
    add_row(time, start);
    values_.push_back(value);
    if (histogram_count_ > 0) histograms_.emplace_back();
  }
  // `encoded` as in model/histogram.h, not empty; it must outlive the batch.
  void add_histogram(int64_t time, std::string_view encoded, int64_t start = 0);

  // Of the row added last: the histogram that it has instead of a value, and since when it counts.
  void set_histogram(std::string_view encoded);
  void set_start(int64_t start) {
    if (start != 0) add_start(start);
  }

  size_t row_count() const { return times_.size(); }
  // The builder is then empty and has forgotten its owners.
  Batch finish();

 private:
  void add_row(int64_t time, int64_t start) {
    if (!open_) open_group();
    ++batch_.groups.back().row_count;
    times_.push_back(time);
    if (start != 0 || !starts_.empty()) add_start(start);
  }
  void open_group();
  void add_start(int64_t start);
  void add_column(std::string_view name, ColumnType type, std::vector<uint8_t> present, ColumnData values);

  Batch batch_{Table::samples};
  Group series_;
  bool open_ = false;
  std::vector<int64_t> times_;
  std::vector<double> values_;
  std::vector<int64_t> starts_;               // empty while no row has one
  std::vector<std::string_view> histograms_;  // the same
  size_t histogram_count_ = 0;
};

}  // namespace obelisk
