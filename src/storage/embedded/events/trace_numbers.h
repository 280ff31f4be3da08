#pragma once
// Numbers traces as they come: a hash table of their ids. Made for ids that mostly repeat the one before. One
// thread.
#include <cstdint>
#include <vector>

#include "model/ids.h"
#include "model/trace_id_order.h"

namespace obelisk {

class TraceNumbers {
 public:
  TraceNumbers() : slots_(1024) {}

  // The number of `id`; size() as it was before when the id is new.
  uint32_t number_of(const TraceId& id) {
    if (!ids_.empty() && same_trace(ids_[last_], id)) return last_;
    size_t at = place_of(id);
    while (slots_[at] != 0 && !same_trace(ids_[slots_[at] - 1], id)) at = (at + 1) & (slots_.size() - 1);
    if (slots_[at] != 0) return last_ = slots_[at] - 1;
    ids_.push_back(id);
    slots_[at] = static_cast<uint32_t>(ids_.size());
    if (ids_.size() * 2 > slots_.size()) grow();
    return last_ = static_cast<uint32_t>(ids_.size() - 1);
  }
  size_t size() const { return ids_.size(); }

 private:
  size_t place_of(const TraceId& id) const {
    return std::hash<TraceId>()(id) * 0x9E3779B97F4A7C15u >> 32 & (slots_.size() - 1);
  }
  void grow() {
    slots_.assign(slots_.size() * 4, 0);
    for (uint32_t number = 0; number < ids_.size(); ++number) {
      size_t at = place_of(ids_[number]);
      while (slots_[at] != 0) at = (at + 1) & (slots_.size() - 1);
      slots_[at] = number + 1;
    }
  }

  std::vector<TraceId> ids_;
  std::vector<uint32_t> slots_;  // number and one; 0: free
  uint32_t last_ = 0;
};

}  // namespace obelisk
