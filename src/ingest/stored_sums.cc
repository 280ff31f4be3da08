#include "ingest/stored_sums.h"

#include <map>

#include "model/histogram.h"

namespace obelisk {
namespace {

// Of one metric: with more, all series of the metric are read at once.
constexpr size_t kLookUpsMax = 16;

Expr equals(std::string_view name, std::string_view value) {
  return Expr::compare(label_column(name), CompareOp::equal, std::string(value));
}

void take_newest(const Batch& batch, const Group& group, std::unordered_map<Labels, StoredSum>& found) {
  uint32_t row = group.first_row + group.row_count - 1;
  const ColumnData* values = batch.find_fixed(column::kValue);
  const ColumnData* histograms = batch.find_fixed(column::kHistogram);
  const ColumnData* starts = batch.find_fixed(column::kStartTime);
  if (starts == nullptr || !starts->is_present(row)) return;
  StoredSum sum{batch.times()[row], starts->ints[row], 0, {}};
  if (values != nullptr && values->is_present(row)) {
    sum.value = values->floats[row];
    if (is_stale_marker(sum.value)) return;
  } else if (histograms != nullptr && histograms->is_present(row)) {
    sum.histogram = histograms->strings[row];
  }
  found.insert_or_assign(Labels(group.labels), std::move(sum));
}

}  // namespace

Result<void> StoredSums::read(const Tenant& tenant, Expr where, UnixNanos from,
                              std::unordered_map<Labels, StoredSum>& found) const {
  Scan scan;
  scan.tenant = tenant;
  scan.table = Table::samples;
  scan.range = {from, UnixNanos{INT64_MAX}};
  scan.where = std::move(where);
  scan.unit = Unit::series;
  scan.newest_only = true;
  scan.columns = {fixed_column(column::kValue), fixed_column(column::kHistogram),
                  fixed_column(column::kStartTime)};
  Budget budget;
  Cancel cancel;
  OBELISK_TRY(Snapshot at, reader_.snapshot(tenant));
  OBELISK_TRY(std::unique_ptr<Cursor> cursor, open_scan(reader_, at, scan, budget, cancel));
  for (;;) {
    OBELISK_TRY(BatchPtr batch, cursor->next());
    if (!batch) return {};
    for (const Group& group : batch->groups)
      if (group.row_count > 0) take_newest(*batch, group, found);
  }
}

Result<std::unordered_map<Labels, StoredSum>> StoredSums::newest(const Tenant& tenant,
                                                                 const std::vector<Labels>& series,
                                                                 UnixNanos from) const {
  std::map<std::string_view, std::vector<const Labels*>> by_metric;
  for (const Labels& labels : series) by_metric[labels.get(kMetricNameLabel)].push_back(&labels);
  std::unordered_map<Labels, StoredSum> found;
  for (const auto& [metric, wanted] : by_metric) {
    if (wanted.size() > kLookUpsMax) {
      OBELISK_CHECK_OK(read(tenant, equals(kMetricNameLabel, metric), from, found));
      continue;
    }
    for (const Labels* labels : wanted) {
      std::vector<Expr> all;
      for (const Label& label : *labels) all.push_back(equals(label.name, label.value));
      OBELISK_CHECK_OK(read(tenant, Expr::all_of(std::move(all)), from, found));
    }
  }
  return found;
}

}  // namespace obelisk
