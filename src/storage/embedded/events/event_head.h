#pragma once
// The rows of one event table that are not in a part yet: batches as they were applied, in packed form
// (head_batch.h), small ones put together so that a scan does not visit thousands. Not thread safe;
// EventStore guards it.
#include <cstdint>
#include <vector>

#include "storage/embedded/events/head_batch.h"

namespace obelisk {

class EventHead {
 public:
  void add(HeadBatchPtr batch, uint64_t sequence);
  // Puts small neighbours up to sequence `settled` together: very small ones become a small one, small ones a
  // large one, so that a row is copied twice, not once for every batch that comes after it.
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
  void join(size_t begin, size_t end);

  std::vector<Entry> entries_;
  size_t frozen_ = 0;
  size_t bytes_ = 0;
};

}  // namespace obelisk
