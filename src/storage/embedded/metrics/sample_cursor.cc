#include "storage/embedded/metrics/sample_cursor.h"

#include <algorithm>

#include "plan/read_progress.h"

namespace obelisk {
namespace {

// The columns of a samples batch while it grows by whole series.
class SampleBatch {
 public:
  SampleBatch() : batch_(Table::samples) {}

  Arena& arena() { return batch_.arena; }
  // Rows are put here, whole series after one another, and then told by add_series.
  Samples& rows() { return rows_; }
  size_t row_count() const { return rows_.size(); }
  void reserve(size_t rows) {
    rows_.times.reserve(rows);
    rows_.values.reserve(rows);
  }
  size_t group_count() const { return batch_.groups.size(); }

  // The rows from `first_row` on are of this series. `owner` keeps the labels' texts where they are; without
  // one they are copied.
  void add_series(LabelsView labels, uint64_t hash, const std::shared_ptr<const void>& owner,
                  size_t first_row) {
    LabelRef* copies = batch_.arena.allocate_array<LabelRef>(labels.size());
    for (size_t i = 0; i < labels.size(); ++i) {
      new (copies + i)
          LabelRef(owner ? labels[i]
                         : LabelRef{batch_.arena.copy(labels[i].name), batch_.arena.copy(labels[i].value)});
    }
    auto held = std::find(batch_.owners.begin(), batch_.owners.end(), owner);
    if (owner && held == batch_.owners.end()) batch_.owners.push_back(owner);
    Group& group = batch_.groups.emplace_back();
    group.labels = LabelsView(copies, labels.size());
    group.labels_hash = hash;
    group.first_row = static_cast<uint32_t>(first_row);
    group.row_count = static_cast<uint32_t>(rows_.size() - first_row);
  }

  Batch finish(bool wants_value, bool wants_histogram, bool wants_start_time) {
    batch_.row_count = rows_.size();
    const std::vector<std::string_view>& histograms = rows_.histograms;
    size_t histogram_rows =
        static_cast<size_t>(std::count_if(histograms.begin(), histograms.end(),
                                          [](std::string_view bytes) { return bytes.data() != nullptr; }));
    if (wants_value && histogram_rows < rows_.size()) add_values(histogram_rows > 0);
    if (wants_histogram && histogram_rows > 0) add_histograms(histogram_rows < rows_.size());
    if (wants_start_time && !rows_.start_times.empty()) add_start_times();
    add_column(column::kTime, ColumnType::int64).ints = std::move(rows_.times);
    return std::move(batch_);
  }

 private:
  ColumnData& add_column(std::string_view name, ColumnType type) {
    ColumnData& data = batch_.columns.emplace_back();
    data.id = fixed_column(name);
    data.type = type;
    return data;
  }

  void add_values(bool some_absent) {
    ColumnData& data = add_column(column::kValue, ColumnType::float64);
    if (some_absent) {
      for (std::string_view histogram : rows_.histograms)
        data.present.push_back(histogram.data() == nullptr ? 1 : 0);
    }
    data.floats = std::move(rows_.values);
  }

  void add_histograms(bool some_absent) {
    ColumnData& data = add_column(column::kHistogram, ColumnType::bytes);
    if (some_absent) {
      for (std::string_view histogram : rows_.histograms)
        data.present.push_back(histogram.data() == nullptr ? 0 : 1);
    }
    data.strings = std::move(rows_.histograms);
  }

  // 0 is "unknown", which a batch says by absence.
  void add_start_times() {
    std::vector<int64_t>& starts = rows_.start_times;
    size_t unknown = static_cast<size_t>(std::count(starts.begin(), starts.end(), 0));
    if (unknown == starts.size()) return;
    ColumnData& data = add_column(column::kStartTime, ColumnType::int64);
    if (unknown > 0) {
      for (int64_t start : starts) data.present.push_back(start != 0 ? 1 : 0);
    }
    data.ints = std::move(starts);
  }

