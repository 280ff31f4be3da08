#pragma once
// The rows that are about to be written to a part, column by column: all values of one column over all
// batches at once, so that writing goes through memory in order and a column's texts are told apart once.
// Rows are numbered over all batches ("flat"): those of batch 0, then those of batch 1, and so on. One
// thread. What is loaded points into the batches.
#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "storage/embedded/events/column_union.h"
#include "storage/embedded/events/head_batch.h"
#include "storage/embedded/events/string_numbers.h"

namespace obelisk {

// The values of one column, one a row; what an absent row has is undefined. Only the vectors of the type are
// used, and of texts either `texts`, or with `coded` the numbers of entries.
struct LoadedColumn {
  ColumnType type = ColumnType::string;
  std::vector<uint8_t> present;  // one a row; empty: every row has a value
  std::vector<int64_t> ints;
  std::vector<double> floats;
  std::vector<TraceId> trace_ids;
  bool coded = false;
  std::vector<std::string_view> texts;
  std::vector<uint32_t> codes;
  std::vector<std::string_view> entries;

  bool is_present(size_t row) const { return present.empty() || present[row] != 0; }
};

class RowSource {
 public:
  struct Column {
    ColumnId id;
    ColumnType type = ColumnType::string;
  };

  virtual ~RowSource() = default;
  // Sorted by id and type.
  const std::vector<Column>& columns() const { return columns_; }
  // Replaces what `out` holds, whose memory is used again.
  virtual Result<void> load(size_t column, LoadedColumn& out) = 0;
  // No row of the rows has more bytes of text.
  virtual Result<size_t> row_text_bytes_max() = 0;
  size_t row_count() const { return row_count_; }
  uint32_t flat_row(const RowRef& ref) const { return first_rows_[ref.batch] + ref.row; }
  // The column's number; columns().size() when there is none.
  size_t find_fixed(std::string_view name, ColumnType type) const;
  // Bytes of text of every row.
  Result<std::vector<uint32_t>> text_bytes();

 protected:
  void add_batch_rows(size_t rows) {
    first_rows_.push_back(static_cast<uint32_t>(row_count_));
    row_count_ += rows;
  }

  std::vector<Column> columns_;
  std::vector<uint32_t> first_rows_;
  size_t row_count_ = 0;
};

// Of batches in columns: what merges and erasures read.
class BatchRowSource : public RowSource {
 public:
  explicit BatchRowSource(const std::vector<BatchPtr>& batches);
  Result<void> load(size_t column, LoadedColumn& out) override;
  Result<size_t> row_text_bytes_max() override;

 private:
  const std::vector<BatchPtr>& batches_;
  std::vector<UnionColumn> union_;
};

// Of packed batches: what a flush reads.
class PackedRowSource : public RowSource {
 public:
  explicit PackedRowSource(const std::vector<PackedBatchPtr>& batches);
  // Of the batches with these numbers (ascending); no row of another is asked for.
  PackedRowSource(const std::vector<PackedBatchPtr>& batches, const std::vector<uint32_t>& used);
  Result<void> load(size_t column, LoadedColumn& out) override;
  Result<size_t> row_text_bytes_max() override;

 private:
  void find_columns();
  Result<void> load_texts(size_t column, LoadedColumn& out);

  // The batches in use, and where their rows begin.
  std::vector<const PackedBatch*> batches_;
  std::vector<size_t> begins_;
  std::vector<std::vector<const PackedBatch::Column*>> of_batches_;  // by column; null where there is none
  PackedValues values_;
};

}  // namespace obelisk
