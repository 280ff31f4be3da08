#pragma once
// A batch of samples built column by column: what BatchBuilder does, without its search for columns and its
// hash of the labels, which a scrape knows already. Rows have a value or a histogram, and may have a start
// time. Labels and histogram bytes must outlive the batch, or be kept alive by an owner. Not thread safe.
#include <memory>
#include <string_view>
#include <vector>

#include "plan/batch.h"

namespace obelisk::scrape {

class SampleRows {
 public:
  void reserve(size_t rows) {
    times_.reserve(rows);
    values_.reserve(rows);
    groups_.reserve(rows);
  }
  // The hash is hash_labels_wide(labels).
  void add(LabelsView labels, const Hash128& hash, UnixNanos time, double value) {
    groups_.push_back({labels, hash.low, static_cast<uint32_t>(times_.size()), 1, hash.high});
    times_.push_back(time.value);
    values_.push_back(value);
  }
  // Of the row added last.
  void set_histogram(std::string_view encoded);
  void set_start_time(UnixNanos start);

  size_t row_count() const { return times_.size(); }
  Batch finish(std::vector<std::shared_ptr<const void>> owners);

 private:
  std::vector<int64_t> times_;
  std::vector<double> values_;
  std::vector<Group> groups_;
  std::vector<std::pair<size_t, std::string_view>> histograms_;  // by row; few
  std::vector<std::pair<size_t, int64_t>> start_times_;
};

}  // namespace obelisk::scrape
