#pragma once
// Batches as they grow in a decoder: rows go into one BatchBuilder until its columns no longer fit the rows,
// then into the next. Without this, a request whose records share no attribute names would cost rows x
// columns of memory. Bounds: a batch is cut when it has kSparsenessMax times more cells than values (small
// ones are left alone), or kColumnsMax columns; a request with more than kCellsMax cells is refused
// (protobuf::Malformed, too_large), about 1 GiB. Ordinary telemetry gives one batch. Not thread safe.
#include <memory>
#include <string>
#include <vector>

#include "plan/batch.h"

namespace obelisk {

class RowBatches {
 public:
  static constexpr size_t kCellsFree = 4096;
  static constexpr size_t kSparsenessMax = 16;
  static constexpr size_t kColumnsMax = 4096;
  static constexpr size_t kRowsMax = 1 << 20;
  static constexpr size_t kCellsMax = size_t{64} << 20;

  // Every batch keeps `owner` alive.
  RowBatches(Table table, std::shared_ptr<const void> owner);

  BatchBuilder& rows() { return rows_; }
  // After each row: whether cut() is due. The caller first completes the rows it has (fills).
  bool must_cut() const;
  // Ends the current batch; the caller then begins its group anew. Throws protobuf::Malformed over kCellsMax.
  void cut();
  std::vector<Batch> finish();

 private:
  Table table_;
  std::shared_ptr<const void> owner_;
  BatchBuilder rows_;
  std::vector<Batch> done_;
  size_t cells_ = 0;
};

}  // namespace obelisk
