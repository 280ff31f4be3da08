#include "codec/value_integers.h"

#include <algorithm>
#include <bit>
#include <vector>

#include "base/assert.h"
#include "codec/value_bits.h"

namespace obelisk {
namespace {

enum Layout : uint8_t { kEqual = 0, kStride = 1, kPacked = 2, kPatched = 3 };

// Fields in [0, kRadixRangeMax] are packed three to a word: (range + 1)^3 stays below 2^63.
constexpr uint64_t kRadixRangeMax = (1u << 21) - 2;
constexpr uint64_t kWidthCodeBase = kRadixRangeMax + 1;  // range codes from here on mean a width in bits
constexpr size_t kTrimMax = 4;

unsigned width_of(uint64_t range) {
  return static_cast<unsigned>(std::bit_width(range));
}

// How `count` fields in [0, range] are laid out.
struct Packing {
  uint64_t radix = 1;  // 0: whole bits of `word_width`
  unsigned word_width = 0;
  unsigned rest_width = 0;

  Packing(uint64_t range, size_t count) {
    if (range > kRadixRangeMax) {
      radix = 0;
      word_width = width_of(range);
      return;
    }
    radix = range + 1;
    word_width = width_of(radix * radix * radix - 1);
    size_t rest = count % 3;
    rest_width = rest == 0 ? 0 : rest == 1 ? width_of(radix - 1) : width_of(radix * radix - 1);
  }

  uint64_t bits(size_t count) const {
    if (radix == 0) return static_cast<uint64_t>(word_width) * count;
    return static_cast<uint64_t>(word_width) * (count / 3) + rest_width;
  }
};

uint64_t range_code(uint64_t range) {
  return range <= kRadixRangeMax ? range : kWidthCodeBase + width_of(range);
}

void pack_fields(std::span<const uint64_t> fields, uint64_t range, std::string& out) {
  Packing packing(range, fields.size());
  BitWriter writer(out);
  if (packing.radix == 0) {
    for (uint64_t field : fields) writer.write(field, packing.word_width);
  } else {
    uint64_t radix = packing.radix;
    size_t i = 0;
    for (; i + 3 <= fields.size(); i += 3) {
      writer.write(fields[i] + radix * (fields[i + 1] + radix * fields[i + 2]), packing.word_width);
    }
    uint64_t rest = 0;
    for (size_t j = fields.size(); j > i; --j) rest = rest * radix + fields[j - 1];
    writer.write(rest, packing.rest_width);
  }
  writer.finish();
}

// Word is uint32_t where it suffices: its division is several times cheaper.
template <typename Word>
void unpack_words(BitReader& bits, const Packing& packing, std::span<uint64_t> out) {
  Word radix = static_cast<Word>(packing.radix);
  size_t i = 0;
  for (; i + 3 <= out.size(); i += 3) {
    Word word = static_cast<Word>(bits.read(packing.word_width));
    Word upper = word / radix;
    Word last = upper / radix;
    out[i] = word - upper * radix;
    out[i + 1] = upper - last * radix;
    out[i + 2] = last;
  }
  uint64_t rest = bits.read(packing.rest_width);
  for (; i < out.size(); ++i) {
    out[i] = rest % packing.radix;
    rest /= packing.radix;
  }
}

bool unpack_fields(ByteReader& reader, uint64_t code, std::span<uint64_t> out) {
  if (code > kWidthCodeBase + 64) return false;
  uint64_t range =
      code <= kRadixRangeMax ? code : low_bits_mask(static_cast<unsigned>(code - kWidthCodeBase));
  if (code > kRadixRangeMax && range <= kRadixRangeMax) return false;
  Packing packing(range, out.size());
  BitReader bits(reader.bytes(bytes_of_bits(packing.bits(out.size()))));
  if (reader.failed()) return false;
  if (packing.radix == 0) {
    for (uint64_t& field : out) field = bits.read(packing.word_width);
  } else if (packing.radix == 1) {
    std::fill(out.begin(), out.end(), 0);
  } else if (packing.word_width <= 32) {
    unpack_words<uint32_t>(bits, packing, out);
  } else {
    unpack_words<uint64_t>(bits, packing, out);
  }
  return true;
}

uint64_t distance(int64_t low, int64_t high) {
  return static_cast<uint64_t>(high) - static_cast<uint64_t>(low);
}

// Differences inside [low, high] are packed, the others patched.
struct Choice {
  int64_t low = 0;
  int64_t high = 0;
  uint64_t bits = ~0ull;
  size_t patches = 0;
};

// The few smallest and largest differences, to see what leaving them out would save.
struct Extremes {
  int64_t low[kTrimMax + 1];
  int64_t high[kTrimMax + 1];
  size_t kept = 0;

