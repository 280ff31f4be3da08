#include "storage/embedded/events/span_pieces.h"

#include <algorithm>
#include <limits>

#include "model/trace_id_order.h"
#include "storage/embedded/events/event_store.h"
#include "storage/embedded/events/trace_numbers.h"

namespace obelisk {

Result<std::optional<SpanPieces>> SpanPieces::make(const std::vector<PackedBatchPtr>& batches,
                                                   size_t piece_rows) {
  SpanPieces pieces(batches);
  OBELISK_TRY(bool can_be_cut, pieces.number_traces(piece_rows));
  if (!can_be_cut) return std::optional<SpanPieces>();
  pieces.cut(piece_rows);
  if (!pieces.find_batches()) {
    pieces.cut(std::numeric_limits<uint32_t>::max());
    pieces.find_batches();
  }
  return std::optional<SpanPieces>(std::move(pieces));
}

// False when a row has no trace or no span id, or rows are of several days.
Result<bool> SpanPieces::number_traces(size_t piece_rows) {
  TraceNumbers numbers;
  PackedValues ids;
  std::vector<uint32_t> number_of_entry;
  int64_t first_time = std::numeric_limits<int64_t>::max(), last_time = std::numeric_limits<int64_t>::min();
  size_t row_count = 0;
  for (const PackedBatchPtr& batch : *batches_) row_count += batch->row_count();
  trace_of_.resize(row_count);
  size_t first_row = 0;
  for (const PackedBatchPtr& batch : *batches_) {
    first_rows_.push_back(first_row);
    size_t rows = batch->row_count();
    if (rows == 0) continue;
    const PackedBatch::Column* id_column = batch->find_fixed(column::kTraceId, ColumnType::trace_id);
    const PackedBatch::Column* time_column = batch->find_fixed(column::kTime, ColumnType::int64);
    const PackedBatch::Column* span_column = batch->find_fixed(column::kSpanId, ColumnType::int64);
    if (id_column == nullptr || !id_column->all_present || !time_column->all_present) return false;
    if (span_column == nullptr || !span_column->all_present) return false;
    OBELISK_CHECK_OK(batch->read(*id_column, ids));
    OBELISK_CHECK_OK(batch->read(*time_column, times_));
    number_of_entry.clear();
    for (const TraceId& id : ids.trace_ids) {
      if (id.is_none()) return false;
      uint32_t number = numbers.number_of(id);
      number_of_entry.push_back(number);
      if (number < traces_.size()) continue;
      Trace& trace = traces_.emplace_back();
      trace.id = id;
      trace.begin = std::numeric_limits<int64_t>::max();
      trace.slice = static_cast<uint32_t>(first_row / piece_rows);
    }
    for (size_t row = 0; row < rows; ++row) {
      uint32_t number = number_of_entry[ids.entry_of(row)];
      int64_t time = times_.ints[row];
      Trace& trace = traces_[number];
      trace_of_[first_row + row] = number;
      trace.begin = std::min(trace.begin, time);
      ++trace.row_count;
      first_time = std::min(first_time, time);
      last_time = std::max(last_time, time);
    }
    first_row += rows;
  }
  any_time_ = first_time;
  return row_count > 0 && day_of(first_time) == day_of(last_time);
}

// Sorts the traces and cuts pieces where a second or a slice ends; one slice may be up to two pieces long.
void SpanPieces::cut(size_t piece_rows) {
  pieces_.clear();
  for (Trace& trace : traces_) trace.window = trace_window_of(trace.begin);
  sorted_.resize(traces_.size());
  for (uint32_t i = 0; i < sorted_.size(); ++i) sorted_[i] = i;
  auto is_same_place = [&](const Trace& a, const Trace& b) {
    return a.window == b.window && a.slice == b.slice;
  };
  std::sort(sorted_.begin(), sorted_.end(), [&](uint32_t left, uint32_t right) {
    const Trace &a = traces_[left], &b = traces_[right];
    if (a.window != b.window) return a.window < b.window;
    if (a.slice != b.slice) return a.slice < b.slice;
    return trace_before(a.id, b.id);
  });
  for (size_t i = 0; i < sorted_.size(); ++i) {
    Trace& trace = traces_[sorted_[i]];
    bool ends = pieces_.empty();
    if (!ends) {
      size_t rows = pieces_.back().row_count;
      bool place_ends = !is_same_place(trace, traces_[sorted_[i - 1]]);
      ends = rows + trace.row_count > uint64_t{2} * piece_rows || (place_ends && rows >= piece_rows / 2);
    }
    if (ends) {
      pieces_.emplace_back();
      pieces_.back().first_trace = i;
    }
    trace.piece = static_cast<uint32_t>(pieces_.size() - 1);
    trace.next = static_cast<uint32_t>(pieces_.back().row_count);
    pieces_.back().row_count += trace.row_count;
    pieces_.back().last_trace = i + 1;
  }
}

// False when batches would be read too often.
bool SpanPieces::find_batches() {
  size_t rows_read = 0;
  for (uint32_t number = 0; number < batches_->size(); ++number) {
    size_t rows = (*batches_)[number]->row_count();
    for (size_t row = 0; row < rows; ++row) {
      Piece& piece = pieces_[traces_[trace_of_[first_rows_[number] + row]].piece];
      if (!piece.batches.empty() && piece.batches.back() == number) continue;
      piece.batches.push_back(number);
      rows_read += rows;
    }
  }
  return pieces_.size() == 1 || rows_read <= 2 * trace_of_.size();
}

Result<void> SpanPieces::load(size_t index, const LabelRanks& ranks, std::vector<OrderedRow>& rows) {
  const Piece& piece = pieces_[index];
  rows.resize(piece.row_count);
  for (uint32_t number : piece.batches) {
    const PackedBatch& batch = *(*batches_)[number];
    const uint32_t* trace_of = trace_of_.data() + first_rows_[number];
    OBELISK_CHECK_OK(batch.read(*batch.find_fixed(column::kTime, ColumnType::int64), times_));
    OBELISK_CHECK_OK(batch.read(*batch.find_fixed(column::kSpanId, ColumnType::int64), span_ids_));
    for (const Group& group : batch.groups()) {
      uint32_t rank = ranks.rank(group.labels, group.labels_hash);
      for (uint32_t row = group.first_row; row < group.first_row + group.row_count; ++row) {
        Trace& trace = traces_[trace_of[row]];
        if (trace.piece != index) continue;
        OrderedRow& placed = rows[trace.next++];
        placed.window = trace.window;
        placed.key = trace.id;
        placed.time = times_.ints[row];
        placed.span_id = static_cast<uint64_t>(span_ids_.ints[row]);
        placed.group = rank;
        placed.ref = {number, row};
      }
    }
  }
  for (size_t i = piece.first_trace; i < piece.last_trace; ++i) {
    const Trace& trace = traces_[sorted_[i]];
    sort_trace(rows, trace.next - trace.row_count, trace.next);
  }
  return {};
}

// By time, then span id, then as they came.
void SpanPieces::sort_trace(std::vector<OrderedRow>& rows, size_t begin, size_t end) {
  bool is_sorted = true;
  order_.clear();
  for (size_t i = begin; i < end; ++i) {
    order_.push_back({rows[i].time, static_cast<uint32_t>(i - begin)});
    if (i == begin) continue;
    const OrderedRow &before = rows[i - 1], &row = rows[i];
    is_sorted &= before.time < row.time || (before.time == row.time && before.span_id <= row.span_id);
  }
  if (is_sorted) return;
  of_trace_.assign(rows.begin() + static_cast<ptrdiff_t>(begin), rows.begin() + static_cast<ptrdiff_t>(end));
  std::sort(order_.begin(), order_.end(), [&](const TimeAt& a, const TimeAt& b) {
    if (a.time != b.time) return a.time < b.time;
    uint64_t of_a = of_trace_[a.at].span_id, of_b = of_trace_[b.at].span_id;
    return of_a != of_b ? of_a < of_b : a.at < b.at;
  });
  for (size_t i = 0; i < order_.size(); ++i) rows[begin + i] = of_trace_[order_[i].at];
}

}  // namespace obelisk
