#include "codec/integer_column.h"

#include <algorithm>
#include <unordered_map>
#include <vector>

#include "codec/bit_packing.h"

namespace obelisk {
namespace {

enum Coding : uint8_t { kConstant = 0, kFrame = 1, kDelta = 2, kDictionary = 3 };
constexpr size_t kDictionaryEntriesMax = 4096;

struct Bounds {
  int64_t min = 0;
  int64_t max = 0;
  unsigned width() const { return width_of(static_cast<uint64_t>(max) - static_cast<uint64_t>(min)); }
};

Bounds bounds_of(std::span<const int64_t> values) {
  Bounds bounds;
  if (values.empty()) return bounds;
  auto [low, high] = std::minmax_element(values.begin(), values.end());
  return {*low, *high};
}

struct Dictionary {
  std::vector<int64_t> entries;  // ascending
  std::vector<uint64_t> ids;
};

// Null size when there are too many distinct values for a dictionary to beat `frame_width` bits a value.
bool build_dictionary(std::span<const int64_t> values, unsigned frame_width, Dictionary& dictionary) {
  size_t entries_max = std::min(kDictionaryEntriesMax, values.size() / 4);
  std::unordered_map<int64_t, uint32_t> seen;
  for (int64_t value : values) {
    if (seen.try_emplace(value, 0).second && seen.size() > entries_max) return false;
  }
  size_t count = seen.size();
  if (packed_bytes(values.size(), width_of(count - 1)) + packed_bytes(count, frame_width) + 8 >=
      packed_bytes(values.size(), frame_width)) {
    return false;
  }
  for (const auto& [value, id] : seen) dictionary.entries.push_back(value);
  std::sort(dictionary.entries.begin(), dictionary.entries.end());
  for (uint32_t id = 0; id < count; ++id) seen[dictionary.entries[id]] = id;
  dictionary.ids.reserve(values.size());
  for (int64_t value : values) dictionary.ids.push_back(seen[value]);
  return true;
}

void put_constant(int64_t value, std::string& out) {
  append_fixed<uint8_t>(out, kConstant);
  append_signed_varint(out, value);
}

void put_frame(std::span<const int64_t> values, const Bounds& bounds, std::string& out) {
  append_fixed<uint8_t>(out, kFrame);
  append_signed_varint(out, bounds.min);
  append_fixed<uint8_t>(out, static_cast<uint8_t>(bounds.width()));
  std::vector<uint64_t> offsets(values.size());
  for (size_t i = 0; i < values.size(); ++i)
    offsets[i] = static_cast<uint64_t>(values[i]) - static_cast<uint64_t>(bounds.min);
  pack_bits(offsets, bounds.width(), out);
}

// Constant or frame.
void put_plain(std::span<const int64_t> values, const Bounds& bounds, std::string& out) {
  if (bounds.min == bounds.max) return put_constant(bounds.min, out);
  put_frame(values, bounds, out);
}

void put_dictionary(const Dictionary& dictionary, std::string& out) {
  append_fixed<uint8_t>(out, kDictionary);
  append_varint(out, dictionary.entries.size());
  put_plain(dictionary.entries, bounds_of(dictionary.entries), out);
  unsigned width = width_of(dictionary.entries.size() - 1);
  append_fixed<uint8_t>(out, static_cast<uint8_t>(width));
  pack_bits(dictionary.ids, width, out);
}

// Constant, frame or dictionary: everything but delta.
void put_flat(std::span<const int64_t> values, const Bounds& bounds, std::string& out) {
  Dictionary dictionary;
  if (bounds.width() > 4 && values.size() >= 64 && build_dictionary(values, bounds.width(), dictionary)) {
    return put_dictionary(dictionary, out);
  }
  put_plain(values, bounds, out);
}

bool get(ByteReader& reader, size_t count, int64_t* out, int depth);

bool get_frame(ByteReader& reader, size_t count, int64_t* out) {
  int64_t base = reader.signed_varint();
  unsigned width = reader.u8();
  if (width > 64) return false;
  std::string_view packed = reader.bytes(packed_bytes(count, width));
  uint64_t* numbers = reinterpret_cast<uint64_t*>(out);  // signed and unsigned of one type may alias
  if (reader.failed() || !unpack_bits(packed, width, count, numbers)) return false;
  for (size_t i = 0; i < count; ++i) numbers[i] += static_cast<uint64_t>(base);
  return true;
}

bool get_delta(ByteReader& reader, size_t count, int64_t* out) {
  uint64_t value = static_cast<uint64_t>(reader.signed_varint());
  if (count == 0) return !reader.failed();
  out[0] = static_cast<int64_t>(value);
  if (!get(reader, count - 1, out + 1, 1)) return false;
  for (size_t i = 1; i < count; ++i) {
    value += static_cast<uint64_t>(out[i]);
    out[i] = static_cast<int64_t>(value);
  }
  return true;
}

bool get_dictionary(ByteReader& reader, size_t count, int64_t* out) {
  size_t entry_count = reader.varint_up_to(kDictionaryEntriesMax);
  std::vector<int64_t> entries(entry_count);
  if (!get(reader, entry_count, entries.data(), 2)) return false;
  unsigned width = reader.u8();
  if (width > 16) return false;
  std::string_view packed = reader.bytes(packed_bytes(count, width));
  uint64_t* numbers = reinterpret_cast<uint64_t*>(out);
  if (reader.failed() || !unpack_bits(packed, width, count, numbers)) return false;
  for (size_t i = 0; i < count; ++i) {
    if (numbers[i] >= entry_count) return false;
    out[i] = entries[numbers[i]];
  }
  return true;
}

// depth 0: anything; 1: inside a delta; 2: entries of a dictionary.
bool get(ByteReader& reader, size_t count, int64_t* out, int depth) {
  switch (reader.u8()) {
    case kConstant: {
      int64_t value = reader.signed_varint();
      std::fill_n(out, count, value);
      return !reader.failed();
    }
    case kFrame:
      return get_frame(reader, count, out);
    case kDelta:
      return depth == 0 && get_delta(reader, count, out);
    case kDictionary:
      return depth <= 1 && get_dictionary(reader, count, out);
    default:
      return false;
  }
}

}  // namespace

void encode_integer_column(std::span<const int64_t> values, std::string& out) {
  Bounds bounds = bounds_of(values);
  if (bounds.min == bounds.max) return put_constant(bounds.min, out);
  std::vector<int64_t> deltas(values.size() - 1);
  for (size_t i = 1; i < values.size(); ++i) {
    deltas[i - 1] =
        static_cast<int64_t>(static_cast<uint64_t>(values[i]) - static_cast<uint64_t>(values[i - 1]));
  }
  Bounds delta_bounds = bounds_of(deltas);
  if (delta_bounds.width() < bounds.width()) {
    append_fixed<uint8_t>(out, kDelta);
    append_signed_varint(out, values[0]);
    return put_flat(deltas, delta_bounds, out);
  }
  put_flat(values, bounds, out);
}

bool decode_integer_column(ByteReader& reader, size_t count, int64_t* out) {
  if (count <= (uint64_t{1} << 32) && get(reader, count, out, 0)) return true;
  reader.fail();
  return false;
}

}  // namespace obelisk