  Extremes(std::span<const int64_t> deltas, size_t trim) {
    size_t wanted = std::min(trim + 1, deltas.size());
    for (int64_t delta : deltas) {
      insert(low, wanted, delta, [](int64_t a, int64_t b) { return a < b; });
      insert(high, wanted, delta, [](int64_t a, int64_t b) { return a > b; });
      if (kept < wanted) ++kept;
    }
  }

 private:
  template <typename Before>
  void insert(int64_t* sorted, size_t wanted, int64_t value, Before before) {
    if (kept == wanted && !before(value, sorted[wanted - 1])) return;
    size_t at = kept < wanted ? kept : wanted - 1;
    for (; at > 0 && before(value, sorted[at - 1]); --at) sorted[at] = sorted[at - 1];
    sorted[at] = value;
  }
};

uint64_t patch_bits(size_t patches, uint64_t patch_range, size_t count) {
  if (patches == 0) return 0;
  return 24 + patches * (width_of(count - 1) + width_of(patch_range));
}

Choice choose_trimmed(std::span<const int64_t> deltas) {
  size_t count = deltas.size();
  size_t trim = std::min(kTrimMax, count / 8);
  Extremes extremes(deltas, trim);
  Choice best;
  for (size_t i = 0; i <= trim; ++i) {
    for (size_t j = 0; i + j <= trim; ++j) {
      int64_t low = extremes.low[i];
      int64_t high = extremes.high[j];
      if (low > high) continue;
      int64_t patch_low = i > 0 ? extremes.low[0] : extremes.high[j == 0 ? 0 : j - 1];
      int64_t patch_high = j > 0 ? extremes.high[0] : extremes.low[i == 0 ? 0 : i - 1];
      uint64_t bits = Packing(distance(low, high), count).bits(count) +
                      patch_bits(i + j, distance(patch_low, patch_high), count);
      if (bits < best.bits) best = {low, high, bits, i + j};
    }
  }
  return best;
}

// The value that most differences share, if one has the majority, and everything else as patches.
Choice choose_majority(std::span<const int64_t> deltas) {
  int64_t candidate = 0;
  size_t votes = 0;
  for (int64_t delta : deltas) {
    if (votes == 0) candidate = delta;
    if (delta == candidate) {
      ++votes;
    } else {
      --votes;
    }
  }
  size_t patches = 0;
  int64_t low = INT64_MAX;
  int64_t high = INT64_MIN;
  for (int64_t delta : deltas) {
    if (delta == candidate) continue;
    ++patches;
    low = std::min(low, delta);
    high = std::max(high, delta);
  }
  if (patches * 2 >= deltas.size()) return {};
  uint64_t bits = patch_bits(patches, patches == 0 ? 0 : distance(low, high), deltas.size());
  return {candidate, candidate, bits, patches};
}

void append_patches(std::span<const int64_t> deltas, const Choice& choice, std::string& out) {
  std::vector<uint64_t> positions;
  std::vector<uint64_t> fields;
  int64_t low = INT64_MAX;
  int64_t high = INT64_MIN;
  for (size_t i = 0; i < deltas.size(); ++i) {
    if (deltas[i] >= choice.low && deltas[i] <= choice.high) continue;
    positions.push_back(i);
    fields.push_back(static_cast<uint64_t>(deltas[i]));
    low = std::min(low, deltas[i]);
    high = std::max(high, deltas[i]);
  }
  for (uint64_t& field : fields) field -= static_cast<uint64_t>(low);
  unsigned position_width = width_of(deltas.size() - 1);
  unsigned width = width_of(distance(low, high));
  append_varint(out, positions.size());
  append_signed_varint(out, low);
  out.push_back(static_cast<char>(width));
  BitWriter writer(out);
  for (size_t i = 0; i < positions.size(); ++i) {
    writer.write(positions[i], position_width);
    writer.write(fields[i], width);
  }
  writer.finish();
}

bool apply_patches(ByteReader& reader, std::span<uint64_t> deltas) {
  uint64_t patches = reader.varint_up_to(deltas.size());
  uint64_t low = static_cast<uint64_t>(reader.signed_varint());
  unsigned width = reader.fixed<uint8_t>();
  if (width > 64) return false;
  unsigned position_width = width_of(deltas.size() - 1);
  BitReader bits(reader.bytes(bytes_of_bits(patches * (position_width + width))));
  if (reader.failed()) return false;
  for (uint64_t i = 0; i < patches; ++i) {
    uint64_t position = bits.read(position_width);
    uint64_t field = bits.read(width);
    if (position >= deltas.size()) return false;
    deltas[position] = low + field;
  }
  return true;
}

// Small stack space for the usual block, the heap for longer columns.
template <typename T>
class Scratch {
 public:
  explicit Scratch(size_t count) {
    if (count > kInline) heap_.resize(count);
    values_ = std::span<T>(count > kInline ? heap_.data() : inline_, count);
  }
  std::span<T> get() { return values_; }

