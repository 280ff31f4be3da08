#include "storage/embedded/events/event_aggregate.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <optional>

#include "plan/aggregate_fold.h"
#include "plan/read_progress.h"
#include "storage/embedded/events/entry_counts.h"
#include "storage/embedded/events/repeated_spans.h"
#include "storage/embedded/events/row_group_columns.h"
#include "storage/embedded/events/run_counts.h"
#include "storage/embedded/events/scan_help.h"
#include "storage/embedded/events/scan_read_ahead.h"
#include "storage/embedded/events/scan_units.h"

namespace obelisk {
namespace {

// The part of the scan's range that some step covers.
TimeRange counted_range(const Scan& scan) {
  const Aggregate& aggregate = *scan.aggregate;
  TimeRange range = scan.range;
  range.begin.value = std::max(range.begin.value, aggregate.first_time);
  int64_t length = 0, end = 0;
  bool overflows =
      __builtin_mul_overflow(aggregate.step, static_cast<int64_t>(aggregate.step_count), &length) ||
      __builtin_add_overflow(aggregate.first_time, length, &end);
  if (!overflows) range.end.value = std::min(range.end.value, end);
  return range;
}

// Fewer row groups, with fewer rows, are counted alone: that takes less than it takes a thread to wake up.
constexpr size_t kRowGroupsHelped = 16;
constexpr uint64_t kRowsHelped = 128 << 10;

// What all threads of one aggregate look at. Only the first of them touches `spans.met()`.
struct Shared {
  const Scan& scan;
  const TimeRange range;
  const Cancel& cancel;
  std::vector<ScanUnit> units = {};
  size_t row_group_count = 0;  // of the units: those of the head follow
  std::shared_ptr<const RepeatedLines> lines = nullptr;
};

// Counts rows into states of its own. One thread.
class Folder {
 public:
  Folder(const Shared& shared, RepeatedSpans& spans, ScanReadAhead& ahead, Budget& budget)
      : scan_(shared.scan),
        range_(shared.range),
        lines_(shared.lines.get()),
        budget_(budget),
        states_(*scan_.aggregate),
        charge_(budget),
        spans_(spans),
        ahead_(ahead),
        by_runs_(scan_.table == Table::logs && RunCounter::suits(*scan_.aggregate)),
        runs_(states_),
        by_entries_(EntryCounter::suits(*scan_.aggregate)),
        entries_(states_) {}

  Result<void> add(const ScanUnit& unit) {
    OBELISK_CHECK_OK(unit.context ? add_row_group(unit) : add_batch(unit));
    return charge();
  }
  Result<void> merge(const Folder& other) {
    counts_.rows += other.counts_.rows;
    counts_.bytes += other.counts_.bytes;
    OBELISK_CHECK_OK(states_.merge(other.states_));
    return charge();
  }
  // After the last row group and before batches of the head, which name their own: rows that others were
  // better than in the meantime are not read for their time and trace id.
  Result<void> name_exemplars(const Cancel& cancel) {
    UnitExemplars by_unit;
    for (const auto& [place, row] : unnamed_)
      by_unit[row.unit].push_back({place.first, place.second, row.row});
    unnamed_.clear();
    expect_names(by_unit);
    for (const auto& [unit, exemplars] : by_unit) {
      OBELISK_CHECK_OK(cancel.check());
      OBELISK_CHECK_OK(name_exemplars(*unit, exemplars));
    }
    return {};
  }
  AggregateAnswer answer() { return {std::move(states_), {true, "", counts_.rows, counts_.bytes}}; }

 private:
  const Aggregate& aggregate() const { return *scan_.aggregate; }

  // New groups are paid for when there are any; histograms grow only with them and a few exponents.
  Result<void> charge() {
    if (states_.groups().size() == charged_groups_) return {};
    charged_groups_ = states_.groups().size();
    uint64_t bytes = states_.memory_bytes();
    if (bytes <= charged_bytes_) return {};
    OBELISK_CHECK_OK(charge_.add(bytes - charged_bytes_));
    charged_bytes_ = bytes;
    return {};
  }

  // Clears rows whose line the stream has at that time already.
  static void drop_lines(const std::vector<uint32_t>* rows, size_t row_count, RowMask& mask) {
    if (rows == nullptr) return;
    if (mask.empty()) mask.assign(row_count, 1);
    for (uint32_t row : *rows) mask[row] = 0;
  }

  // The rows that count; empty: all of them.
  Result<RowMask> select(const ScanUnit& unit, RowGroupReader& reader) {
    const PartContext& context = *unit.context;
    RowMask mask;
    bool inside = range_.contains({unit.min_time}) && range_.contains({unit.max_time});
    const std::vector<GroupRun>& runs = reader.info().runs;
    bool by_labels = std::any_of(runs.begin(), runs.end(), [&](const GroupRun& run) {
      return context.decisions[run.group] == Decision::no;
    });
    bool by_values = unit.decision != Decision::yes;
    if (!inside || by_labels) {
      OBELISK_TRY(mask, reader.candidates(range_, context.decisions));
    }
    if (by_values) {
      if (mask.empty()) mask.assign(reader.info().row_count, 1);
      OBELISK_TRY(mask, reader.evaluate(context.where, mask));
    }
    return mask;
  }

