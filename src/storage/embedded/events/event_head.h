#pragma once
// The rows of one event table that are not in a part yet: batches as they were applied, small ones put
// together so that a scan does not visit thousands, and packed (head_batch.h). Not thread safe; EventStore
// guards it. Putting together copies text, so that a small batch does not keep the request it came in.
#include <cstdint>
#include <vector>

#include "storage/embedded/events/head_batch.h"

namespace obelisk {

class EventHead {
 public:
  void add(HeadBatchPtr batch, uint64_t sequence);
  // Puts neighbours up to sequence `settled` that are not packed together: very small ones become a small
  // one, small ones are packed, so that a row is copied at most twice.
  void settle(uint64_t settled);
  // Batches up to `sequence`, in order.
  std::vector<HeadBatchPtr> batches(uint64_t sequence) const;
  // The first entries, up to `sequence`, are being written to a part: they stay as they are until they are
  // removed.
  void freeze(uint64_t sequence);
  void unfreeze() { frozen_ = 0; }
  void remove_frozen();

  std::vector<HeadBatchPtr> frozen_batches() const;
  uint64_t first_sequence() const { return entries_.empty() ? 0 : entries_.front().first_sequence; }
  size_t bytes() const { return bytes_; }
  bool empty() const { return entries_.empty(); }

 private:
  struct Entry {
    HeadBatchPtr batch;
    uint64_t first_sequence = 0;
    uint64_t sequence = 0;  // of the last batch in it
  };

  // Replaces the entries from `begin` to `end` by one.
  void join(size_t begin, size_t end, bool pack);

  std::vector<Entry> entries_;
  size_t frozen_ = 0;
  size_t bytes_ = 0;
};

// Joining pads every column to every row: batches of many different columns are left apart, and not too many
// are joined at once.
inline constexpr size_t kJoinedColumnsMax = 128;
inline constexpr size_t kJoinedMax = 64;
bool is_joinable(const HeadBatch& batch);
// The rows of batches that are not packed as one batch, borrowed or with their text copied.
Batch join_batches(const std::vector<HeadBatchPtr>& batches, bool copy_strings);

}  // namespace obelisk
