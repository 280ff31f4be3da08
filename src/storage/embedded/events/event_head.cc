#include "storage/embedded/events/event_head.h"

#include <algorithm>

#include "base/assert.h"
#include "storage/embedded/events/column_union.h"

namespace obelisk {
namespace {

constexpr size_t kVerySmallRows = 16;
constexpr size_t kVerySmallJoined = 32;  // so many very small batches become one small one
constexpr size_t kSmallJoined = 64;      // so many small ones, or with so many rows, are packed
constexpr size_t kJoinedRows = 1024;
// Joining pads every column to every row; many different columns are left apart.
constexpr size_t kJoinedColumnsMax = 512;

bool is_joinable(const HeadBatch& batch) {
  return !batch.is_packed() && batch.batch(nullptr)->columns.size() <= kJoinedColumnsMax;
}

}  // namespace

Batch join_batches(const std::vector<HeadBatchPtr>& batches, bool copy_strings) {
  std::vector<BatchPtr> columns;
  std::vector<RowRef> refs;
  for (const HeadBatchPtr& batch : batches) {
    OBELISK_ASSERT(!batch->is_packed());
    for (uint32_t row = 0; row < batch->row_count(); ++row)
      refs.push_back({static_cast<uint32_t>(columns.size()), row});
    columns.push_back(batch->batch(nullptr));
  }
  return gather_columns(batches[0]->table(), columns, refs, nullptr, copy_strings);
}

void EventHead::add(HeadBatchPtr batch, uint64_t sequence) {
  bytes_ += batch->memory_bytes();
  entries_.push_back({std::move(batch), sequence, sequence});
}

void EventHead::join(size_t begin, size_t end, bool pack) {
  std::vector<HeadBatchPtr> batches;
  for (size_t i = begin; i < end; ++i) {
    bytes_ -= entries_[i].batch->memory_bytes();
    batches.push_back(entries_[i].batch);
  }
  Batch joined = join_batches(batches, !pack);
  HeadBatchPtr batch =
      pack ? HeadBatch::pack(joined)
           : std::make_shared<const HeadBatch>(std::make_shared<const Batch>(std::move(joined)));
  bytes_ += batch->memory_bytes();
  entries_[begin] = {std::move(batch), entries_[begin].first_sequence, entries_[end - 1].sequence};
  entries_.erase(entries_.begin() + static_cast<ptrdiff_t>(begin + 1),
                 entries_.begin() + static_cast<ptrdiff_t>(end));
}

void EventHead::settle(uint64_t settled) {
  // The entries at the end that are settled and not packed.
  auto first_of = [&](size_t end, size_t rows_below) {
    size_t begin = end;
    while (begin > frozen_ && is_joinable(*entries_[begin - 1].batch) &&
           entries_[begin - 1].batch->row_count() < rows_below)
      --begin;
    return begin;
  };
  size_t end = entries_.size();
  while (end > frozen_ && entries_[end - 1].sequence > settled) --end;
  if (size_t begin = first_of(end, kVerySmallRows); end - begin >= kVerySmallJoined) {
    join(begin, end, false);
    end = begin + 1;
  }
  size_t begin = first_of(end, SIZE_MAX), rows = 0;
  for (size_t i = begin; i < end; ++i) rows += entries_[i].batch->row_count();
  if (rows >= kJoinedRows || end - begin >= kSmallJoined) join(begin, end, true);
}

std::vector<HeadBatchPtr> EventHead::batches(uint64_t sequence) const {
  std::vector<HeadBatchPtr> batches;
  for (const Entry& entry : entries_) {
    if (entry.sequence <= sequence) batches.push_back(entry.batch);
  }
  return batches;
}

void EventHead::freeze(uint64_t sequence) {
  frozen_ = 0;
  while (frozen_ < entries_.size() && entries_[frozen_].sequence <= sequence) ++frozen_;
}

std::vector<HeadBatchPtr> EventHead::frozen_batches() const {
  std::vector<HeadBatchPtr> batches;
  for (size_t i = 0; i < frozen_; ++i) batches.push_back(entries_[i].batch);
  return batches;
}

void EventHead::remove_frozen() {
  for (size_t i = 0; i < frozen_; ++i) bytes_ -= entries_[i].batch->memory_bytes();
  entries_.erase(entries_.begin(), entries_.begin() + static_cast<ptrdiff_t>(frozen_));
  frozen_ = 0;
}

}  // namespace obelisk
