#include "storage/embedded/events/trace_cursor.h"

#include <algorithm>

#include "plan/read_progress.h"
#include "storage/embedded/events/column_union.h"
#include "storage/embedded/events/scan_read_ahead.h"
#include "storage/embedded/events/trace_candidates.h"
#include "storage/embedded/events/unit_pipeline.h"

namespace obelisk {
namespace {

// A batch aims at this many rows; the number of traces asked for at once follows from what the last ones had.
constexpr size_t kBatchRows = 64 << 10;
constexpr size_t kFirstTraces = 512;
// Where the latest come first a caller may soon have enough.
constexpr size_t kFirstTracesByTime = 32;
// Fewer row groups are read alone: that takes less than it takes a thread to wake up.
constexpr size_t kUnitsHelped = 8;

const std::vector<TraceId>* trace_ids_of(const Batch& batch) {
  const ColumnData* data = batch.find(fixed_column(column::kTraceId), ColumnType::trace_id);
  return data == nullptr ? nullptr : &data->trace_ids;
}

class TraceCursor : public Cursor {
 public:
  TraceCursor(EventViewPtr view, const Scan& scan, Budget& budget, const Cancel& cancel)
      : view_(std::move(view)),
        scan_(scan),
        budget_(budget),
        cancel_(cancel),
        candidates_(view_->of(scan_.table), scan_, budget, cancel, counts_),
        held_(budget) {
    if (scan_.order == Order::time_descending) traces_at_once_ = kFirstTracesByTime;
    wanted_ = scan_.columns;
    wanted_.push_back(fixed_column(column::kTraceId));
    wanted_.push_back(fixed_column(column::kSpanId));
    read_columns_ = wanted_;
    for (const Expr& mark : scan_.marks) mark.collect_columns(read_columns_);
  }

  Result<BatchPtr> next() override {
    held_.release();
    OBELISK_CHECK_OK(cancel_.check());
    uint64_t left =
        scan_.limit == 0 ? traces_at_once_ : std::min<uint64_t>(traces_at_once_, scan_.limit - returned_);
    if (left == 0) return BatchPtr();
    OBELISK_TRY(std::vector<TraceId> wanted, candidates_.next(left));
    if (wanted.empty()) return BatchPtr();
    size_t count = wanted.size();
    returned_ += count;
    OBELISK_TRY(BatchPtr batch, read_traces(wanted));
    size_t rows_per_trace = std::max<size_t>(batch->row_count / count, 1);
    size_t fitting = std::max<size_t>(kBatchRows / rows_per_trace, 1);
    traces_at_once_ =
        scan_.order == Order::time_descending ? std::min(fitting, traces_at_once_ * 4) : fitting;
    return batch;
  }

  Coverage coverage() const override { return {true, "", counts_.rows, counts_.bytes}; }
  std::optional<int64_t> latest_begin_left() const override { return candidates_.latest_begin_left(); }

 private:
  struct UnitRows {
    Result<BatchPtr> batch = BatchPtr();  // null: none
    ReadCounts counts;
  };

  // All rows of the traces `ids` (sorted), as one batch.
  Result<BatchPtr> read_traces(const std::vector<TraceId>& ids) {
    OBELISK_TRY(std::vector<ScanUnit> units, list_trace_units(view_->of(scan_.table), ids, cancel_));
    ScanReadAhead ahead(units);
    UnitPipeline<UnitRows> pipeline(units.size(), [&](size_t unit) {
      ahead.enter(unit);
      UnitRows rows;
      rows.batch = read_rows_of_traces(units[unit], ids, ahead, rows.counts);
      return rows;
    });
    std::optional<UnitPipeline<UnitRows>::Helped> help;
    if (units.size() >= kUnitsHelped) help.emplace(pipeline);
    std::vector<BatchPtr> batches;
    BudgetCharge pieces(budget_);
    while (!pipeline.done()) {
      OBELISK_CHECK_OK(cancel_.check());
      UnitRows rows = pipeline.take();
      counts_.rows += rows.counts.rows;
      counts_.bytes += rows.counts.bytes;
      OBELISK_TRY(BatchPtr batch, std::move(rows.batch));
      if (!batch) continue;
      OBELISK_CHECK_OK(pieces.add(batch->memory_bytes()));
      batches.push_back(std::move(batch));
    }
    help.reset();
    OBELISK_TRY(Batch batch, assemble(batches));
    OBELISK_CHECK_OK(held_.add(batch.memory_bytes()));
    return std::make_shared<const Batch>(std::move(batch));
  }