  Result<void> add_row_group(const ScanUnit& unit) {
    RowGroupReader reader(unit.context->part, unit.row_group, unit.context->labels, budget_, counts_);
    reader.note_reads_in(&ahead_);
    OBELISK_TRY(RowMask mask, select(unit, reader));
    if (lines_ != nullptr) drop_lines(repeated_rows_of(*lines_, unit), reader.info().row_count, mask);
    if (!mask.empty() && !any_row(mask)) return {};
    if (aggregate().needs_value()) {
      bool length = aggregate().value_length;
      OBELISK_CHECK_OK(read_value_column(reader, aggregate().value, length, mask, values_));
    }
    if (aggregate().distinct_spans) OBELISK_CHECK_OK(spans_.drop(unit, reader, mask));
    if (!mask.empty() && !any_row(mask)) return {};
    if (by_runs_) {
      OBELISK_TRY(bool counted, runs_.add(reader, mask, unit.min_time, unit.max_time));
      if (counted) return {};
    }
    size_t step = aggregate().step_of(unit.min_time);
    bool one_step = step != aggregate().step_count && step == aggregate().step_of(unit.max_time);
    if (by_entries_ && one_step && mask.empty()) {
      OBELISK_TRY(bool counted, entries_.add(reader, step));
      if (counted) return {};
    }
    AggregateRows rows;
    rows.row_count = reader.info().row_count;
    rows.mask = mask.empty() ? nullptr : mask.data();
    if (aggregate().needs_value()) rows.values = values_.data();
    if (one_step) rows.step = step;
    if (!rows.step || aggregate().times) {
      OBELISK_TRY(const std::vector<int64_t>* times, reader.times());
      rows.times = times->data();
    }
    for (const std::vector<ColumnId>& part : aggregate().by) {
      OBELISK_TRY(AggregateRows::KeyColumn key, read_key_column(reader, part, mask));
      rows.keys.push_back(std::move(key));
    }
    if (aggregate().by_all_labels) rows.keys.push_back(read_labels_key(reader));
    if (aggregate().by_pattern) {
      OBELISK_TRY(AggregateRows::KeyColumn key, read_pattern_key(reader, *aggregate().by_pattern, mask));
      rows.keys.push_back(std::move(key));
    }
    exemplars_.clear();
    OBELISK_CHECK_OK(fold_rows(rows, states_, exemplars_));
    for (const ExemplarRow& exemplar : exemplars_)
      unnamed_[{exemplar.group, exemplar.slot}] = {&unit, exemplar.row};
    return {};
  }

  using UnitExemplars = std::map<const ScanUnit*, std::vector<ExemplarRow>>;

  static void expect_names(const UnitExemplars& exemplars) {
    for (const auto& [unit, rows] : exemplars) {
      const EventPart& part = *unit->context->part;
      std::vector<size_t> wanted;
      const std::vector<ChunkInfo>& chunks = part.directory().row_groups[unit->row_group].chunks;
      for (size_t i = 0; i < chunks.size(); ++i) {
        const ColumnId& id = part.directory().columns[chunks[i].column].id;
        if (id == fixed_column(column::kTime) || id == fixed_column(column::kTraceId)) wanted.push_back(i);
      }
      part.expect_chunks(unit->row_group, wanted);
    }
  }

  Result<void> name_exemplars(const ScanUnit& unit, const std::vector<ExemplarRow>& exemplars) {
    RowGroupReader reader(unit.context->part, unit.row_group, unit.context->labels, budget_, counts_);
    OBELISK_TRY(const std::vector<int64_t>* times, reader.times());
    OBELISK_TRY(std::vector<TraceRun> traces, reader.trace_runs());
    for (const ExemplarRow& exemplar : exemplars)
      name_exemplar(exemplar, (*times)[exemplar.row], trace_of(traces, exemplar.row), states_);
    return {};
  }

  // Zero when the row has none.
  static TraceId trace_of(const std::vector<TraceRun>& traces, uint32_t row) {
    auto next = std::upper_bound(traces.begin(), traces.end(), row,
                                 [](uint32_t wanted, const TraceRun& run) { return wanted < run.first_row; });
    return next == traces.begin() ? TraceId{} : std::prev(next)->id;
  }

  Result<void> add_batch(const ScanUnit& unit) {
    std::vector<ColumnId> wanted = {fixed_column(column::kTraceId), fixed_column(column::kSpanId)};
    scan_.where.collect_columns(wanted);
    aggregate().collect_columns(wanted);
    counts_.rows += unit.head->row_count();
    note_read({unit.head->row_count(), 0});
    BatchPtr columns = head_rows_of(unit, &wanted, lines_ != nullptr ? lines_->of(*unit.head) : nullptr);
    if (columns == nullptr) return {};
    const Batch& batch = *columns;
    std::vector<uint8_t> mask = evaluate(scan_.where, batch);
    const std::vector<int64_t>& times = batch.times();
    for (size_t row = 0; row < mask.size(); ++row) mask[row] &= range_.contains({times[row]}) ? 1 : 0;
    return BatchAggregator(states_, &spans_.met()).add(batch, mask);
  }

