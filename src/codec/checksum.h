#pragma once
// The checksum of every stored block and log frame: XXH3-64 (xxHash 0.8, its format is stable), eight bytes
// little-endian. `seed` chains: checksum64(b, checksum64(a)) covers a and then b.
#include <cstdint>
#include <string_view>

namespace obelisk {
uint64_t checksum64(std::string_view bytes, uint64_t seed = 0);
}  // namespace obelisk
