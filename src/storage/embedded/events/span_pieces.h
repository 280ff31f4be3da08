#pragma once
// The rows of a flush of spans in the order of a part, a piece at a time: what a piece needs of the columns
// fits a core's cache, and neither the rows nor the columns of a whole flush are held at once.
//
// 1. make() numbers the traces of all batches, by the second they begin in (as row_order.h), then by when
//    their first row came, then by their id. So a trace lies together whatever came between its rows, and a
//    piece is made of few batches.
// 2. load() deals out the rows of one piece to their traces.
//
// Several pieces do not pay where traces are scattered over very many batches, each of which would be read
// for every piece: then all is one piece. One thread; the batches must outlive it.
#include <cstdint>
#include <optional>
#include <vector>

#include "storage/embedded/events/head_batch.h"
#include "storage/embedded/events/row_order.h"

namespace obelisk {

class SpanPieces {
 public:
  // Rows of a piece, about: eight bytes each are half of a second-level cache of 1 MiB.
  static constexpr size_t kPieceRows = 64 << 10;

  // None where rows have no trace or span id, or are of several days.
  static Result<std::optional<SpanPieces>> make(const std::vector<PackedBatchPtr>& batches,
                                                size_t piece_rows = kPieceRows);

  size_t size() const { return pieces_.size(); }
  // Any row's, for the day they are all of.
  int64_t any_time() const { return any_time_; }
  // The numbers of the batches that piece `index` has rows of, ascending.
  const std::vector<uint32_t>& batches_of(size_t index) const { return pieces_[index].batches; }
  // Replaces `rows` by those of piece `index`, in order.
  Result<void> load(size_t index, const LabelRanks& ranks, std::vector<OrderedRow>& rows);

 private:
  struct Trace {
    TraceId id;
    int64_t begin = 0;
    int64_t window = 0;
    uint32_t slice = 0;  // of the rows as they came, where its first row is
    uint32_t row_count = 0;
    uint32_t piece = 0;
    uint32_t next = 0;  // where its next row goes, in its piece
  };
  struct Piece {
    size_t first_trace = 0;  // in sorted_
    size_t last_trace = 0;
    size_t row_count = 0;
    std::vector<uint32_t> batches;
  };

  explicit SpanPieces(const std::vector<PackedBatchPtr>& batches) : batches_(&batches) {}

  Result<bool> number_traces(size_t piece_rows);
  void cut(size_t piece_rows);
  bool find_batches();
  void sort_trace(std::vector<OrderedRow>& rows, size_t begin, size_t end);

  const std::vector<PackedBatchPtr>* batches_;
  std::vector<Trace> traces_;
  std::vector<uint32_t> sorted_;    // numbers of traces, in the order of the part
  std::vector<uint32_t> trace_of_;  // of every row of every batch
  std::vector<size_t> first_rows_;  // of the batches, in trace_of_
  std::vector<Piece> pieces_;
  int64_t any_time_ = 0;

  struct TimeAt {
    int64_t time = 0;
    uint32_t at = 0;
  };
  // While rows are loaded.
  PackedValues times_;
  PackedValues span_ids_;
  std::vector<TimeAt> order_;
  std::vector<OrderedRow> of_trace_;
};

}  // namespace obelisk