  const Scan& scan_;
  const TimeRange range_;
  const RepeatedLines* lines_;
  Budget& budget_;
  AggregateStates states_;
  BudgetCharge charge_;
  RepeatedSpans& spans_;
  ScanReadAhead& ahead_;
  ReadCounts counts_;
  size_t charged_groups_ = 0;
  uint64_t charged_bytes_ = 0;
  std::vector<double> values_;
  std::vector<ExemplarRow> exemplars_;
  // Exemplars of row groups by group and slot, of which states_ has as many: their time and trace id are not
  // known yet.
  struct UnitRow {
    const ScanUnit* unit = nullptr;
    uint32_t row = 0;
  };
  std::map<std::pair<uint32_t, uint32_t>, UnitRow> unnamed_;
  const bool by_runs_;
  RunCounter runs_;
  const bool by_entries_;
  EntryCounter entries_;
};

// Row groups are taken by whoever is free, the caller's thread or a helper.
class Executor {
 public:
  Executor(const Shared& shared, RepeatedSpans& spans, Budget& budget)
      : shared_(shared),
        spans_(spans),
        ahead_(shared.units),
        own_(shared, spans, ahead_, budget),
        helped_(shared, spans, ahead_, budget) {}

  Result<AggregateAnswer> run() {
    Result<void> help_result;
    {
      std::optional<ScanHelp> help;
      if (may_be_helped()) help.emplace([&] { help_result = work(helped_, false); });
      OBELISK_CHECK_OK(work(own_, true));
    }
    OBELISK_CHECK_OK(help_result);
    for (size_t unit : left_) OBELISK_CHECK_OK(add(unit, own_));
    OBELISK_CHECK_OK(own_.name_exemplars(shared_.cancel));
    OBELISK_CHECK_OK(helped_.name_exemplars(shared_.cancel));
    for (size_t unit = shared_.row_group_count; unit < shared_.units.size(); ++unit)
      OBELISK_CHECK_OK(add(unit, own_));
    OBELISK_CHECK_OK(own_.merge(helped_));
    return own_.answer();
  }

 private:
  // Sums depend on the order of their numbers, and which keys are excess on that of the keys.
  bool may_be_helped() const {
    const Aggregate& aggregate = *shared_.scan.aggregate;
    if (aggregate.sum || aggregate.fold_excess) return false;
    uint64_t rows = 0;
    for (size_t unit = 0; unit < shared_.row_group_count && rows < kRowsHelped; ++unit)
      rows += shared_.units[unit].row_count();
    return rows >= kRowsHelped || shared_.row_group_count >= kRowGroupsHelped;
  }

  Result<void> add(size_t unit, Folder& folder) {
    OBELISK_CHECK_OK(shared_.cancel.check());
    ahead_.enter(unit);
    return folder.add(shared_.units[unit]);
  }

  // `may_repeat`: whether spans that others repeat can be told; units with such are else left.
  Result<void> work(Folder& folder, bool may_repeat) {
    for (;;) {
      size_t unit = next_.fetch_add(1);
      if (unit >= shared_.row_group_count) return {};
      bool leave =
          !may_repeat && shared_.scan.aggregate->distinct_spans && spans_.may_repeat(shared_.units[unit]);
      if (leave) {
        left_.push_back(unit);
        continue;
      }
      Result<void> added = add(unit, folder);
      if (added.ok()) continue;
      next_ = shared_.row_group_count;  // nobody goes on
      return added;
    }
  }

  const Shared& shared_;
  RepeatedSpans& spans_;
  ScanReadAhead ahead_;
  Folder own_;
  Folder helped_;
  std::atomic<size_t> next_ = 0;
  std::vector<size_t> left_;  // by the helper
};

}  // namespace

Result<AggregateAnswer> aggregate_events(const EventView& view, const Scan& scan, Budget& budget,
                                         const Cancel& cancel) {
  Shared shared{scan, counted_range(scan), cancel};
  if (shared.range.begin >= shared.range.end) return AggregateAnswer{AggregateStates(*scan.aggregate), {}};
  const EventTableView& table = view.of(scan.table);
  OBELISK_TRY(shared.units, list_scan_units(table, shared.range, scan.where, cancel));
  for (const ScanUnit& unit : shared.units) shared.row_group_count += unit.context ? 1 : 0;
  RepeatedSpans spans(table, budget);
  if (scan.aggregate->distinct_spans) OBELISK_CHECK_OK(spans.find(shared.units, parts_of(shared.units)));
  if (scan.table == Table::logs) {
    OBELISK_TRY(shared.lines, repeated_lines_of(table, shared.units, budget, cancel));
  }
  return Executor(shared, spans, budget).run();
}

}  // namespace obelisk
