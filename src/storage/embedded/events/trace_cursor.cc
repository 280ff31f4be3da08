#include "storage/embedded/events/trace_cursor.h"

#include <algorithm>
#include <unordered_map>

#include "plan/read_progress.h"
#include "storage/embedded/events/chunk_pruning.h"
#include "storage/embedded/events/column_union.h"
#include "storage/embedded/events/scan_units.h"

namespace obelisk {
namespace {

// A batch aims at this many rows; the number of traces asked for at once follows from what the last ones had.
constexpr size_t kBatchRows = 64 << 10;
constexpr size_t kFirstTraces = 512;
// What one entry of the map of candidate traces costs in memory, roughly.
constexpr uint64_t kCandidateBytes = 64;

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
        ids_charge_(budget),
        held_(budget) {
    all_marks_ =
        scan_.require_marks.size() == 64 ? ~uint64_t{0} : (uint64_t{1} << scan_.require_marks.size()) - 1;
    wanted_ = scan_.columns;
    wanted_.push_back(fixed_column(column::kTraceId));
    wanted_.push_back(fixed_column(column::kSpanId));
    read_columns_ = wanted_;
    for (const Expr& mark : scan_.marks) mark.collect_columns(read_columns_);
  }

  Result<BatchPtr> next() override {
    if (!found_ids_) {
      OBELISK_CHECK_OK(find_ids());
      found_ids_ = true;
    }
    held_.release();
    if (at_ == ids_.size()) return BatchPtr();
    OBELISK_CHECK_OK(cancel_.check());
    size_t count = std::min(traces_at_once_, ids_.size() - at_);
    std::vector<TraceId> wanted(ids_.begin() + static_cast<ptrdiff_t>(at_),
                                ids_.begin() + static_cast<ptrdiff_t>(at_ + count));
    at_ += count;
    OBELISK_TRY(BatchPtr batch, read_traces(wanted));
    size_t rows_per_trace = std::max<size_t>(batch->row_count / count, 1);
    traces_at_once_ = std::max<size_t>(kBatchRows / rows_per_trace, 1);
    return batch;
  }

  Coverage coverage() const override { return {true, "", counts_.rows, counts_.bytes}; }

 private:
  using Candidates = std::unordered_map<TraceId, uint64_t>;  // the required marks seen

  Result<void> find_ids() {
    Candidates candidates;
    std::vector<Expr> required;
    for (uint32_t index : scan_.require_marks) required.push_back(scan_.marks[index]);
    // A row that has none of the required marks says nothing, so the scan is for any of them.
    Expr any = required.empty() ? Expr() : Expr::any_of(required);
    OBELISK_TRY(std::vector<ScanUnit> units,
                list_scan_units(view_->of(scan_.table), scan_.range, any, cancel_));
    for (const ScanUnit& unit : units) {
      OBELISK_CHECK_OK(cancel_.check());
      size_t before = candidates.size();
      OBELISK_CHECK_OK(unit.context ? mark_row_group(unit, required, candidates)
                                    : mark_batch(*unit.batch, required, candidates));
      OBELISK_CHECK_OK(ids_charge_.add((candidates.size() - before) * kCandidateBytes));
    }
    for (const auto& [id, marks] : candidates) {
      if (marks == all_marks_ && !id.is_none()) ids_.push_back(id);
    }
    std::sort(ids_.begin(), ids_.end());
    if (scan_.limit != 0 && ids_.size() > scan_.limit) ids_.resize(scan_.limit);
    ids_charge_.release();
    return ids_charge_.add(ids_.size() * sizeof(TraceId));
  }

