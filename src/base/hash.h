#pragma once
// 64-bit xxHash3, the hash of every in-memory table and of label sets. Not for hostile-collision resistance:
// tables keyed by it compare the full key.
#include <cstdint>
#include <string_view>

namespace obelisk {
uint64_t hash64(std::string_view bytes, uint64_t seed = 0);
}  // namespace obelisk
