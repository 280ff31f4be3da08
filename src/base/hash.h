#pragma once
// 64-bit xxHash3, the hash of every in-memory table and of label sets. Not for hostile-collision resistance:
// tables keyed by it compare the full key.
#include <cstdint>
#include <string_view>

namespace obelisk {
uint64_t hash64(std::string_view bytes, uint64_t seed = 0);

// Wide enough that equal hashes mean equal bytes wherever nobody gains by a collision (2^-128 by accident).
struct Hash128 {
  uint64_t low = 0;
  uint64_t high = 0;
  bool operator==(const Hash128&) const = default;
};
Hash128 hash128(std::string_view bytes);
}  // namespace obelisk