  Result<BatchPtr> read_rows_of_traces(const ScanUnit& unit, const std::vector<TraceId>& ids,
                                       ScanReadAhead& ahead, ReadCounts& counts) const {
    auto is_wanted = [&](const TraceId& id) { return std::binary_search(ids.begin(), ids.end(), id); };
    const std::vector<ColumnId>* columns = scan_.all_columns ? nullptr : &read_columns_;
    if (unit.context) {
      RowGroupReader reader(unit.context->part, unit.row_group, unit.context->labels, budget_, counts);
      reader.note_reads_in(&ahead);
      OBELISK_CHECK_OK(reader.fetch(columns));
      OBELISK_TRY(std::vector<TraceRun> runs, reader.trace_runs());
      std::vector<uint32_t> rows;
      for (const TraceRun& run : runs) {
        if (!is_wanted(run.id)) continue;
        for (uint32_t i = 0; i < run.row_count; ++i) rows.push_back(run.first_row + i);
      }
      if (unit.context->visible && !rows.empty()) {
        RowMask mask(reader.info().row_count, 0);
        for (uint32_t row : rows) mask[row] = 1;
        OBELISK_TRY(mask, reader.evaluate(*unit.context->visible, mask));
        rows = rows_of(mask);
      }
      if (rows.empty()) return BatchPtr();
      reader.narrow({rows.front(), rows.back() + size_t{1}});
      OBELISK_TRY(Batch batch, reader.materialise(rows, columns));
      return std::make_shared<const Batch>(std::move(batch));
    }
    counts.rows += unit.head->row_count();
    note_read({unit.head->row_count(), 0});
    const std::vector<ColumnId> only_ids = {fixed_column(column::kTraceId)};
    BatchPtr with_ids = unit.head->batch(&only_ids);
    const std::vector<TraceId>* of_rows = trace_ids_of(*with_ids);
    if (of_rows == nullptr) return BatchPtr();
    std::vector<RowRef> refs;
    bool wanted = false;
    for (uint32_t row = 0; row < of_rows->size(); ++row) {
      if (row == 0 || (*of_rows)[row] != (*of_rows)[row - 1]) wanted = is_wanted((*of_rows)[row]);
      if (wanted) refs.push_back({0, row});
    }
    if (refs.empty()) return BatchPtr();
    BatchPtr batch = unit.head->batch(columns);
    if (refs.size() == batch->row_count) return batch;
    return std::make_shared<const Batch>(gather_columns(scan_.table, {batch}, refs, columns, false));
  }

  struct TraceRow {
    TraceId id;
    int64_t time = 0;
    uint64_t span_id = 0;
    RowRef ref;
  };

  // Rows sorted by trace, time and span id, one group a trace, with the mark columns. A trace may have a
  // million rows: what is needed for sorting is gone before the columns are gathered.
  Result<Batch> assemble(const std::vector<BatchPtr>& batches) {
    std::vector<std::vector<RowMask>> marks;
    for (const BatchPtr& batch : batches) {
      marks.emplace_back();
      for (const Expr& mark : scan_.marks) marks.back().push_back(evaluate(mark, *batch));
    }
    std::vector<Group> groups;
    OBELISK_TRY(std::vector<RowRef> refs, ordered_rows(batches, groups));
    Batch out = gather_columns(scan_.table, batches, refs, scan_.all_columns ? nullptr : &wanted_, false);
    out.groups = std::move(groups);
    for (size_t mark = 0; mark < scan_.marks.size(); ++mark) {
      ColumnData data;
      data.id = fixed_column(mark_column_name(mark));
      data.type = ColumnType::boolean;
      data.ints.reserve(refs.size());
      for (const RowRef& ref : refs) data.ints.push_back(marks[ref.batch][mark][ref.row]);
      out.columns.push_back(std::move(data));
    }
    return out;
  }

