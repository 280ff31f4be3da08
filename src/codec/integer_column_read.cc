#include <algorithm>
#include <array>
#include <vector>

#include "base/assert.h"
#include "codec/bit_packing.h"
#include "codec/compression.h"
#include "codec/integer_column.h"
#include "codec/integer_column_format.h"

namespace obelisk {

using namespace integer_column_format;

namespace {

// Runs and deltas hold columns; no encoder nests them deeper.
constexpr int kDepthMax = 3;

// Which of a column's values are wanted.
struct Wanted {
  size_t first = 0;
  size_t last = 0;
};

bool get(ByteReader& reader, size_t count, Wanted wanted, int64_t* out, int depth);

// Unpacks at least the wanted numbers to where they belong.
bool unpack_wanted(std::string_view packed, unsigned width, Wanted wanted, uint64_t* numbers) {
  size_t first = wanted.first / 8 * 8, count = wanted.last - first;  // eight numbers begin at a byte
  std::string_view bytes = packed.substr(first / 8 * width, packed_bytes(count, width));
  return unpack_bits(bytes, width, count, numbers + first);
}

bool get_frame(ByteReader& reader, size_t count, Wanted wanted, int64_t* out) {
  int64_t base = reader.signed_varint();
  unsigned width = reader.u8();
  if (width > 64) return false;
  std::string_view packed = reader.bytes(packed_bytes(count, width));
  uint64_t* numbers = reinterpret_cast<uint64_t*>(out);  // signed and unsigned of one type may alias
  if (reader.failed() || !unpack_wanted(packed, width, wanted, numbers)) return false;
  for (size_t i = wanted.first; i < wanted.last; ++i) numbers[i] += static_cast<uint64_t>(base);
  return true;
}

bool get_delta(ByteReader& reader, size_t count, Wanted wanted, int64_t* out, int depth) {
  uint64_t value = static_cast<uint64_t>(reader.signed_varint());
  if (count == 0) return !reader.failed();
  out[0] = static_cast<int64_t>(value);
  size_t last = std::max<size_t>(wanted.last, 1);
  if (!get(reader, count - 1, {0, last - 1}, out + 1, depth + 1)) return false;
  for (size_t i = 1; i < last; ++i) {
    value += static_cast<uint64_t>(out[i]);
    out[i] = static_cast<int64_t>(value);
  }
  return true;
}

bool get_patched(ByteReader& reader, size_t count, Wanted wanted, int64_t* out) {
  uint8_t form = reader.u8();
  uint64_t base = static_cast<uint64_t>(reader.signed_varint());
  if (form > 1) return false;
  uint64_t* numbers = reinterpret_cast<uint64_t*>(out);
  for (size_t begin = 0; begin < count; begin += kPatchedBlock) {
    size_t in_block = std::min(kPatchedBlock, count - begin);
    bool is_wanted = begin < wanted.last && begin + in_block > wanted.first;
    unsigned width = reader.u8();
    size_t exceptions = reader.u8();
    if (width > 64 || exceptions > in_block) return false;
    std::string_view packed = reader.bytes(packed_bytes(in_block, width));
    if (reader.failed() || (is_wanted && !unpack_bits(packed, width, in_block, numbers + begin)))
      return false;
    for (; exceptions > 0; --exceptions) {
      size_t at = reader.u8();
      uint64_t high = reader.varint();
      if (reader.failed() || at >= in_block || width >= 64) return false;
      if (is_wanted) numbers[begin + at] |= high << width;
    }
  }
  for (size_t i = wanted.first; i < wanted.last; ++i) {
    if (form == 1) {
      numbers[i] = (numbers[i] >> 1) ^ (~(numbers[i] & 1) + 1);
    } else {
      numbers[i] += base;
    }
  }
  return !reader.failed();
}

bool get_runs(ByteReader& reader, size_t count, Wanted wanted, int64_t* out, int depth) {
  size_t runs = reader.varint_up_to(count);
  std::vector<int64_t> lengths(runs), heads(runs);
  if (!get(reader, runs, {0, runs}, lengths.data(), depth + 1) ||
      !get(reader, runs, {0, runs}, heads.data(), depth + 1))
    return false;
  size_t filled = 0;
  for (size_t i = 0; i < runs; ++i) {
    if (lengths[i] < 0 || static_cast<uint64_t>(lengths[i]) > count - filled) return false;
    size_t end = filled + static_cast<size_t>(lengths[i]);
    if (end > wanted.first && filled < wanted.last) std::fill(out + filled, out + end, heads[i]);
    filled = end;
  }
  return filled == count;
}

bool get_dictionary(ByteReader& reader, size_t count, Wanted wanted, int64_t* out, int depth) {
  size_t entry_count = reader.varint_up_to(kDictionaryEntriesMax);
  std::vector<int64_t> entries(entry_count);
  if (!get(reader, entry_count, {0, entry_count}, entries.data(), depth + 1)) return false;
  unsigned width = reader.u8();
  if (width > 16) return false;
  std::string_view packed = reader.bytes(packed_bytes(count, width));
  uint64_t* numbers = reinterpret_cast<uint64_t*>(out);
  if (reader.failed() || !unpack_wanted(packed, width, wanted, numbers)) return false;
  for (size_t i = wanted.first; i < wanted.last; ++i) {
    if (numbers[i] >= entry_count) return false;
    out[i] = entries[numbers[i]];
  }
  return true;
}

// Planes are compressed as a whole, so all values are made.
bool get_codes(ByteReader& reader, size_t count, int64_t* out, int depth) {
  size_t entry_count = reader.varint_up_to(kDictionaryEntriesMax);
  std::vector<int64_t> entries(entry_count);
  if (entry_count == 0 || !get(reader, entry_count, {0, entry_count}, entries.data(), depth + 1))
    return false;
  std::vector<char> plane(count);
  std::string_view packed = reader.text();
  if (reader.failed() || !zstd_decompress(packed, count, plane.data()).ok()) return false;
  if (entry_count <= 256) {
    entries.resize(256);  // entry numbers are checked all at once
    uint8_t largest = 0;
    for (size_t i = 0; i < count; ++i) {
      uint8_t number = static_cast<uint8_t>(plane[i]);
      largest = std::max(largest, number);
      out[i] = entries[number];
    }
    return largest < entry_count;
  }
  std::vector<char> high(count);
  packed = reader.text();
  if (reader.failed() || !zstd_decompress(packed, count, high.data()).ok()) return false;
  for (size_t i = 0; i < count; ++i) {
    size_t number = static_cast<uint8_t>(plane[i]) | size_t{static_cast<uint8_t>(high[i])} << 8;
    if (number >= entry_count) return false;
    out[i] = entries[number];
  }
  return true;
}

bool get(ByteReader& reader, size_t count, Wanted wanted, int64_t* out, int depth) {
  if (depth > kDepthMax) return false;
  switch (reader.u8()) {
    case kConstant: {
      int64_t value = reader.signed_varint();
      std::fill(out + wanted.first, out + wanted.last, value);
      return !reader.failed();
    }
    case kFrame:
      return get_frame(reader, count, wanted, out);
    case kDelta:
      return get_delta(reader, count, wanted, out, depth);
    case kDictionary:
      return get_dictionary(reader, count, wanted, out, depth);
    case kPatched:
      return get_patched(reader, count, wanted, out);
    case kRuns:
      return get_runs(reader, count, wanted, out, depth);
    case kCodes:
      return get_codes(reader, count, out, depth);
    default:
      return false;
  }
}

}  // namespace

bool decode_integer_column(ByteReader& reader, size_t count, int64_t* out) {
  return decode_integer_column(reader, count, 0, count, out);
}

bool decode_integer_column(ByteReader& reader, size_t count, size_t first, size_t last, int64_t* out) {
  OBELISK_ASSERT(first <= last && last <= count);
  if (count <= (uint64_t{1} << 32) && get(reader, count, {first, last}, out, 0)) return true;
  reader.fail();
  return false;
}

}  // namespace obelisk
