#include "storage/embedded/events/event_head.h"

namespace obelisk {
namespace {

constexpr size_t kVerySmallRows = 16;
constexpr size_t kVerySmallJoined = 32;  // so many very small batches become one small one
// Reading a batch of fewer rows is mostly finding its columns.
constexpr size_t kSmallRows = 256;
constexpr size_t kJoinedRows = 1024;  // so many rows in small batches, or so many batches, are put together
constexpr size_t kJoinedMax = 64;
// A column is absent in the rows of a batch that does not have it, so that batches of many different columns
// are left apart.
constexpr size_t kJoinedColumnsMax = 128;

bool is_small(const HeadBatch& batch) {
  return batch.row_count() < kSmallRows && batch.packed()->columns().size() <= kJoinedColumnsMax;
}

}  // namespace

void EventHead::add(HeadBatchPtr batch, uint64_t sequence) {
  bytes_ += batch->memory_bytes();
  entries_.push_back({std::move(batch), sequence, sequence});
}

// Replaces the entries from `begin` to `end` by one.
void EventHead::join(size_t begin, size_t end) {
  std::vector<HeadBatchPtr> batches;
  for (size_t i = begin; i < end; ++i) {
    bytes_ -= entries_[i].batch->memory_bytes();
    batches.push_back(entries_[i].batch);
  }
  HeadBatchPtr batch = HeadBatch::join(batches);
  bytes_ += batch->memory_bytes();
  entries_[begin] = {std::move(batch), entries_[begin].first_sequence, entries_[end - 1].sequence};
  entries_.erase(entries_.begin() + static_cast<ptrdiff_t>(begin + 1),
                 entries_.begin() + static_cast<ptrdiff_t>(end));
}

void EventHead::settle(uint64_t settled) {
  // The entries at the end that are settled and small.
  auto first_of = [&](size_t end, size_t rows_below) {
    size_t begin = end;
    while (begin > frozen_ && is_small(*entries_[begin - 1].batch) &&
           entries_[begin - 1].batch->row_count() < rows_below)
      --begin;
    return begin;
  };
  size_t end = entries_.size();
  while (end > frozen_ && entries_[end - 1].sequence > settled) --end;
  if (size_t begin = first_of(end, kVerySmallRows); end - begin >= kVerySmallJoined) {
    join(begin, end);
    end = begin + 1;
  }
  size_t begin = first_of(end, SIZE_MAX), rows = 0;
  for (size_t i = begin; i < end; ++i) rows += entries_[i].batch->row_count();
  if (rows >= kJoinedRows || end - begin >= kJoinedMax) join(begin, end);
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
