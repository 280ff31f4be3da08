#pragma once
// Numbers of one width, 0 to 64 bits each, packed without gaps: bit k of the stream is bit k % 8 of byte k /
// 8, a number begins with its lowest bit. `packed_bytes` long; nothing is read or written beyond.
#include <bit>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace obelisk {

constexpr uint64_t packed_bytes(uint64_t count, unsigned width) {
  return (count * width + 7) / 8;
}
inline unsigned width_of(uint64_t value) {
  return static_cast<unsigned>(std::bit_width(value));
}

void pack_bits(std::span<const uint64_t> values, unsigned width, std::string& out);
// False when `bytes` has not exactly packed_bytes(count, width) bytes or the width is over 64.
bool unpack_bits(std::string_view bytes, unsigned width, size_t count, uint64_t* out);
// One number of such a stream; the caller has checked that it lies inside.
uint64_t unpack_one(std::string_view bytes, unsigned width, size_t index);

}  // namespace obelisk
