#include "codec/bit_packing.h"

#include <cstring>

#include "base/assert.h"

namespace obelisk {
namespace {

uint64_t mask_of(unsigned width) {
  return width == 64 ? ~uint64_t{0} : (uint64_t{1} << width) - 1;
}

// Reads like the fast path but stops at the end of the bytes.
uint64_t read_slowly(std::string_view bytes, unsigned width, size_t bit) {
  uint64_t value = 0;
  for (unsigned done = 0; done < width;) {
    size_t at = (bit + done) / 8;
    unsigned shift = static_cast<unsigned>((bit + done) % 8);
    uint64_t piece = static_cast<uint8_t>(bytes[at]) >> shift;
    value |= piece << done;
    done += 8 - shift;
  }
  return value & mask_of(width);
}

}  // namespace

void pack_bits(std::span<const uint64_t> values, unsigned width, std::string& out) {
  OBELISK_ASSERT(width <= 64);
  size_t start = out.size();
  out.resize(start + packed_bytes(values.size(), width));
  if (width == 0) return;
  char* target = out.data() + start;
  uint64_t pending = 0;  // the low `filled` bits wait to be written
  unsigned filled = 0;
  for (uint64_t value : values) {
    OBELISK_ASSERT((value & ~mask_of(width)) == 0);
    pending |= value << filled;
    if (filled + width >= 64) {
      std::memcpy(target, &pending, 8);
      target += 8;
      unsigned used = 64 - filled;
      pending = used == 64 ? 0 : value >> used;
      filled = filled + width - 64;
      if (filled == 0) pending = 0;
    } else {
      filled += width;
    }
  }
  std::memcpy(target, &pending, (filled + 7) / 8);
}

bool unpack_bits(std::string_view bytes, unsigned width, size_t count, uint64_t* out) {
  if (width > 64 || count > (uint64_t{1} << 50) || bytes.size() != packed_bytes(count, width)) return false;
  const uint64_t mask = mask_of(width);
  size_t bit = 0;
  size_t index = 0;
  if (width <= 57 && bytes.size() >= 8) {  // 57 bits lie in eight bytes whatever bit they start at
    size_t last_start = bytes.size() - 8;
    for (; index < count && bit / 8 <= last_start; ++index, bit += width) {
      uint64_t word = 0;
      std::memcpy(&word, bytes.data() + bit / 8, 8);
      out[index] = (word >> (bit % 8)) & mask;
    }
  }
  for (; index < count; ++index, bit += width) out[index] = read_slowly(bytes, width, bit);
  return true;
}

uint64_t unpack_one(std::string_view bytes, unsigned width, size_t index) {
  return read_slowly(bytes, width, index * width);
}

}  // namespace obelisk
