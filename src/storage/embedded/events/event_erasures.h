#pragma once
// Which rows of an event store's parts are erased and still in their files.
//
// An erasure (erasure.h) concerns the parts that were there when it began: everything written before it was
// flushed first, so these are the parts whose order key (the first sequence of their rows) is not above the
// erasure's sequence. Until such a part is written anew without its erased rows, readers leave them out by a
// condition (VisibleRows); a part that was written anew, or looked at and found to have none, is clean.
//
// Invariant: parts of before and after an unfinished erasure are never merged (may_merge): a row's side could
// not be told afterwards. What is clean is forgotten by a restart and found again by looking.
//
// Not thread safe: the store's mutex guards it. At most kErasuresMax erasures.
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "storage/embedded/erasure.h"
#include "storage/embedded/events/event_view.h"

namespace obelisk {

class EventErasures {
 public:
  using Parts = std::vector<std::shared_ptr<EventPart>>;

  void activate(ErasurePtr erasure);
  void forget(const std::vector<uint64_t>& ids);
  size_t count() const { return erasures_.size(); }
  // Of the erasures there are; 0: none.
  uint64_t last_id() const;
  // Those whose rows the part may still hold, oldest first.
  std::vector<ErasurePtr> concerning(const EventPart& part) const;
  // The part holds no row of erasures up to this one.
  void mark_clean(const std::string& part_name, uint64_t id);
  void part_gone(const std::string& part_name) { clean_.erase(part_name); }
  bool may_merge(const EventPart& part) const;
  // Whose rows no part of its table holds.
  std::vector<uint64_t> finished(const std::array<Parts, 3>& parts) const;
  // Null when every row is visible.
  std::shared_ptr<const VisibleRows> visible(const Parts& parts) const;

 private:
  std::vector<ErasurePtr> erasures_;  // ascending ids
  std::map<std::string, uint64_t> clean_;
};

// The rows that one of the erasures takes.
Expr erased_rows(const std::vector<ErasurePtr>& erasures);

}  // namespace obelisk
