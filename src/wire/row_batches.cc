#include "wire/row_batches.h"

#include "wire/protobuf.h"

namespace obelisk {

RowBatches::RowBatches(Table table, std::shared_ptr<const void> owner)
    : table_(table), owner_(std::move(owner)), rows_(table) {
  if (owner_) rows_.keep_alive(owner_);
}

bool RowBatches::must_cut() const {
  if (rows_.column_count() > kColumnsMax || rows_.row_count() >= kRowsMax) return true;
  size_t cells = rows_.column_count() * rows_.row_count();
  return cells > kCellsFree && cells > kSparsenessMax * rows_.value_count();
}

void RowBatches::cut() {
  cells_ += rows_.column_count() * rows_.row_count();
  if (cells_ > kCellsMax) {
    throw protobuf::Malformed{"its records spread over too many different attributes; send smaller requests",
                              ErrorCode::too_large};
  }
  if (rows_.row_count() > 0) done_.push_back(rows_.finish());
  rows_ = BatchBuilder(table_);
  if (owner_) rows_.keep_alive(owner_);
}

std::vector<Batch> RowBatches::finish() {
  cut();
  return std::move(done_);
}

}  // namespace obelisk
