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
  size_t row_count() const { return times_.size(); }
  size_t group_count() const { return batch_.groups.size(); }

  // `owner` keeps the labels' texts where they are; without one they are copied.
  void add_series(LabelsView labels, uint64_t hash, const std::shared_ptr<const void>& owner,
                  const Samples& samples) {
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
    group.first_row = static_cast<uint32_t>(times_.size());
    group.row_count = static_cast<uint32_t>(samples.size());
    append_optional(samples.histograms, histograms_, samples.size());
    append_optional(samples.start_times, start_times_, samples.size());
    times_.insert(times_.end(), samples.times.begin(), samples.times.end());
    values_.insert(values_.end(), samples.values.begin(), samples.values.end());
  }

  Batch finish(bool wants_value, bool wants_histogram, bool wants_start_time) {
    batch_.row_count = times_.size();
    histograms_.resize(histograms_.empty() ? 0 : times_.size());
    start_times_.resize(start_times_.empty() ? 0 : times_.size());
    size_t histogram_rows =
        static_cast<size_t>(std::count_if(histograms_.begin(), histograms_.end(),
                                          [](std::string_view bytes) { return bytes.data() != nullptr; }));
    if (wants_value && histogram_rows < times_.size()) add_values(histogram_rows > 0);
    if (wants_histogram && histogram_rows > 0) add_histograms(histogram_rows < times_.size());
    if (wants_start_time && !start_times_.empty()) add_start_times();
    add_column(column::kTime, ColumnType::int64).ints = std::move(times_);
    return std::move(batch_);
  }

 private:
  template <typename T>
  void append_optional(const std::vector<T>& from, std::vector<T>& to, size_t rows) {
    if (from.empty() && to.empty()) return;
    to.resize(times_.size());
    to.insert(to.end(), from.begin(), from.end());
    to.resize(times_.size() + rows);
  }

  ColumnData& add_column(std::string_view name, ColumnType type) {
    ColumnData& data = batch_.columns.emplace_back();
    data.id = fixed_column(name);
    data.type = type;
    return data;
  }

  void add_values(bool some_absent) {
    ColumnData& data = add_column(column::kValue, ColumnType::float64);
    if (some_absent) {
      for (std::string_view histogram : histograms_)
        data.present.push_back(histogram.data() == nullptr ? 1 : 0);
    }
    data.floats = std::move(values_);
  }

  void add_histograms(bool some_absent) {
    ColumnData& data = add_column(column::kHistogram, ColumnType::bytes);
    if (some_absent) {
      for (std::string_view histogram : histograms_)
        data.present.push_back(histogram.data() == nullptr ? 0 : 1);
    }
    data.strings = std::move(histograms_);
  }

  // 0 is "unknown", which a batch says by absence.
  void add_start_times() {
    size_t unknown = static_cast<size_t>(std::count(start_times_.begin(), start_times_.end(), 0));
    if (unknown == start_times_.size()) return;
    ColumnData& data = add_column(column::kStartTime, ColumnType::int64);
    if (unknown > 0) {
      for (int64_t start : start_times_) data.present.push_back(start != 0 ? 1 : 0);
    }
    data.ints = std::move(start_times_);
  }

  Batch batch_;
  std::vector<int64_t> times_;
  std::vector<double> values_;
  std::vector<int64_t> start_times_;
  std::vector<std::string_view> histograms_;
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

Result<void> SampleCursor::keep_matching_rows() {
  SampleBatch rows;
  rows.add_series(merger_.labels(), 0, merger_.labels_owner(), samples_);
  Batch batch = rows.finish(true, true, true);
  std::vector<uint8_t> keep = evaluate(scan_.where, batch);
  std::vector<uint32_t> kept;
  for (uint32_t row = 0; row < keep.size(); ++row) {
    if (keep[row]) kept.push_back(row);
  }
  if (kept.size() < keep.size()) samples_.keep_rows(kept);
  return {};
}

Result<bool> SampleCursor::read_series(Arena& arena) {
  Decision decision = exact_ ? Decision::yes : decide_by_labels(scan_.where, merger_.labels());
  if (decision == Decision::no) return false;
  OBELISK_CHECK_OK(merger_.read(scan_.range, needs_payload_, samples_, arena));
  rows_read_ += samples_.size();
  note_read({samples_.size(), 0});
  if (decision == Decision::depends) OBELISK_CHECK_OK(keep_matching_rows());
  return samples_.size() > 0;
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
  size_t arena_bytes = 0;
  while (!finished_ && building.row_count() < kBatchRows && building.group_count() < kBatchSeries) {
    if (limit_reached()) break;
    if (series_read_++ % 64 == 0) OBELISK_CHECK_OK(cancel_.check());
    OBELISK_TRY(bool more, merger_.next());
    finished_ = !more;
    if (!more) break;
    OBELISK_TRY(bool wanted, read_series(building.arena()));
    if (!wanted) continue;
    if (scan_.unit == Unit::row && scan_.limit != 0 && samples_.size() > scan_.limit - taken_) {
      std::vector<uint32_t> first;
      for (uint32_t row = 0; row < scan_.limit - taken_; ++row) first.push_back(row);
      samples_.keep_rows(first);
    }
    taken_ += scan_.unit == Unit::row ? samples_.size() : 1;
    building.add_series(merger_.labels(), merger_.labels_hash(), merger_.labels_owner(), samples_);
    OBELISK_CHECK_OK(charge(samples_.size() * (sizeof(int64_t) + sizeof(double)) + sizeof(Group) +
                            building.arena().allocated_bytes() - arena_bytes));
    arena_bytes = building.arena().allocated_bytes();
  }
  if (building.row_count() == 0) return BatchPtr();
  return std::make_shared<const Batch>(building.finish(wants_value_, wants_histogram_, wants_start_time_));
}

}  // namespace obelisk