 private:
  static constexpr size_t kInline = 128;
  T inline_[kInline];
  std::vector<T> heap_;
  std::span<T> values_;
};

bool decode_packed(ByteReader& reader, uint8_t layout, uint64_t first, std::span<int64_t> out) {
  if (out.size() < 2) return false;
  uint64_t base = static_cast<uint64_t>(reader.signed_varint());
  uint64_t code = reader.varint();
  Scratch<uint64_t> scratch(out.size() - 1);
  std::span<uint64_t> deltas = scratch.get();
  if (reader.failed() || !unpack_fields(reader, code, deltas)) return false;
  for (uint64_t& delta : deltas) delta += base;
  if (layout == kPatched && !apply_patches(reader, deltas)) return false;
  uint64_t value = first;
  out[0] = static_cast<int64_t>(value);
  for (size_t i = 0; i < deltas.size(); ++i) {
    value += deltas[i];
    out[i + 1] = static_cast<int64_t>(value);
  }
  return true;
}

}  // namespace

uint8_t encode_integers(std::span<const int64_t> values, std::string& out) {
  OBELISK_ASSERT(!values.empty());
  append_signed_varint(out, values[0]);
  Scratch<int64_t> scratch(values.size() - 1);
  std::span<int64_t> deltas = scratch.get();
  bool all_same = true;
  for (size_t i = 0; i < deltas.size(); ++i) {
    deltas[i] = static_cast<int64_t>(static_cast<uint64_t>(values[i + 1]) - static_cast<uint64_t>(values[i]));
    all_same &= deltas[i] == deltas[0];
  }
  if (all_same) {
    if (deltas.empty() || deltas[0] == 0) return kEqual;
    append_signed_varint(out, deltas[0]);
    return kStride;
  }
  Choice choice = choose_trimmed(deltas);
  if (Choice majority = choose_majority(deltas); majority.bits < choice.bits) choice = majority;
  uint64_t range = distance(choice.low, choice.high);
  append_signed_varint(out, choice.low);
  append_varint(out, range_code(range));
  Scratch<uint64_t> field_scratch(deltas.size());
  std::span<uint64_t> fields = field_scratch.get();
  bool patched = false;
  for (size_t i = 0; i < deltas.size(); ++i) {
    bool inside = deltas[i] >= choice.low && deltas[i] <= choice.high;
    fields[i] = inside ? distance(choice.low, deltas[i]) : 0;
    patched |= !inside;
  }
  pack_fields(fields, range, out);
  if (!patched) return kPacked;
  append_patches(deltas, choice, out);
  return kPatched;
}

bool decode_integers(ByteReader& reader, uint8_t layout, std::span<int64_t> out) {
  OBELISK_ASSERT(!out.empty());
  int64_t first = reader.signed_varint();
  if (layout == kEqual) {
    std::fill(out.begin(), out.end(), first);
  } else if (layout == kStride) {
    uint64_t stride = static_cast<uint64_t>(reader.signed_varint());
    uint64_t value = static_cast<uint64_t>(first);
    for (int64_t& slot : out) {
      slot = static_cast<int64_t>(value);
      value += stride;
    }
  } else if (!decode_packed(reader, layout, static_cast<uint64_t>(first), out)) {
    reader.fail();
  }
  return !reader.failed();
}

}  // namespace obelisk
