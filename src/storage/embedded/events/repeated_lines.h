#pragma once
// Log rows that a count must leave out: a line that a stream has twice at the same time, with the same
// metadata, is one line (a request that was sent again), wherever its rows lie. Finding them is cheap because
// rows can be equal only where
//   * runs of one stream (in different row groups or batches of the head) overlap in time, or
//   * a run has two rows of one time (which a row group's directory entry tells),
// and there only lines of the same time are read and compared. Of equal rows the one that came first counts.
// The runs of parts are remembered, and what is found in parts alone for the parts that were asked about
// last.
//
// Erased rows that are still in their files are no rows here; while there are such, what is found is not
// remembered.
//
// Bounds: rows compared at once are those of one stream where its runs overlap, charged to the budget; the
// runs that are remembered are about kKnownRunsMax, others are found again by every query.
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "base/thread_annotations.h"
#include "plan/budget.h"
#include "plan/expression.h"
#include "storage/embedded/events/event_part.h"
#include "storage/embedded/events/head_batch.h"

namespace obelisk {

// Consecutive rows of one stream that ascend by time, or not.
struct LineRun {
  uint64_t stream = 0;  // hash of the labels
  int64_t min_time = 0;
  int64_t max_time = 0;
  uint32_t source = 0;  // parts' row groups in order, then batches
  uint32_t first_row = 0;
  uint32_t end_row = 0;
  bool may_repeat = false;  // by itself
};

class RepeatedLines {
 public:
  // Ascending; null when there are none.
  const std::vector<uint32_t>* of(const EventPart& part, uint32_t row_group) const;
  const std::vector<uint32_t>* of(const HeadBatch& batch) const;

 private:
  friend class RepeatedLinesFinder;
  friend class RepeatedLinesCache;
  std::map<std::pair<const void*, uint32_t>, std::vector<uint32_t>> rows_;
};

// Of parts, in their order: the condition that rows satisfy which are not erased; null: all rows.
using VisibleParts = std::vector<std::shared_ptr<const Expr>>;

class RepeatedLinesCache {
 public:
  static constexpr size_t kKnownRunsMax = 100'000;
  static constexpr size_t kKnownSetsMax = 8;

  // Among the rows of the parts and of the batches, which came later.
  Result<std::shared_ptr<const RepeatedLines>> of(const std::vector<EventPartPtr>& parts,
                                                  const VisibleParts& visible,
                                                  const std::vector<HeadBatchPtr>& head, Budget& budget,
                                                  const Cancel& cancel) EXCLUDES(mutex_);

 private:
  struct Known {
    std::vector<std::weak_ptr<const EventPart>> parts;
    std::vector<LineRun> runs;  // sorted by stream, then time
    std::shared_ptr<const RepeatedLines> repeated;
  };
  struct PartRuns {
    std::weak_ptr<const EventPart> part;
    std::vector<LineRun> runs;  // their source is the row group
    RepeatedLines repeated;     // within the part
  };
  Result<std::shared_ptr<const Known>> known_of(const std::vector<EventPartPtr>& parts,
                                                const VisibleParts& visible, Budget& budget,
                                                const Cancel& cancel) EXCLUDES(mutex_);
  Result<std::shared_ptr<const PartRuns>> runs_of(const EventPartPtr& part, Budget& budget,
                                                  const Cancel& cancel) EXCLUDES(mutex_);

  Mutex mutex_;
  std::deque<std::shared_ptr<const Known>> known_ GUARDED_BY(mutex_);  // the latest first
  std::map<const EventPart*, std::shared_ptr<const PartRuns>> by_part_ GUARDED_BY(mutex_);
  size_t runs_held_ GUARDED_BY(mutex_) = 0;
};

}  // namespace obelisk