  Result<std::vector<RowRef>> ordered_rows(const std::vector<BatchPtr>& batches, std::vector<Group>& groups) {
    size_t row_count = 0;
    for (const BatchPtr& batch : batches) row_count += batch->row_count;
    BudgetCharge charge(budget_);
    OBELISK_CHECK_OK(charge.add(row_count * (sizeof(TraceRow) + sizeof(RowRef))));
    std::vector<TraceRow> rows;
    rows.reserve(row_count);
    for (uint32_t index = 0; index < batches.size(); ++index) {
      const Batch& batch = *batches[index];
      const std::vector<TraceId>& ids = *trace_ids_of(batch);
      const ColumnData* spans = batch.find(fixed_column(column::kSpanId), ColumnType::int64);
      for (uint32_t row = 0; row < batch.row_count; ++row) {
        rows.push_back({ids[row],
                        batch.times()[row],
                        spans == nullptr ? 0 : static_cast<uint64_t>(spans->ints[row]),
                        {index, row}});
      }
    }
    // Stable, without the memory that std::stable_sort takes.
    std::sort(rows.begin(), rows.end(), [](const TraceRow& a, const TraceRow& b) {
      if (a.id != b.id) return a.id < b.id;
      if (a.time != b.time) return a.time < b.time;
      if (a.span_id != b.span_id) return a.span_id < b.span_id;
      return a.ref.batch != b.ref.batch ? a.ref.batch < b.ref.batch : a.ref.row < b.ref.row;
    });
    std::vector<RowRef> refs;
    refs.reserve(row_count);
    for (uint32_t i = 0; i < rows.size(); ++i) {
      refs.push_back(rows[i].ref);
      if (i == 0 || rows[i].id != rows[i - 1].id) groups.push_back({{}, hash_labels({}), i, 0});
      ++groups.back().row_count;
    }
    return refs;
  }

  const EventViewPtr view_;
  const Scan scan_;
  Budget& budget_;
  const Cancel& cancel_;
  ReadCounts counts_;
  TraceCandidates candidates_;
  BudgetCharge held_;
  std::vector<ColumnId> wanted_;
  std::vector<ColumnId> read_columns_;  // and what the marks look at
  uint64_t returned_ = 0;
  size_t traces_at_once_ = kFirstTraces;
};

}  // namespace

Result<std::unique_ptr<Cursor>> make_trace_cursor(EventViewPtr view, const Scan& scan, Budget& budget,
                                                  const Cancel& cancel) {
  if (!scan.where.is_always())
    return make_error(ErrorCode::invalid_argument, "a scan by trace takes marks, not a where");
  if (scan.require_marks.size() > 64 || scan.require_relations.size() > 64)
    return make_error(ErrorCode::invalid_argument, "more than 64 required marks or relations");
  for (const TraceRelation& relation : scan.require_relations) {
    if (relation.left >= scan.marks.size() || relation.right >= scan.marks.size())
      return make_error(ErrorCode::invalid_argument, "a relation of marks that are not there");
  }
  for (uint32_t index : scan.require_marks) {
    if (index >= scan.marks.size())
      return make_error(ErrorCode::invalid_argument, "a required mark that is not among the marks");
  }
  return std::unique_ptr<Cursor>(std::make_unique<TraceCursor>(std::move(view), scan, budget, cancel));
}

}  // namespace obelisk
