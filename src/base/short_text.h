#pragma once
// Equality of texts that are mostly short, as names and dictionary entries are: a call of memcmp costs more
// than comparing them.
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

}  // namespace obelisk
