#include "plan/sample_batch.h"

namespace obelisk {

void SampleBatchBuilder::reserve(size_t rows, size_t series) {
  times_.reserve(rows);
  values_.reserve(rows);
  batch_.groups.reserve(series);
}

void SampleBatchBuilder::open_group() {
  series_.first_row = static_cast<uint32_t>(times_.size());
  batch_.groups.push_back(series_);
  open_ = true;
}

void SampleBatchBuilder::add_start(int64_t start) {
  starts_.resize(times_.size());
  starts_.back() = start;
}

void SampleBatchBuilder::add_histogram(int64_t time, std::string_view encoded, int64_t start) {
  add_row(time, start);
  values_.push_back(0);
  set_histogram(encoded);
}

void SampleBatchBuilder::set_histogram(std::string_view encoded) {
  OBELISK_ASSERT(!encoded.empty() && !times_.empty());
  values_.back() = 0;
  histograms_.resize(times_.size());
  if (histograms_.back().empty()) ++histogram_count_;
  histograms_.back() = encoded;
}

void SampleBatchBuilder::add_column(std::string_view name, ColumnType type, std::vector<uint8_t> present,
                                    ColumnData values) {
  values.id = fixed_column(name);
  values.type = type;
  values.present = std::move(present);
  batch_.columns.push_back(std::move(values));
}

Batch SampleBatchBuilder::finish() {
  size_t rows = times_.size();
  batch_.row_count = rows;
  std::vector<uint8_t> is_histogram;
  if (histogram_count_ > 0 && histogram_count_ < rows) {
    is_histogram.resize(rows);
    for (size_t row = 0; row < rows; ++row) is_histogram[row] = histograms_[row].empty() ? 0 : 1;
  }
  if (histogram_count_ < rows) {
    std::vector<uint8_t> is_value = is_histogram;
    for (uint8_t& flag : is_value) flag ^= 1;
    ColumnData values;
    values.floats = std::move(values_);
    add_column(column::kValue, ColumnType::float64, std::move(is_value), std::move(values));
  }
  if (histogram_count_ > 0) {
    ColumnData histograms;
    histograms.strings = std::move(histograms_);
    add_column(column::kHistogram, ColumnType::bytes, std::move(is_histogram), std::move(histograms));
  }
  if (!starts_.empty()) {
    starts_.resize(rows);
    std::vector<uint8_t> present(rows);
    bool all = true;
    for (size_t row = 0; row < rows; ++row) {
      present[row] = starts_[row] != 0;
      all &= present[row] != 0;
    }
    if (all) present.clear();
    ColumnData starts;
    starts.ints = std::move(starts_);
    add_column(column::kStartTime, ColumnType::int64, std::move(present), std::move(starts));
  }
  ColumnData times;
  times.ints = std::move(times_);
  add_column(column::kTime, ColumnType::int64, {}, std::move(times));
  Batch done = std::move(batch_);
  *this = SampleBatchBuilder();
  return done;
}

}  // namespace obelisk
