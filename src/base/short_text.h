#pragma once
// Equality and hashes of texts that are mostly short, as names and dictionary entries are: calls of memcmp
// and of a hash for any length cost more than comparing and mixing them.
#include <cstdint>
#include <cstring>
#include <string_view>

namespace obelisk {

inline bool equal_texts(std::string_view a, std::string_view b) {
  size_t size = a.size();
  if (size != b.size()) return false;
  const char *left = a.data(), *right = b.data();
  if (left == right) return true;
  auto differ = [&](size_t at, auto word) {
    auto other = word;
    std::memcpy(&word, left + at, sizeof word);
    std::memcpy(&other, right + at, sizeof other);
    return word ^ other;
  };
  if (size >= 8) {
    if (size > 32) return std::memcmp(left, right, size) == 0;
    for (size_t at = 0; at + 8 < size; at += 8) {
      if (differ(at, uint64_t{}) != 0) return false;
    }
    return differ(size - 8, uint64_t{}) == 0;
  }
  if (size >= 4) return (differ(0, uint32_t{}) | differ(size - 4, uint32_t{})) == 0;
  for (size_t at = 0; at < size; ++at) {
    if (left[at] != right[at]) return false;
  }
  return true;
}

// For tables in memory: not stable over versions. Texts of more than 16 bytes are mixed 16 bytes at a time.
inline uint64_t hash_short_text(std::string_view text) {
  constexpr uint64_t kFirst = 0x9E3779B97F4A7C15u, kSecond = 0xD6E8FEB86659FD93u;
  const char* at = text.data();
  size_t size = text.size();
  auto word = [](const char* from) {
    uint64_t value = 0;
    std::memcpy(&value, from, sizeof value);
    return value;
  };
  // The sum keeps both words where one makes the product zero.
  auto mix = [](uint64_t a, uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    auto product = static_cast<Wide>(a) * b;
    return (static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64)) + __builtin_bswap64(a) + b;
  };
  uint64_t low = 0, high = 0, hash = size * kFirst;
  if (size >= 8) {
    for (; size > 16; at += 16, size -= 16) hash = mix(word(at) ^ kFirst ^ hash, word(at + 8) ^ kSecond);
    // The last 8 to 16 bytes, or, of a longer text, bytes that were mixed before and those.
    low = size >= 8 ? word(at) : word(at + size - 16);
    high = word(at + size - 8);
  } else if (size >= 4) {
    uint32_t first = 0, last = 0;
    std::memcpy(&first, at, sizeof first);
    std::memcpy(&last, at + size - 4, sizeof last);
    low = first;
    high = last;
  } else if (size > 0) {
    low = static_cast<uint8_t>(at[0]) | static_cast<uint64_t>(static_cast<uint8_t>(at[size / 2])) << 8;
    high = static_cast<uint8_t>(at[size - 1]);
  }
  hash = mix(low ^ kSecond ^ hash, high ^ kFirst);
  return (hash ^ hash >> 32) * kFirst >> 16;
}

}  // namespace obelisk
