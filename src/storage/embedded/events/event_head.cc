#include "storage/embedded/events/event_head.h"

#include <algorithm>

#include "storage/embedded/events/column_union.h"

namespace obelisk {
namespace {

constexpr size_t kJoin = 16;             // batches of one class become one
constexpr size_t kJoinedRowsMax = 1024;  // larger batches stay as they are
// Joining pads every column to every row; many different columns are left apart.
constexpr size_t kJoinedColumnsMax = 512;

// 0: under 16 rows, 1: under 256, 2: under 1,024, 3: never joined.
int class_of(const Batch& batch) {
  if (batch.row_count >= kJoinedRowsMax || batch.columns.size() > kJoinedColumnsMax) return 3;
  return batch.row_count < 16 ? 0 : batch.row_count < 256 ? 1 : 2;
}

}  // namespace

void EventHead::add(BatchPtr batch, uint64_t sequence) {
  size_t bytes = batch_footprint(*batch);
  bytes_ += bytes;
  entries_.push_back({std::move(batch), sequence, sequence, bytes});
}

void EventHead::settle(uint64_t settled) {
  for (int wanted = 0; wanted < 3; ++wanted) {
    // The entries at the end that are settled and of this class.
    size_t end = entries_.size();
    while (end > frozen_ && entries_[end - 1].sequence > settled) --end;
    size_t begin = end;
    while (begin > frozen_ && class_of(*entries_[begin - 1].batch) <= wanted) --begin;
    if (end - begin < kJoin) continue;
    std::vector<BatchPtr> batches;
    std::vector<RowRef> refs;
    for (size_t i = begin; i < end; ++i) {
      for (uint32_t row = 0; row < entries_[i].batch->row_count; ++row)
        refs.push_back({static_cast<uint32_t>(i - begin), row});
      batches.push_back(entries_[i].batch);
    }
    auto joined =
        std::make_shared<const Batch>(gather_columns(batches[0]->table, batches, refs, nullptr, true));
    Entry entry{joined, entries_[begin].first_sequence, entries_[end - 1].sequence, batch_footprint(*joined)};
    for (size_t i = begin; i < end; ++i) bytes_ -= entries_[i].bytes;
    bytes_ += entry.bytes;
    entries_.erase(entries_.begin() + static_cast<ptrdiff_t>(begin + 1),
                   entries_.begin() + static_cast<ptrdiff_t>(end));
    entries_[begin] = std::move(entry);
  }
}

std::vector<BatchPtr> EventHead::batches(uint64_t sequence) const {
  std::vector<BatchPtr> batches;
  for (const Entry& entry : entries_) {
    if (entry.sequence <= sequence) batches.push_back(entry.batch);
  }
  return batches;
}

void EventHead::freeze(uint64_t sequence) {
  frozen_ = 0;
  while (frozen_ < entries_.size() && entries_[frozen_].sequence <= sequence) ++frozen_;
}

std::vector<BatchPtr> EventHead::frozen_batches() const {
  std::vector<BatchPtr> batches;
  for (size_t i = 0; i < frozen_; ++i) batches.push_back(entries_[i].batch);
  return batches;
}

void EventHead::remove_frozen() {
  for (size_t i = 0; i < frozen_; ++i) bytes_ -= entries_[i].bytes;
  entries_.erase(entries_.begin(), entries_.begin() + static_cast<ptrdiff_t>(frozen_));
  frozen_ = 0;
}

}  // namespace obelisk
