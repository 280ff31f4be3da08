#include "api/prometheus/stored_series.h"

#include <algorithm>

namespace obelisk::prometheus_api {

Result<StoredSeries> StoredSeries::load(Reader& reader, QueryRun& run, Expr where, TimeRange range) {
  Scan scan;
  scan.tenant = run.tenant;
  scan.table = Table::samples;
  scan.unit = Unit::series;
  scan.range = range;
  scan.where = std::move(where);
  scan.columns = {fixed_column(column::kValue), fixed_column(column::kHistogram)};
  OBELISK_TRY(std::unique_ptr<Cursor> cursor, open_scan(reader, run.at, scan, run.budget, run.cancel));
  StoredSeries out;
  for (;;) {
    OBELISK_CHECK_OK(run.cancel.check());
    OBELISK_TRY(BatchPtr batch, cursor->next());
    if (!batch) break;
    OBELISK_CHECK_OK(run.budget.charge(batch->memory_bytes()));
    for (const Group& group : batch->groups) {
      if (group.row_count > 0) out.series_.push_back({batch.get(), &group});
    }
    out.batches_.push_back(std::move(batch));
  }
  if (Coverage coverage = cursor->coverage(); !coverage.complete)
    return make_error(ErrorCode::unavailable, "not all samples could be read: " + coverage.reason);
  std::sort(out.series_.begin(), out.series_.end(), [](const Series& a, const Series& b) {
    return std::lexicographical_compare(a.group->labels.begin(), a.group->labels.end(),
                                        b.group->labels.begin(), b.group->labels.end());
  });
  return out;
}

Result<StoredPoint> StoredSeries::point_at(const Batch& batch, uint32_t row) {
  StoredPoint point;
  point.time_ms = UnixNanos{batch.times()[row]}.to_millis();
  const ColumnData* histograms = batch.find(fixed_column(column::kHistogram), ColumnType::bytes);
  if (histograms != nullptr && histograms->is_present(row) && !histograms->strings[row].empty()) {
    OBELISK_TRY(Histogram histogram, decode_histogram(histograms->strings[row]));
    point.histogram = &histograms_.emplace_back(std::move(histogram));
    return point;
  }
  const ColumnData* values = batch.find(fixed_column(column::kValue), ColumnType::float64);
  if (values != nullptr && values->is_present(row)) point.value = values->floats[row];
  return point;
}

Result<std::vector<StoredPoint>> StoredSeries::points(size_t index) {
  const auto& [batch, group] = series_[index];
  std::vector<StoredPoint> out;
  out.reserve(group->row_count);
  for (uint32_t row = group->first_row; row < group->first_row + group->row_count; ++row) {
    OBELISK_TRY(StoredPoint point, point_at(*batch, row));
    if (!out.empty() && out.back().time_ms == point.time_ms) out.pop_back();
    out.push_back(point);
  }
  return out;
}

Result<StoredPoint> StoredSeries::last_point(size_t index) {
  const auto& [batch, group] = series_[index];
  return point_at(*batch, group->first_row + group->row_count - 1);
}

}  // namespace obelisk::prometheus_api
