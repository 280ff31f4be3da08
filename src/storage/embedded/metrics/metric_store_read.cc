// The reading half of the metric store.
#include "storage/embedded/metrics/metric_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "storage/embedded/metrics/erasing_source.h"
#include "storage/embedded/metrics/sample_cursor.h"
#include "storage/embedded/metrics/series_selector.h"
#include "storage/memory/batch_scan.h"

namespace obelisk {
namespace {

bool overlaps(const TimeRange& range, int64_t min_time, int64_t max_time) {
  return min_time <= max_time && min_time < range.end.value && max_time >= range.begin.value;
}

bool overlaps(const TimeRange& range, const MetricHead& head) {
  return overlaps(range, head.min_time(), head.max_time());
}

bool overlaps(const TimeRange& range, const MetricPart& part) {
  return overlaps(range, part.footer().min_time, part.footer().max_time);
}

// The share of [min, max] that the range covers, for prices.
double share_of(const TimeRange& range, int64_t min_time, int64_t max_time) {
  double begin = static_cast<double>(std::max(range.begin.value, min_time));
  double end = static_cast<double>(std::min(range.end.value, max_time));
  double whole = static_cast<double>(max_time) - static_cast<double>(min_time);
  if (whole <= 0) return 1;
  return std::clamp((end - begin) / whole, 0.0, 1.0);
}

// At most about a block too few: the range may cut blocks at both ends.
Result<void> add_cost(const LabelIndex& index, const Scan& scan, uint64_t samples, double share,
                      double bytes_each, Cost& cost) {
  if (index.series_count() == 0) return {};
  OBELISK_TRY(uint64_t series, estimate_series(index, scan.where));
  double rows = static_cast<double>(samples) * share * static_cast<double>(series) / index.series_count();
  uint64_t upper = static_cast<uint64_t>(rows) + series * 2 * kBlockRows;
  upper = std::min(upper, samples);
  cost.rows += upper;
  cost.bytes += static_cast<uint64_t>(static_cast<double>(upper) * bytes_each);
  return {};
}

bool reads_only_labels(const Expr& where) {
  std::vector<ColumnId> columns;
  where.collect_columns(columns);
  return std::all_of(columns.begin(), columns.end(),
                     [](const ColumnId& column) { return column.scope == Scope::label; });
}

Result<void> check_scan(const Scan& scan) {
  if (scan.unit == Unit::trace) {
    return make_error(ErrorCode::invalid_argument,
                      fmt::format("the {} table cannot be read by trace", table_name(scan.table)));
  }
  if (scan.table != Table::samples && scan.table != Table::metadata) {
    return make_error(ErrorCode::invalid_argument,
                      fmt::format("the metric store has no table {}", table_name(scan.table)));
  }
  return {};
}

}  // namespace

// Order of arrival: parts, frozen heads, head. Only what concerns the index of the heads needs the lock.
Result<MetricStore::View> MetricStore::view(const Scan& scan) const {
  View view;
  std::vector<std::shared_ptr<const MetricPart>> parts;
  std::vector<ErasurePtr> erasures;
  std::vector<SelectedHead> heads;
  std::unique_ptr<HeadSource> newest;
  uint64_t newest_sequence = 0;
  {
    MutexLock lock(mutex_);
    parts = parts_;
    erasures = erasures_;
    // What an erasure takes may be the newest row.
    view.newest_only =
        scan.newest_only && scan.unit == Unit::series && erasures.empty() && reads_only_labels(scan.where);
    OBELISK_TRY(heads, select_heads(scan, view.exact));
    if (!heads.empty() && heads.back().head == head_) {
      newest = std::make_unique<HeadSource>(head_, heads.back().series, scan.range, view.newest_only);
      newest_sequence = last_sequence_;
      heads.pop_back();
    }
  }
  for (const auto& part : parts) {
    if (!overlaps(scan.range, *part)) continue;
    OBELISK_TRY(SeriesSelection selection, select_series(*part, scan.where));
    view.exact &= selection.exact;
    const PartFooter& footer = part->footer();
    view.sources.push_back(
        without_erased(std::make_unique<PartSource>(part, std::move(selection.series), view.newest_only),
                       erasures, footer.last_sequence, footer.min_time, footer.max_time));
  }
  for (SelectedHead& selected : heads) {
    const MetricHead& head = *selected.head;
    auto source = std::make_unique<FrozenHeadSource>(selected.head, selected.ranks,
                                                     std::move(selected.series), view.newest_only);
    remember_ranks(*head.index(), source->made_ranks());
    view.sources.push_back(without_erased(std::move(source), erasures, selected.last_sequence,
                                          head.min_time(), head.max_time()));
  }
  if (newest) {
    const MetricHead& head = newest->head();
    remember_ranks(*head.index(), newest->sort());
    view.sources.push_back(
        without_erased(std::move(newest), erasures, newest_sequence, INT64_MIN, INT64_MAX));
  }
  return view;
}

// Heads that overlap the range, oldest first. Those that share an index share the selection.
Result<std::vector<MetricStore::SelectedHead>> MetricStore::select_heads(const Scan& scan,
                                                                         bool& exact) const {
  std::vector<SelectedHead> heads;
  for (const FrozenHead& frozen : frozen_) {
    if (overlaps(scan.range, *frozen.samples))
      heads.push_back({frozen.samples, frozen.last_sequence, {}, {}});
  }
  if (overlaps(scan.range, *head_)) heads.push_back({head_, last_sequence_, {}, {}});
  for (size_t i = 0; i < heads.size(); ++i) {
    const SeriesIndex& index = *heads[i].head->index();
    heads[i].ranks = index.ranks();
    if (i > 0 && heads[i - 1].head->index().get() == &index) {
      heads[i].series = heads[i - 1].series;
      continue;
    }
    OBELISK_TRY(SeriesSelection selection, select_series(index, scan.where));
    exact &= selection.exact;
    heads[i].series = std::move(selection.series);
  }
  return heads;
}

// Ranks cover the first series of an index: longer ones are newer.
void MetricStore::remember_ranks(SeriesIndex& index, std::shared_ptr<const SeriesIndex::Ranks> made) const {
  if (!made) return;
  MutexLock lock(mutex_);
  if (made->size() > index.ranks()->size()) index.set_ranks(std::move(made));
}

MetadataRows MetricStore::all_metadata(Result<void>& status) const {
  std::vector<std::shared_ptr<const MetricPart>> parts;
  MetadataRows in_memory;
  {
    MutexLock lock(mutex_);
    parts = parts_;
    for (const FrozenHead& head : frozen_) in_memory.add_all(*head.metadata);
    in_memory.add_all(*metadata_);
  }
  MetadataRows rows;
  for (const auto& part : parts) {
    if (status.ok()) status = part->read_metadata(rows);
  }
  rows.add_all(in_memory);
  return rows;
}

Result<Plan> MetricStore::plan(const Snapshot& at, const Scan& scan) const {
  OBELISK_CHECK_OK(check_scan(scan));
  Plan plan{at, scan, Expr(), false, false, {}};
  bool orders = scan.unit == Unit::row && scan.order != Order::any;
  if (scan.table == Table::metadata) {
    plan.ordered = plan.limited = true;
    return plan;
  }
  if (orders) {
    plan.pushed.limit = 0;
  } else {
    plan.limited = true;
  }
  std::vector<std::shared_ptr<const MetricPart>> parts;
  {
    MutexLock lock(mutex_);
    parts = parts_;
    auto add_head = [&](const MetricHead& head) -> Result<void> {
      if (!overlaps(scan.range, head)) return {};
      double bytes_each =
          static_cast<double>(head.memory_bytes()) / static_cast<double>(head.sample_count() + 1);
      return add_cost(*head.index(), scan, head.sample_count(),
                      share_of(scan.range, head.min_time(), head.max_time()), bytes_each, plan.cost);
    };
    for (const FrozenHead& head : frozen_) OBELISK_CHECK_OK(add_head(*head.samples));
    OBELISK_CHECK_OK(add_head(*head_));
  }
  for (const auto& part : parts) {
    if (!overlaps(scan.range, *part)) continue;
    const PartFooter& footer = part->footer();
    double bytes_each =
        static_cast<double>(part->file_bytes()) / static_cast<double>(footer.sample_count + 1);
    OBELISK_CHECK_OK(add_cost(*part, scan, footer.sample_count,
                              share_of(scan.range, footer.min_time, footer.max_time), bytes_each, plan.cost));
  }
  return plan;
}

Result<std::unique_ptr<Cursor>> MetricStore::open(uint64_t, const Scan& scan, Budget& budget,
                                                  const Cancel& cancel) const {
  OBELISK_CHECK_OK(check_scan(scan));
  OBELISK_CHECK_OK(cancel.check());
  if (scan.table == Table::metadata) {
    Result<void> status;
    MetadataRows rows = all_metadata(status);
    OBELISK_CHECK_OK(status);
    OBELISK_TRY(Batch batch, rows.to_batch(scan.range));
    std::vector<BatchPtr> batches{std::make_shared<const Batch>(std::move(batch))};
    return scan_batches(std::move(batches), scan, budget, cancel);
  }
  OBELISK_TRY(View selected, view(scan));
  return SampleCursor::open(std::move(selected.sources), scan, selected.exact, selected.newest_only, budget,
                            cancel);
}

Result<std::vector<Labels>> MetricStore::series(const Scan& scan, const Cancel& cancel) const {
  OBELISK_CHECK_OK(check_scan(scan));
  std::vector<Labels> found;
  if (scan.table == Table::metadata) {
    Result<void> status;
    MetadataRows rows = all_metadata(status);
    OBELISK_CHECK_OK(status);
    OBELISK_TRY(Batch batch, rows.to_batch(scan.range));
    return series_of_batches({std::make_shared<const Batch>(std::move(batch))}, scan);
  }
  OBELISK_TRY(View selected, view(scan));
  SeriesMerger merger(std::move(selected.sources));
  Samples samples;
  while (scan.limit == 0 || found.size() < scan.limit) {
    OBELISK_CHECK_OK(cancel.check());
    OBELISK_TRY(bool more, merger.next());
    if (!more) break;
    if (!selected.exact && decide_by_labels(scan.where, merger.labels()) == Decision::no) continue;
    Arena arena;
    OBELISK_CHECK_OK(merger.read(scan.range, false, samples, arena));
    if (samples.size() > 0) found.emplace_back(merger.labels());
  }
  return found;
}

Result<std::vector<ColumnInfo>> MetricStore::columns(const Scan& scan) const {
  OBELISK_CHECK_OK(check_scan(scan));
  if (scan.table == Table::metadata) {
    Result<void> status;
    MetadataRows rows = all_metadata(status);
    OBELISK_CHECK_OK(status);
    OBELISK_TRY(Batch batch, rows.to_batch(scan.range));
    return columns_of_batches({std::make_shared<const Batch>(std::move(batch))}, scan);
  }
  bool any = false;
  bool values = false;
  bool histograms = false;
  bool start_times = false;
  MutexLock lock(mutex_);
  auto add_head = [&](const MetricHead& head) {
    if (!overlaps(scan.range, head)) return;
    any = true;
    values |= head.has_values();
    histograms |= head.has_histograms();
    start_times |= head.has_start_times();
  };
  add_head(*head_);
  for (const FrozenHead& head : frozen_) add_head(*head.samples);
  for (const auto& part : parts_) {
    if (!overlaps(scan.range, *part)) continue;
    any = true;
    values |= (part->footer().flags & PartFooter::kHasValues) != 0;
    histograms |= (part->footer().flags & PartFooter::kHasHistograms) != 0;
    start_times |= (part->footer().flags & PartFooter::kHasStartTimes) != 0;
  }
  std::vector<ColumnInfo> infos;  // sorted by name
  if (histograms) infos.push_back({fixed_column(column::kHistogram), ColumnType::bytes});
  if (start_times) infos.push_back({fixed_column(column::kStartTime), ColumnType::int64});
  if (any) infos.push_back({fixed_column(column::kTime), ColumnType::int64});
  if (values) infos.push_back({fixed_column(column::kValue), ColumnType::float64});
  return infos;
}

Result<std::vector<ValueCount>> MetricStore::values(const Scan& scan, const ColumnId& column, uint64_t limit,
                                                    const Cancel& cancel) const {
  Budget budget;
  Scan wanted = scan;
  if (column.scope == Scope::label) {
    wanted.limit = 0;
    OBELISK_TRY(std::vector<Labels> found, series(wanted, cancel));
    return label_values_of(found, column.name, limit);
  }
  wanted.unit = Unit::row;
  wanted.order = Order::any;
  wanted.limit = 0;
  wanted.columns = {column};
  wanted.all_columns = false;
  OBELISK_TRY(std::unique_ptr<Cursor> cursor, open(0, wanted, budget, cancel));
  std::map<std::pair<std::string, ColumnType>, uint64_t> counts;
  for (;;) {
    OBELISK_TRY(BatchPtr batch, cursor->next());
    if (!batch) break;
    for (const ColumnData& data : batch->columns) {
      if (data.id != column) continue;
      for (size_t row = 0; row < batch->row_count; ++row) {
        if (!data.is_present(row)) continue;
        bool is_new = ++counts[{column_value_text(data, row), data.type}] == 1;
        if (is_new) OBELISK_CHECK_OK(budget.charge(96));
      }
    }
  }
  std::vector<ValueCount> values;
  for (const auto& [key, count] : counts) values.push_back({key.first, key.second, count});
  std::stable_sort(values.begin(), values.end(), [](auto& a, auto& b) { return a.count > b.count; });
  if (limit != 0 && values.size() > limit) values.resize(limit);
  return values;
}

}  // namespace obelisk
