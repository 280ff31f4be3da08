#pragma once
// Whether two of a batch's columns share scope, type and name. Names are compared only where their hashes
// agree: a request of few rows has as many columns to check as a large one, so this must cost little.
#include <algorithm>
#include <bit>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "plan/columns.h"

namespace obelisk {

struct ColumnIdentity {
  Scope scope = Scope::fixed;
  ColumnType type = ColumnType::string;
  std::string_view name;

  bool operator==(const ColumnIdentity&) const = default;
};

// The first column that equals one before it; `count` when none does. `key_of(i)` is a ColumnIdentity.
template <typename KeyOf>
size_t find_repeated_column(size_t count, KeyOf&& key_of) {
  // A free slot holds 0, a taken one the number of its column and one, and what else the hash has.
  constexpr size_t kOnStack = 256;
  uint64_t on_stack[kOnStack];
  std::vector<uint64_t> on_heap;
  size_t size = std::bit_ceil(count * 2 + 2);
  if (size > kOnStack) on_heap.resize(size);
  uint64_t* slots = size > kOnStack ? on_heap.data() : on_stack;
  if (size <= kOnStack) std::fill_n(on_stack, size, 0);
  for (size_t i = 0; i < count; ++i) {
    const ColumnIdentity key = key_of(i);
    uint64_t seed = static_cast<uint64_t>(key.scope) << 8 | static_cast<uint64_t>(key.type);
    uint64_t hash = hash64(key.name, seed);
    uint64_t entry = (hash & ~uint64_t{UINT32_MAX}) | (i + 1);
    size_t at = hash & (size - 1);
    for (; slots[at] != 0; at = (at + 1) & (size - 1)) {
      bool alike = ((slots[at] ^ entry) >> 32) == 0;
      if (alike && key_of(static_cast<uint32_t>(slots[at]) - 1) == key) return i;
    }
    slots[at] = entry;
  }
  return count;
}

}  // namespace obelisk
