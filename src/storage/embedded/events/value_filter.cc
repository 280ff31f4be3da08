#include "storage/embedded/events/value_filter.h"

#include <cstdint>
#include <cstring>

#include "codec/checksum.h"

namespace obelisk {
namespace {

constexpr size_t kBitsPerEntry = 12;

uint64_t bits_of(uint64_t hash) {
  uint64_t bits = 0;
  for (int i = 0; i < 5; ++i) bits |= uint64_t{1} << (hash >> (i * 6) & 63);
  return bits;
}

size_t word_of(uint64_t hash, size_t word_count) {
  return static_cast<size_t>((hash >> 32) * word_count >> 32);
}

}  // namespace

std::string make_value_filter(std::span<const std::string_view> entries) {
  size_t word_count = (entries.size() * kBitsPerEntry + 63) / 64;
  std::string filter(word_count * 8, '\0');
  for (std::string_view entry : entries) {
    uint64_t hash = checksum64(entry), word = 0;
    char* at = filter.data() + word_of(hash, word_count) * 8;
    std::memcpy(&word, at, 8);
    word |= bits_of(hash);
    std::memcpy(at, &word, 8);
  }
  return filter;
}

bool may_have_value(std::string_view filter, std::string_view text) {
  size_t word_count = filter.size() / 8;
  if (word_count == 0) return true;
  uint64_t hash = checksum64(text), word = 0;
  std::memcpy(&word, filter.data() + word_of(hash, word_count) * 8, 8);
  uint64_t wanted = bits_of(hash);
  return (word & wanted) == wanted;
}

}  // namespace obelisk