  Result<void> mark_row_group(const ScanUnit& unit, const std::vector<Expr>& required,
                              Candidates& candidates) {
    const PartContext& context = *unit.context;
    RowGroupReader reader(context.part, unit.row_group, context.labels, budget_, counts_);
    OBELISK_TRY(RowMask inside, reader.candidates(scan_.range, context.decisions));
    if (!any_row(inside)) return {};
    OBELISK_TRY(const std::vector<TraceId>* ids, reader.trace_ids());
    if (ids == nullptr) return {};
    if (required.empty()) add_rows(*ids, inside, 0, candidates);
    for (size_t i = 0; i < required.size(); ++i) {
      Decision decision = decide_by_stats(required[i], context.part->directory(), reader.info());
      if (decision == Decision::no) continue;
      OBELISK_TRY(RowMask marked, reader.evaluate(required[i], inside));
      add_rows(*ids, marked, uint64_t{1} << i, candidates);
    }
    return {};
  }

  Result<void> mark_batch(const Batch& batch, const std::vector<Expr>& required, Candidates& candidates) {
    const std::vector<TraceId>* ids = trace_ids_of(batch);
    if (ids == nullptr) return {};
    counts_.rows += batch.row_count;
    note_read({batch.row_count, 0});
    RowMask inside(batch.row_count);
    for (size_t row = 0; row < inside.size(); ++row)
      inside[row] = scan_.range.contains({batch.times()[row]}) ? 1 : 0;
    if (required.empty()) add_rows(*ids, inside, 0, candidates);
    for (size_t i = 0; i < required.size(); ++i) {
      RowMask marked = evaluate(required[i], batch);
      for (size_t row = 0; row < marked.size(); ++row) marked[row] &= inside[row];
      add_rows(*ids, marked, uint64_t{1} << i, candidates);
    }
    return {};
  }

  static void add_rows(const std::vector<TraceId>& ids, const RowMask& mask, uint64_t bit,
                       Candidates& candidates) {
    const TraceId* last = nullptr;  // rows of a trace mostly follow each other
    for (size_t row = 0; row < mask.size(); ++row) {
      if (mask[row] == 0 || (last != nullptr && *last == ids[row])) continue;
      last = &ids[row];
      candidates[ids[row]] |= bit;
    }
  }

  // All rows of the traces `ids` (sorted), as one batch.
  Result<BatchPtr> read_traces(const std::vector<TraceId>& ids) {
    OBELISK_TRY(std::vector<ScanUnit> units, list_trace_units(view_->of(scan_.table), ids, cancel_));
    std::vector<BatchPtr> batches;
    for (const ScanUnit& unit : units) {
      OBELISK_CHECK_OK(cancel_.check());
      OBELISK_TRY(BatchPtr batch, read_rows_of_traces(unit, ids));
      if (!batch) continue;
      OBELISK_CHECK_OK(held_.add(batch->memory_bytes()));
      batches.push_back(std::move(batch));
    }
    OBELISK_TRY(Batch batch, assemble(batches));
    return std::make_shared<const Batch>(std::move(batch));
  }

  Result<BatchPtr> read_rows_of_traces(const ScanUnit& unit, const std::vector<TraceId>& ids) {
    auto rows_with_ids = [&](const std::vector<TraceId>& of_rows) {
      std::vector<uint32_t> rows;
      bool wanted = false;
      for (uint32_t row = 0; row < of_rows.size(); ++row) {
        if (row == 0 || of_rows[row] != of_rows[row - 1])
          wanted = std::binary_search(ids.begin(), ids.end(), of_rows[row]);
        if (wanted) rows.push_back(row);
      }
      return rows;
    };
    const std::vector<ColumnId>* columns = scan_.all_columns ? nullptr : &read_columns_;
    if (unit.context) {
      RowGroupReader reader(unit.context->part, unit.row_group, unit.context->labels, budget_, counts_);
      OBELISK_CHECK_OK(reader.load(columns));
      OBELISK_TRY(const std::vector<TraceId>* of_rows, reader.trace_ids());
      std::vector<uint32_t> rows = of_rows == nullptr ? std::vector<uint32_t>() : rows_with_ids(*of_rows);
      if (rows.empty()) return BatchPtr();
      OBELISK_TRY(Batch batch, reader.materialise(rows, columns));
      return std::make_shared<const Batch>(std::move(batch));
    }
    const std::vector<TraceId>* of_rows = trace_ids_of(*unit.batch);
    if (of_rows == nullptr) return BatchPtr();
    counts_.rows += unit.batch->row_count;
    note_read({unit.batch->row_count, 0});
    std::vector<RowRef> refs;
    for (uint32_t row : rows_with_ids(*of_rows)) refs.push_back({0, row});
    if (refs.empty()) return BatchPtr();
    return std::make_shared<const Batch>(gather_columns(scan_.table, {unit.batch}, refs, columns, false));
  }

