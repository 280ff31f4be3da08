#include "codec/bit_packing.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

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

namespace {

// Eight numbers of one width begin at a byte and take `Width` bytes, so with the width known when compiling
// every offset and shift is too. As many eights as can be read in whole words; returns how many numbers.
template <unsigned Width>
size_t unpack_eights(const char* bytes, size_t size, size_t count, uint64_t* out) {
  if constexpr (Width == 64) {
    if (count > 0) std::memcpy(out, bytes, count * 8);
    return count;
  } else {
    constexpr uint64_t kMask = (uint64_t{1} << Width) - 1;
    constexpr size_t kLastWord = 7 * Width / 8 + (Width > 57 ? 8 : 0);  // where the last word read begins
    size_t done = 0;
    for (; done + 8 <= count && kLastWord + 8 <= size; done += 8, bytes += Width, size -= Width) {
#pragma GCC unroll 8
      for (unsigned i = 0; i < 8; ++i) {
        const unsigned shift = i * Width % 8;
        uint64_t word = 0;
        std::memcpy(&word, bytes + i * Width / 8, 8);
        word >>= shift;
        if constexpr (Width > 57) {
          if (shift + Width > 64) {
            uint64_t next = static_cast<uint8_t>(bytes[i * Width / 8 + 8]);
            word |= next << (64 - shift);
          }
        }
        out[done + i] = word & kMask;
      }
    }
    return done;
  }
}

using Unpacker = size_t (*)(const char*, size_t, size_t, uint64_t*);

template <size_t... Widths>
constexpr std::array<Unpacker, sizeof...(Widths)> unpackers_of(std::index_sequence<Widths...>) {
  return {unpack_eights<Widths>...};
}
constexpr auto kUnpackers = unpackers_of(std::make_index_sequence<65>());

}  // namespace

bool unpack_bits(std::string_view bytes, unsigned width, size_t count, uint64_t* out) {
  if (width > 64 || count > (uint64_t{1} << 50) || bytes.size() != packed_bytes(count, width)) return false;
  if (width == 0) {
    std::fill_n(out, count, 0);
    return true;
  }
  size_t index = kUnpackers[width](bytes.data(), bytes.size(), count, out);
  for (size_t bit = index * width; index < count; ++index, bit += width)
    out[index] = read_slowly(bytes, width, bit);
  return true;
}

uint64_t unpack_one(std::string_view bytes, unsigned width, size_t index) {
  return read_slowly(bytes, width, index * width);
}

}  // namespace obelisk
