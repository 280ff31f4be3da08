#pragma once
// Span ids and the row each has, for a trace at a time: traces are small, so that clearing and filling a
// table costs less than sorting. Of equal ids the first stays. One thread.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace obelisk {

class SpanIdTable {
 public:
  // Forgets all; then at most `count` are added.
  void begin(size_t count) {
    slots_.assign(std::bit_ceil(count * 2 + 2), {});
    shift_ = 64 - std::bit_width(slots_.size() - 1);
  }
  // False when it is there already.
  bool add(uint64_t id, uint32_t row) {
    Slot& slot = slots_[find_slot(id)];
    if (slot.row_plus_one != 0) return false;
    slot = {id, row + 1};
    return true;
  }
  bool find(uint64_t id, uint32_t& row) const {
    const Slot& slot = slots_[find_slot(id)];
    if (slot.row_plus_one == 0) return false;
    row = slot.row_plus_one - 1;
    return true;
  }

 private:
  struct Slot {
    uint64_t id = 0;
    uint32_t row_plus_one = 0;  // 0: free
  };

  size_t find_slot(uint64_t id) const {
    size_t at = (id * 0x9E3779B97F4A7C15u) >> shift_;
    while (slots_[at].row_plus_one != 0 && slots_[at].id != id) at = (at + 1) & (slots_.size() - 1);
    return at;
  }

  std::vector<Slot> slots_;
  int shift_ = 63;
};

}  // namespace obelisk
