#include "storage/embedded/events/event_aggregate.h"

#include <algorithm>

#include "plan/aggregate_fold.h"
#include "plan/read_progress.h"
#include "storage/embedded/events/entry_counts.h"
#include "storage/embedded/events/repeated_spans.h"
#include "storage/embedded/events/row_group_columns.h"
#include "storage/embedded/events/run_counts.h"
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

class Executor {
 public:
  Executor(const EventView& view, const Scan& scan, Budget& budget, const Cancel& cancel)
      : table_(view.of(scan.table)),
        scan_(scan),
        range_(counted_range(scan)),
        budget_(budget),
        cancel_(cancel),
        states_(*scan.aggregate),
        charge_(budget),
        spans_(table_, budget),
        by_runs_(scan.table == Table::logs && RunCounter::suits(*scan.aggregate)),
        runs_(states_),
        by_entries_(EntryCounter::suits(*scan.aggregate)),
        entries_(states_) {}

  Result<AggregateAnswer> run() {
    OBELISK_TRY(std::vector<ScanUnit> units, list_scan_units(table_, range_, scan_.where, cancel_));
    if (aggregate().distinct_spans) OBELISK_CHECK_OK(spans_.find(units, parts_of(units)));
    if (scan_.table == Table::logs) {
      OBELISK_TRY(lines_, repeated_lines_of(table_, units, budget_, cancel_));
    }
    for (const ScanUnit& unit : units) {
      OBELISK_CHECK_OK(cancel_.check());
      OBELISK_CHECK_OK(unit.context ? add_row_group(unit) : add_batch(unit));
      OBELISK_CHECK_OK(charge());
    }
    return AggregateAnswer{std::move(states_), {true, "", counts_.rows, counts_.bytes}};
  }

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
    return name_exemplars(reader);
  }

  Result<void> name_exemplars(RowGroupReader& reader) {
    if (exemplars_.empty()) return {};
    OBELISK_TRY(const std::vector<int64_t>* times, reader.times());
    OBELISK_TRY(const std::vector<TraceId>* traces, reader.trace_ids());
    for (const ExemplarRow& exemplar : exemplars_) {
      TraceId id = traces == nullptr ? TraceId{} : (*traces)[exemplar.row];
      name_exemplar(exemplar, (*times)[exemplar.row], id, states_);
    }
    return {};
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

  const EventTableView& table_;
  const Scan& scan_;
  const TimeRange range_;
  Budget& budget_;
  const Cancel& cancel_;
  AggregateStates states_;
  BudgetCharge charge_;
  RepeatedSpans spans_;
  ReadCounts counts_;
  size_t charged_groups_ = 0;
  uint64_t charged_bytes_ = 0;
  std::shared_ptr<const RepeatedLines> lines_;
  std::vector<double> values_;
  std::vector<ExemplarRow> exemplars_;
  const bool by_runs_;
  RunCounter runs_;
  const bool by_entries_;
  EntryCounter entries_;
};

}  // namespace

Result<AggregateAnswer> aggregate_events(const EventView& view, const Scan& scan, Budget& budget,
                                         const Cancel& cancel) {
  if (counted_range(scan).begin >= counted_range(scan).end)
    return AggregateAnswer{AggregateStates(*scan.aggregate), {}};
  return Executor(view, scan, budget, cancel).run();
}

}  // namespace obelisk
