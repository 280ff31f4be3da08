#pragma once
// The rows of one event table that are not in a part yet: batches as they were applied, small ones put
// together so that a scan does not visit thousands. Not thread safe; EventStore guards it. Putting together
// copies text, so that a small batch does not keep the request it came in.
#include <cstdint>
#include <vector>

#include "plan/batch.h"

namespace obelisk {

class EventHead {
 public:
  void add(BatchPtr batch, uint64_t sequence);
  // Puts small neighbours up to sequence `settled` together: sixteen of one size class become one of the
  // next, so that a row is copied at most three times.
  void settle(uint64_t settled);
  // Batches up to `sequence`, in order.
  std::vector<BatchPtr> batches(uint64_t sequence) const;
  // The first entries, up to `sequence`, are being written to a part: they stay as they are until they are
  // removed.
  void freeze(uint64_t sequence);
  void unfreeze() { frozen_ = 0; }
  void remove_frozen();

  std::vector<BatchPtr> frozen_batches() const;
  uint64_t first_sequence() const { return entries_.empty() ? 0 : entries_.front().first_sequence; }
  size_t bytes() const { return bytes_; }
  bool empty() const { return entries_.empty(); }

 private:
  struct Entry {
    BatchPtr batch;
    uint64_t first_sequence = 0;
    uint64_t sequence = 0;  // of the last batch in it
    size_t bytes = 0;
  };

  std::vector<Entry> entries_;
  size_t frozen_ = 0;
  size_t bytes_ = 0;
};

}  // namespace obelisk
