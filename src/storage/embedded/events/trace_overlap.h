#pragma once
// Which traces of some parts have rows in more than one of them, or also in the head: only there can a span
// that was sent twice be in two places, so only there must a count that is to be exact compare span ids. Most
// traces arrive within one flush, so these are few. Computed from the trace indexes: some 5 ms a hundred
// thousand traces, remembered by EventTableView for the parts that were asked about last.
#include <memory>
#include <vector>

#include "base/thread_annotations.h"
#include "storage/embedded/events/event_part.h"

namespace obelisk {

struct TraceOverlap {
  std::vector<uint64_t> keys;  // trace_key of traces that are in several parts; sorted
  // By part, then row group: whether it holds one of them.
  std::vector<std::vector<uint8_t>> row_groups;

  bool contains(uint64_t key) const;
};

Result<std::shared_ptr<const TraceOverlap>> find_trace_overlap(const std::vector<EventPartPtr>& parts);

// Remembers the last answer. Thread safe.
class TraceOverlapCache {
 public:
  Result<std::shared_ptr<const TraceOverlap>> of(const std::vector<EventPartPtr>& parts) EXCLUDES(mutex_);

 private:
  Mutex mutex_;
  std::vector<std::weak_ptr<const EventPart>> parts_ GUARDED_BY(mutex_);
  std::shared_ptr<const TraceOverlap> overlap_ GUARDED_BY(mutex_);
};

}  // namespace obelisk
