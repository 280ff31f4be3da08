#include "collect/scrape/sample_rows.h"

namespace obelisk::scrape {

void SampleRows::set_histogram(std::string_view encoded) {
  values_.back() = 0;  // what absent rows hold
  histograms_.emplace_back(times_.size() - 1, encoded);
}

void SampleRows::set_start_time(UnixNanos start) {
  start_times_.emplace_back(times_.size() - 1, start.value);
}

Batch SampleRows::finish(std::vector<std::shared_ptr<const void>> owners) {
  Batch batch(Table::samples);
  size_t rows = times_.size();
  batch.row_count = rows;
  batch.owners = std::move(owners);
  batch.groups = std::move(groups_);
  if (histograms_.size() < rows) {
    ColumnData& values = batch.columns.emplace_back();
    values.id = fixed_column(column::kValue);
    values.type = ColumnType::float64;
    values.floats = std::move(values_);
    if (!histograms_.empty()) values.present.assign(rows, 1);
    for (const auto& [row, encoded] : histograms_) values.present[row] = 0;
  }
  if (!histograms_.empty()) {
    ColumnData& column = batch.columns.emplace_back();
    column.id = fixed_column(column::kHistogram);
    column.type = ColumnType::bytes;
    column.strings.resize(rows);
    if (histograms_.size() < rows) column.present.assign(rows, 0);
    for (const auto& [row, encoded] : histograms_) {
      column.strings[row] = batch.arena.copy(encoded);
      if (!column.present.empty()) column.present[row] = 1;
    }
  }
  if (!start_times_.empty()) {
    ColumnData& column = batch.columns.emplace_back();
    column.id = fixed_column(column::kStartTime);
    column.type = ColumnType::int64;
    column.ints.resize(rows);
    if (start_times_.size() < rows) column.present.assign(rows, 0);
    for (const auto& [row, start] : start_times_) {
      column.ints[row] = start;
      if (!column.present.empty()) column.present[row] = 1;
    }
  }
  ColumnData& time = batch.columns.emplace_back();
  time.id = fixed_column(column::kTime);
  time.type = ColumnType::int64;
  time.ints = std::move(times_);
  *this = SampleRows();
  return batch;
}

}  // namespace obelisk::scrape