  Batch batch_;
  Samples rows_;
};

bool contains_fixed(const std::vector<ColumnId>& columns, std::string_view name) {
  return std::any_of(columns.begin(), columns.end(),
                     [&](const ColumnId& id) { return id.scope == Scope::fixed && id.name == name; });
}

}  // namespace

Result<std::unique_ptr<Cursor>> SampleCursor::open(std::vector<std::unique_ptr<SeriesSource>> sources,
                                                   const Scan& scan, bool exact, bool newest_only,
                                                   Budget& budget, const Cancel& cancel) {
  uint64_t held = 0;
  for (const std::unique_ptr<SeriesSource>& source : sources) held += source->memory_bytes();
  std::unique_ptr<SampleCursor> cursor(
      new SampleCursor(std::move(sources), scan, exact, newest_only, budget, cancel));
  cursor->source_charge_ = held;
  OBELISK_CHECK_OK(budget.charge(held));
  return std::unique_ptr<Cursor>(std::move(cursor));
}

SampleCursor::SampleCursor(std::vector<std::unique_ptr<SeriesSource>> sources, Scan scan, bool exact,
                           bool newest_only, Budget& budget, const Cancel& cancel)
    : merger_(std::move(sources), newest_only),
      scan_(std::move(scan)),
      exact_(exact),
      budget_(budget),
      cancel_(cancel) {
  if (!scan_.all_columns) {
    wants_value_ = contains_fixed(scan_.columns, column::kValue);
    wants_histogram_ = contains_fixed(scan_.columns, column::kHistogram);
    wants_start_time_ = contains_fixed(scan_.columns, column::kStartTime);
    needs_payload_ = wants_value_ || wants_histogram_ || !exact_;
  }
}

SampleCursor::~SampleCursor() {
  budget_.release(source_charge_ + batch_charge_);
}

Coverage SampleCursor::coverage() const {
  Coverage coverage;
  coverage.rows_read = rows_read_;
  coverage.bytes_read = merger_.bytes_read();
  return coverage;
}

Result<void> SampleCursor::charge(uint64_t bytes) {
  batch_charge_ += bytes;
  return budget_.charge(bytes);
}

// Of the rows from `first` on.
Result<void> SampleCursor::keep_matching_rows(Samples& rows, size_t first) {
  SampleBatch series;
  series.rows() = rows.from(first);
  series.add_series(merger_.labels(), 0, merger_.labels_owner(), 0);
  Batch batch = series.finish(true, true, true);
  std::vector<uint8_t> keep = evaluate(scan_.where, batch);
  if (std::find(keep.begin(), keep.end(), 0) == keep.end()) return {};
  std::vector<uint32_t> kept;
  for (uint32_t row = 0; row < keep.size(); ++row) {
    if (keep[row]) kept.push_back(static_cast<uint32_t>(first) + row);
  }
  rows.keep_rows(kept, first);
  return {};
}

// Appends the current series' rows; none when none is wanted.
Result<void> SampleCursor::read_series(Samples& rows, Arena& arena) {
  Decision decision = exact_ ? Decision::yes : decide_by_labels(scan_.where, merger_.labels());
  if (decision == Decision::no) return {};
  size_t first = rows.size();
  OBELISK_CHECK_OK(merger_.append(scan_.range, needs_payload_, rows, arena));
  rows_read_ += rows.size() - first;
  note_read({rows.size() - first, 0});
  if (decision == Decision::depends) OBELISK_CHECK_OK(keep_matching_rows(rows, first));
  return {};
}

Result<BatchPtr> SampleCursor::next() {
  budget_.release(batch_charge_);
  batch_charge_ = 0;
  if (finished_) return BatchPtr();
  uint64_t bytes_before = merger_.bytes_read();
  Result<BatchPtr> batch = next_batch();
  note_read({0, merger_.bytes_read() - bytes_before});
  finished_ |= !batch.ok();
  return batch;
}

Result<BatchPtr> SampleCursor::next_batch() {
  SampleBatch building;
  building.reserve(expected_rows_);
  size_t arena_bytes = 0;
  while (!finished_ && building.row_count() < kBatchRows && building.group_count() < kBatchSeries) {
    if (limit_reached()) break;
    if (series_read_++ % 64 == 0) OBELISK_CHECK_OK(cancel_.check());
    OBELISK_TRY(bool more, merger_.next());
    finished_ = !more;
    if (!more) break;
    size_t first = building.row_count();
    OBELISK_CHECK_OK(read_series(building.rows(), building.arena()));
    if (building.row_count() == first) continue;
    uint64_t count = building.row_count() - first;
    if (scan_.unit == Unit::row && scan_.limit != 0 && count > scan_.limit - taken_) {
      count = scan_.limit - taken_;
      building.rows().truncate(first + count);
    }
    taken_ += scan_.unit == Unit::row ? count : 1;
    building.add_series(merger_.labels(), merger_.labels_hash(), merger_.labels_owner(), first);
    OBELISK_CHECK_OK(charge(count * (sizeof(int64_t) + sizeof(double)) + sizeof(Group) +
                            building.arena().allocated_bytes() - arena_bytes));
    arena_bytes = building.arena().allocated_bytes();
  }
  if (building.row_count() == 0) return BatchPtr();
  // The next batch is about as long: columns that grow by doubling are copied once over. No more than a
  // little over a batch, whatever one long series made of this one.
  expected_rows_ = finished_ ? 0 : std::min(building.row_count() + building.row_count() / 16, 2 * kBatchRows);
  return std::make_shared<const Batch>(building.finish(wants_value_, wants_histogram_, wants_start_time_));
}

}  // namespace obelisk
