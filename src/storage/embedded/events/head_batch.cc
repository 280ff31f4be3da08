#include "storage/embedded/events/head_batch.h"

#include <algorithm>

#include "base/assert.h"
#include "storage/embedded/events/column_union.h"

namespace obelisk {

HeadBatch::HeadBatch(BatchPtr columns)
    : table_(columns->table), row_count_(columns->row_count), columns_(std::move(columns)) {
  memory_bytes_ = batch_footprint(*columns_);
  if (row_count_ > 0) note_times(columns_->times());
}

HeadBatch::HeadBatch(PackedBatchPtr packed)
    : table_(packed->table()), row_count_(packed->row_count()), packed_(std::move(packed)) {
  if (packed_->groups().size() >= kFilteredGroupsMin) label_filter_ = LabelFilter(packed_->groups());
  memory_bytes_ = packed_->memory_bytes() + label_filter_.memory_bytes();
  if (row_count_ == 0) return;
  PackedValues times;
  OBELISK_ASSERT(packed_->read(*packed_->find_fixed(column::kTime, ColumnType::int64), times).ok());
  note_times(times.ints);
}

void HeadBatch::note_times(const std::vector<int64_t>& times) {
  auto [low, high] = std::minmax_element(times.begin(), times.end());
  min_time_ = *low;
  max_time_ = *high;
}

HeadBatchPtr HeadBatch::pack(const Batch& batch) {
  auto bytes = std::make_shared<std::string>();
  {
    thread_local std::string encoded;  // so that what is kept is not larger than it must be
    encoded.clear();
    encode_batch(batch, BatchCompression::none, encoded);
    bytes->assign(encoded);
  }
  Result<PackedBatch> packed = PackedBatch::open(*bytes, bytes);
  OBELISK_ASSERT(packed.ok());
  return std::make_shared<const HeadBatch>(std::make_shared<const PackedBatch>(std::move(*packed)));
}

BatchPtr HeadBatch::rows(const std::vector<uint32_t>& rows, const std::vector<ColumnId>* wanted) const {
  OBELISK_ASSERT(is_packed());
  Result<Batch> batch = packed_->unpack_rows(rows, wanted);
  OBELISK_ASSERT(batch.ok());
  return std::make_shared<const Batch>(std::move(*batch));
}

BatchPtr HeadBatch::batch(const std::vector<ColumnId>* wanted) const {
  if (columns_) return columns_;
  Result<Batch> batch = packed_->unpack(wanted);
  OBELISK_ASSERT(batch.ok());
  return std::make_shared<const Batch>(std::move(*batch));
}

}  // namespace obelisk
