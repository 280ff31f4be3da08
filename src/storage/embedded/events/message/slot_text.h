#pragma once
// The values of slots as text, and packed numbers one by one. Pure.
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace obelisk::message {

// One packed number; up to seven bytes beyond the packed ones are read and ignored.
inline uint64_t unpack(const char* packed, unsigned width, size_t index) {
  size_t bit = index * width;
  uint64_t word;
  std::memcpy(&word, packed + bit / 8, 8);
  word >>= bit % 8;
  if (width <= 57) return word & ((uint64_t{1} << width) - 1);
  if (bit % 8 + width > 64) {
    uint64_t next = static_cast<uint8_t>(packed[bit / 8 + 8]);
    word |= next << (64 - bit % 8);
  }
  return width == 64 ? word : word & ((uint64_t{1} << width) - 1);
}

inline constexpr char kPairs[] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051"
    "525354"
    "555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

// Right-aligned into `count` bytes, with leading zeros.
inline void put_digits(uint64_t value, char* out, unsigned count) {
  while (count >= 2) {
    uint64_t rest = value / 100;
    std::memcpy(out + count - 2, kPairs + (value - rest * 100) * 2, 2);
    value = rest;
    count -= 2;
  }
  if (count == 1) out[0] = static_cast<char>('0' + value % 10);
}

inline unsigned digits_of(uint64_t value) {
  unsigned count = 1;
  for (;;) {
    if (value < 10) return count;
    if (value < 100) return count + 1;
    if (value < 1000) return count + 2;
    if (value < 10000) return count + 3;
    value /= 10000;
    count += 4;
  }
}

inline char* put_number(uint64_t value, unsigned width, char* out) {
  unsigned count = digits_of(value);
  if (count < width) count = width;
  put_digits(value, out, count);
  return out + count;
}

inline char* put_clock(uint64_t seconds, char* out) {
  std::memcpy(out, kPairs + seconds / 3600 * 2, 2);
  out[2] = ':';
  std::memcpy(out + 3, kPairs + seconds / 60 % 60 * 2, 2);
  out[5] = ':';
  std::memcpy(out + 6, kPairs + seconds % 60 * 2, 2);
  return out + 8;
}

inline char* put_hex(const char* bytes, size_t count, char* out) {
  static constexpr char kDigitsText[] = "0123456789abcdef";
  for (size_t i = 0; i < count; ++i) {
    uint8_t byte = static_cast<uint8_t>(bytes[i]);
    *out++ = kDigitsText[byte >> 4];
    *out++ = kDigitsText[byte & 15];
  }
  return out;
}

inline char* put_uuid(const char* bytes, char* out) {
  out = put_hex(bytes, 4, out);
  for (size_t at : {4, 6, 8}) {
    *out++ = '-';
    out = put_hex(bytes + at, 2, out);
  }
  *out++ = '-';
  return put_hex(bytes + 10, 6, out);
}

}  // namespace obelisk::message