  struct TraceRow {
    TraceId id;
    int64_t time = 0;
    uint64_t span_id = 0;
    RowRef ref;
  };

  // Rows sorted by trace, time and span id, one group a trace, with the mark columns.
  Result<Batch> assemble(const std::vector<BatchPtr>& batches) {
    std::vector<TraceRow> rows;
    std::vector<std::vector<RowMask>> marks(batches.size());
    for (uint32_t index = 0; index < batches.size(); ++index) {
      const Batch& batch = *batches[index];
      for (const Expr& mark : scan_.marks) marks[index].push_back(evaluate(mark, batch));
      const std::vector<TraceId>& ids = *trace_ids_of(batch);
      const ColumnData* spans = batch.find(fixed_column(column::kSpanId), ColumnType::int64);
      for (uint32_t row = 0; row < batch.row_count; ++row) {
        rows.push_back({ids[row],
                        batch.times()[row],
                        spans == nullptr ? 0 : static_cast<uint64_t>(spans->ints[row]),
                        {index, row}});
      }
    }
    OBELISK_CHECK_OK(held_.add(rows.size() * sizeof(TraceRow)));
    std::stable_sort(rows.begin(), rows.end(), [](const TraceRow& a, const TraceRow& b) {
      if (a.id != b.id) return a.id < b.id;
      if (a.time != b.time) return a.time < b.time;
      return a.span_id < b.span_id;
    });
    std::vector<RowRef> refs;
    refs.reserve(rows.size());
    for (const TraceRow& row : rows) refs.push_back(row.ref);
    Batch out = gather_columns(scan_.table, batches, refs, scan_.all_columns ? nullptr : &wanted_, false);
    out.groups.clear();
    for (uint32_t i = 0; i < rows.size(); ++i) {
      if (i == 0 || rows[i].id != rows[i - 1].id) out.groups.push_back({{}, hash_labels({}), i, 0});
      ++out.groups.back().row_count;
    }
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

  const EventViewPtr view_;
  const Scan scan_;
  Budget& budget_;
  const Cancel& cancel_;
  BudgetCharge ids_charge_;
  BudgetCharge held_;
  ReadCounts counts_;
  uint64_t all_marks_ = 0;
  std::vector<ColumnId> wanted_;
  std::vector<ColumnId> read_columns_;  // and what the marks look at
  bool found_ids_ = false;
  std::vector<TraceId> ids_;
  size_t at_ = 0;
  size_t traces_at_once_ = kFirstTraces;
};

}  // namespace

Result<std::unique_ptr<Cursor>> make_trace_cursor(EventViewPtr view, const Scan& scan, Budget& budget,
                                                  const Cancel& cancel) {
  if (!scan.where.is_always())
    return make_error(ErrorCode::invalid_argument, "a scan by trace takes marks, not a where");
  if (scan.require_marks.size() > 64)
    return make_error(ErrorCode::invalid_argument, "more than 64 required marks");
  for (uint32_t index : scan.require_marks) {
    if (index >= scan.marks.size())
      return make_error(ErrorCode::invalid_argument, "a required mark that is not among the marks");
  }
  return std::unique_ptr<Cursor>(std::make_unique<TraceCursor>(std::move(view), scan, budget, cancel));
}

}  // namespace obelisk
