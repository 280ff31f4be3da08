#pragma once
// One row group being scanned: reads the chunks that are asked for, once, applies predicates, and builds
// batches of the rows that remain. Text is decompressed only for rows that are still candidates when it is
// looked at. One thread; short-lived. What it has loaded is charged to the query's budget until it goes away.
#include <functional>
#include <vector>

#include "plan/budget.h"
#include "plan/expression.h"
#include "storage/embedded/events/event_part.h"
#include "storage/embedded/events/row_times.h"

namespace obelisk {

// Bytes charged to a budget and given back at the end of the scope.
class BudgetCharge {
 public:
  explicit BudgetCharge(Budget& budget) : budget_(&budget) {}
  ~BudgetCharge() { release(); }
  BudgetCharge(const BudgetCharge&) = delete;
  BudgetCharge& operator=(const BudgetCharge&) = delete;

  Result<void> add(uint64_t bytes) {
    held_ += bytes;
    return budget_->charge(bytes);
  }
  void release() {
    budget_->release(held_);
    held_ = 0;
  }

 private:
  Budget* budget_;
  uint64_t held_ = 0;
};

// What a scan has read, for Coverage.
struct ReadCounts {
  uint64_t rows = 0;
  uint64_t bytes = 0;
};

// One byte a row.
using RowMask = std::vector<uint8_t>;

class ScanReadAhead;

class RowGroupReader {
 public:
  RowGroupReader(EventPartPtr part, uint32_t row_group, std::shared_ptr<const LabelTable> labels,
                 Budget& budget, ReadCounts& counts);

  // What is read is noted there, so that it can be read ahead in other row groups. Null: nobody asks.
  void note_reads_in(ScanReadAhead* ahead) { ahead_ = ahead; }
  const RowGroupInfo& info() const { return info_; }
  // The rows with a time in `range` whose group is not decided no. `decisions`: one a group, or empty for
  // all.
  Result<RowMask> candidates(const TimeRange& range, const std::vector<Decision>& decisions);
  // Which of the candidates satisfy `expr`; other rows are 0.
  Result<RowMask> evaluate(const Expr& expr, const RowMask& candidates);
  Result<const std::vector<int64_t>*> times();
  // The same for those who want a few of them.
  Result<RowTimes> row_times();
  // One a row, zero where absent; null when no row of the row group has one.
  Result<const std::vector<TraceId>*> trace_ids();
  // The chunk of parent span ids, for its distances: its ids are not resolved, and span ids not read. Null
  // when no row has one.
  Result<const ColumnChunk*> parents();
  // What the directory says of a column's chunks here, without reading them.
  std::vector<std::pair<const ChunkInfo*, ColumnType>> infos_of(const ColumnId& id) const;
  const LabelTable* label_table() const { return labels_.get(); }
  LabelsView labels_of(const GroupRun& run) const { return labels_->labels(run.group); }
  // The chunks of a column (one for each type it has here), loaded.
  Result<std::vector<std::pair<uint32_t, ColumnChunk*>>> chunks_of(const ColumnId& id);
  // The only chunk of a column, with a dictionary, for its entries and how often each occurs: rows are not
  // decoded. Nullopt when it is another, or was loaded already.
  Result<std::optional<ColumnChunk>> dictionary_of(const ColumnId& id);
  // Reads the chunks of these columns with as few reads as possible. `wanted` null: all.
  Result<void> load(const std::vector<ColumnId>* wanted);
  // Reads their bytes, from which they are then made when they are asked for: of a row group that stands for
  // itself, as one that a trace index named.
  Result<void> fetch(const std::vector<ColumnId>* wanted);
  // From here on rows are materialised only, and only these: of columns that are not loaded yet no more is
  // kept.
  void narrow(RowSpan rows) { wanted_rows_ = rows; }
  // Consecutive rows with one trace id; rows without one have the zero id.
  Result<std::vector<TraceRun>> trace_runs();
  // `rows` (ascending) with the wanted columns, time and groups.
  Result<Batch> materialise(const std::vector<uint32_t>& rows, const std::vector<ColumnId>* wanted);

 private:
  Result<RowMask> evaluate_leaf(const Expr& expr, const RowMask& candidates);
  Result<bool> mark_known_texts(const Expr& expr, const RowMask& candidates, RowMask& out);
  Result<void> mark_labels(const Expr& expr, const RowMask& candidates, RowMask& out) const;
  Result<void> mark_chunk(const Expr& expr, ColumnChunk& chunk, const RowMask& candidates, RowMask& out);
  static bool mark_id_text(const Expr& expr, const ColumnChunk& chunk, const RowMask& candidates,
                           RowMask& out);
  Result<std::optional<RowTimes>> open_times(size_t index);
  Result<void> mark_times(const TimeRange& range, RowMask& mask);
  bool is_asked_by_row(size_t index) const;
  std::vector<size_t> indexes_of(const std::vector<ColumnId>* wanted) const;
  Result<void> fetch_chunks(const std::vector<size_t>& indexes, bool alone);
  Result<void> load_chunks(const std::vector<size_t>& indexes, bool with_parents = true);
  Result<void> give_what_it_needs(ColumnChunk& chunk);
  Result<void> resolve_parents(ColumnChunk& parents);

  const EventPartPtr part_;
  const uint32_t row_group_;
  const RowGroupInfo& info_;
  const std::shared_ptr<const LabelTable> labels_;
  ReadCounts& counts_;
  BudgetCharge charge_;
  ScanReadAhead* ahead_ = nullptr;
  // By index into info_.chunks. What was fetched is let go of when it is loaded.
  std::vector<EventPart::StoredChunk> fetched_;
  std::vector<std::optional<ColumnChunk>> loaded_;
  RowSpan wanted_rows_;
};

std::vector<uint32_t> rows_of(const RowMask& mask);
bool any_row(const RowMask& mask);
// The runs (ascending) with a marked row, each once.
void each_marked_run(const RowMask& mask, const std::vector<TraceRun>& runs,
                     const std::function<void(const TraceRun&)>& take);

}  // namespace obelisk
