#pragma once
// Numbers distinct strings as they come: what dictionaries are built with. Values that repeat are mostly the
// same bytes in memory (a resource's attribute fills all its rows), so a small cache by address comes before
// the hash. Borrowed strings; one thread.
#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/short_text.h"

namespace obelisk {

class StringNumbers {
 public:
  StringNumbers() : slots_(kSlotsMin) {}

  // The number of `text`, the next one when it is new.
  uint32_t number_of(std::string_view text) {
    Near& near = near_[(reinterpret_cast<uintptr_t>(text.data()) >> 2 ^ text.size()) % near_.size()];
    if (near.data == text.data() && near.size == text.size() && near.data != nullptr) return near.number;
    uint32_t number = find_or_add(text);
    near = {text.data(), text.size(), number};
    return number;
  }
  size_t size() const { return entries_.size(); }
  const std::vector<std::string_view>& entries() const { return entries_; }

 private:
  static constexpr size_t kSlotsMin = 256;  // a power of two
  struct Near {
    const char* data = nullptr;
    size_t size = 0;
    uint32_t number = 0;
  };
  struct Slot {
    uint32_t hash = 0;
    uint32_t number_plus_one = 0;  // 0: free
  };

  uint32_t find_or_add(std::string_view text) {
    auto hash = static_cast<uint32_t>(hash_short_text(text));
    size_t at = hash & (slots_.size() - 1);
    for (; slots_[at].number_plus_one != 0; at = (at + 1) & (slots_.size() - 1)) {
      uint32_t number = slots_[at].number_plus_one - 1;
      if (slots_[at].hash == hash && equal_texts(entries_[number], text)) return number;
    }
    entries_.push_back(text);
    slots_[at] = {hash, static_cast<uint32_t>(entries_.size())};
    if (entries_.size() * 2 > slots_.size()) grow();
    return static_cast<uint32_t>(entries_.size() - 1);
  }

  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.number_plus_one == 0) continue;
      size_t at = slot.hash & (slots_.size() - 1);
      while (slots_[at].number_plus_one != 0) at = (at + 1) & (slots_.size() - 1);
      slots_[at] = slot;
    }
  }

  std::array<Near, 128> near_{};
  std::vector<Slot> slots_;
  std::vector<std::string_view> entries_;
};

}  // namespace obelisk
