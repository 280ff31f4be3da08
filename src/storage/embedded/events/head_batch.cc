#include "storage/embedded/events/head_batch.h"

#include <algorithm>

#include "base/assert.h"
#include "plan/packed_join.h"

namespace obelisk {

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

namespace {

// What `encode` writes, in memory that is not larger than it must be.
template <typename Encode>
HeadBatchPtr encoded(Encode&& encode) {
  constexpr size_t kKeptBytesMax = 8 << 20;
  thread_local std::string scratch;
  scratch.clear();
  encode(scratch);
  auto bytes = std::make_shared<const std::string>(scratch);
  if (scratch.capacity() > kKeptBytesMax) std::string().swap(scratch);
  Result<PackedBatch> packed = PackedBatch::open(*bytes, bytes);
  OBELISK_ASSERT(packed.ok());
  return std::make_shared<const HeadBatch>(std::make_shared<const PackedBatch>(std::move(*packed)));
}

}  // namespace

HeadBatchPtr HeadBatch::pack(const Batch& batch) {
  return encoded([&](std::string& out) { encode_batch(batch, BatchCompression::none, out); });
}

HeadBatchPtr HeadBatch::join(std::span<const HeadBatchPtr> batches) {
  std::vector<const PackedBatch*> packed;
  packed.reserve(batches.size());
  for (const HeadBatchPtr& batch : batches) packed.push_back(batch->packed_.get());
  return encoded([&](std::string& out) { join_packed(packed, out); });
}

BatchPtr HeadBatch::rows(const std::vector<uint32_t>& rows, const std::vector<ColumnId>* wanted) const {
  Result<Batch> batch = packed_->unpack_rows(rows, wanted);
  OBELISK_ASSERT(batch.ok());
  return std::make_shared<const Batch>(std::move(*batch));
}

BatchPtr HeadBatch::batch(const std::vector<ColumnId>* wanted) const {
  Result<Batch> batch = packed_->unpack(wanted);
  OBELISK_ASSERT(batch.ok());
  return std::make_shared<const Batch>(std::move(*batch));
}

}  // namespace obelisk
