#pragma once
// Variable-length integers (LEB128: seven bits a byte, low bits first, the top bit says "more"; at most ten
// bytes) and little-endian fixed-size numbers, appended to a string. Read them back with ByteReader.
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace obelisk {

static_assert(std::endian::native == std::endian::little,
              "stored numbers are little-endian and copied as they are");

inline void append_varint(std::string& out, uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

// Small negative and small positive numbers both become small: 0, -1, 1, -2 are 0, 1, 2, 3.
inline uint64_t zigzag_encode(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
}
inline int64_t zigzag_decode(uint64_t value) {
  return static_cast<int64_t>((value >> 1) ^ (~(value & 1) + 1));
}

inline void append_signed_varint(std::string& out, int64_t value) {
  append_varint(out, zigzag_encode(value));
}

template <typename T>
void append_fixed(std::string& out, T value) {
  char raw[sizeof(T)];
  std::memcpy(raw, &value, sizeof(T));
  out.append(raw, sizeof(T));
}

inline size_t varint_bytes(uint64_t value) {
  return (static_cast<size_t>(std::bit_width(value | 1)) + 6) / 7;
}

// The length as a varint, then the bytes; ByteReader::text reads it.
inline void append_text(std::string& out, std::string_view bytes) {
  append_varint(out, bytes.size());
  out.append(bytes);
}

}  // namespace obelisk
