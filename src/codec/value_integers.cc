#include "codec/value_integers.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
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
constexpr uint64_t kQuickBitsMax =
    12;                                // wider differences may well be one that stands out: a counter's reset
constexpr size_t kInlineFields = 128;  // the usual block is packed without the heap

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

// Bits from the lowest of each byte on, as BitWriter's, into memory that is long enough.
class WordWriter {
 public:
  explicit WordWriter(char* out) : out_(out) {}

  void write(uint64_t value, unsigned width) {
    if (width == 0) return;
    buffer_ |= value << used_;
    if (used_ + width < 64) {
      used_ += width;
      return;
    }
    std::memcpy(out_, &buffer_, sizeof(buffer_));
    out_ += sizeof(buffer_);
    unsigned taken = 64 - used_;
    buffer_ = taken == 64 ? 0 : value >> taken;
    used_ = width - taken;
  }
  char* finish() {
    std::memcpy(out_, &buffer_, sizeof(buffer_));
    return out_ + bytes_of_bits(used_);
  }

 private:
  char* out_;
  uint64_t buffer_ = 0;
  unsigned used_ = 0;  // bits of buffer_ in use, below 64
};

uint64_t range_code(uint64_t range) {
  return range <= kRadixRangeMax ? range : kWidthCodeBase + width_of(range);
}

// `out` is long enough for packing.bits() and a word more. Gives the end.
char* pack_fields(std::span<const uint64_t> fields, const Packing& packing, char* out) {
  WordWriter writer(out);
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
  return writer.finish();
}

void append_fields(std::span<const uint64_t> fields, uint64_t range, std::string& out) {
  Packing packing(range, fields.size());
  char inline_bytes[kInlineFields * sizeof(uint64_t) + sizeof(uint64_t)];
  if (fields.size() <= kInlineFields) {
    out.append(inline_bytes, static_cast<size_t>(pack_fields(fields, packing, inline_bytes) - inline_bytes));
    return;
  }
  size_t begin = out.size();
  out.resize(begin + bytes_of_bits(packing.bits(fields.size())) + sizeof(uint64_t));
  char* end = pack_fields(fields, packing, out.data() + begin);
  out.resize(static_cast<size_t>(end - out.data()));
}

__extension__ using Wide = unsigned __int128;

// Divides by one number many times over: a multiplication takes a tenth of a division.
class Divisor {
 public:
  explicit Divisor(uint64_t number) : number_(number), reciprocal_(~uint64_t{0} / number) {}

  uint64_t quotient(uint64_t value) const {
    uint64_t quotient = static_cast<uint64_t>(Wide{value} * reciprocal_ >> 64);
    // The reciprocal is rounded down: the quotient is too small by one or two at most.
    for (uint64_t rest = value - quotient * number_; rest >= number_; rest -= number_) ++quotient;
    return quotient;
  }

 private:
  uint64_t number_;
  uint64_t reciprocal_;
};

// Below 2^32, by a number in [2, 2^32): exact without a second look.
class SmallDivisor {
 public:
  explicit SmallDivisor(uint64_t number) : reciprocal_(~uint64_t{0} / number + 1) {}
  uint64_t quotient(uint64_t value) const { return static_cast<uint64_t>(Wide{value} * reciprocal_ >> 64); }

 private:
  uint64_t reciprocal_;
};

template <typename By>
void unpack_words(BitReader& bits, const Packing& packing, std::span<uint64_t> out) {
  const uint64_t radix = packing.radix;
  const By divisor(radix);
  size_t i = 0;
  auto unpack = [&](uint64_t word) {
    uint64_t upper = divisor.quotient(word);
    uint64_t last = divisor.quotient(upper);
    out[i] = word - upper * radix;
    out[i + 1] = upper - last * radix;
    out[i + 2] = last;
  };
  const size_t quick_end = std::min(out.size() / 3, bits.quick_reads(packing.word_width)) * 3;
  for (; i < quick_end; i += 3) unpack(bits.read_quickly(packing.word_width));
  for (; i + 3 <= out.size(); i += 3) unpack(bits.read(packing.word_width));
  uint64_t rest = bits.read(packing.rest_width);
  for (; i < out.size(); ++i) {
    out[i] = rest % packing.radix;
    rest /= packing.radix;
  }
}

// The sum of the first `wanted` of `count` fields.
template <typename By>
uint64_t sum_words(BitReader& bits, const Packing& packing, size_t count, size_t wanted) {
  const uint64_t radix = packing.radix;
  const By divisor(radix);
  uint64_t sum = 0;
  size_t i = 0;
  auto add = [&](uint64_t word) {
    uint64_t upper = divisor.quotient(word);
    // word - upper * radix, upper - last * radix, and last
    sum += word - (radix - 1) * (upper + divisor.quotient(upper));
  };
  const size_t quick_end = std::min(wanted / 3, bits.quick_reads(packing.word_width)) * 3;
  for (; i < quick_end; i += 3) add(bits.read_quickly(packing.word_width));
  for (; i + 3 <= wanted; i += 3) add(bits.read(packing.word_width));
  if (i == wanted) return sum;
  uint64_t word = bits.read(i + 3 <= count ? packing.word_width : packing.rest_width);
  for (; i < wanted; ++i) {
    sum += word % radix;
    word /= radix;
  }
  return sum;
}

// What `count` fields take, checked to be there; nothing when `code` is none.
std::optional<Packing> read_packing(uint64_t code, size_t count, ByteReader& reader, BitReader& bits) {
  if (code > kWidthCodeBase + 64) return std::nullopt;
  uint64_t range =
      code <= kRadixRangeMax ? code : low_bits_mask(static_cast<unsigned>(code - kWidthCodeBase));
  if (code > kRadixRangeMax && range <= kRadixRangeMax) return std::nullopt;
  Packing packing(range, count);
  bits = BitReader(reader.bytes(bytes_of_bits(packing.bits(count))));
  if (reader.failed()) return std::nullopt;
  return packing;
}

bool unpack_fields(ByteReader& reader, uint64_t code, std::span<uint64_t> out) {
  BitReader bits({});
  std::optional<Packing> packing = read_packing(code, out.size(), reader, bits);
  if (!packing) return false;
  if (packing->radix == 0) {
    for (uint64_t& field : out) field = bits.read(packing->word_width);
  } else if (packing->radix == 1) {
    std::fill(out.begin(), out.end(), 0);
  } else if (packing->word_width <= 32) {
    unpack_words<SmallDivisor>(bits, *packing, out);
  } else {
    unpack_words<Divisor>(bits, *packing, out);
  }
  return true;
}

// The sum of the first `wanted` of `count` fields, wrapping.
std::optional<uint64_t> sum_fields(ByteReader& reader, uint64_t code, size_t count, size_t wanted) {
  BitReader bits({});
  std::optional<Packing> packing = read_packing(code, count, reader, bits);
  if (!packing) return std::nullopt;
  if (packing->radix == 1) return 0;
  if (packing->radix != 0) {
    return packing->word_width <= 32 ? sum_words<SmallDivisor>(bits, *packing, count, wanted)
                                     : sum_words<Divisor>(bits, *packing, count, wanted);
  }
  uint64_t sum = 0;
  for (size_t i = 0; i < wanted; ++i) sum += bits.read(packing->word_width);
  return sum;
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

// Beside one patch its value, and what positions and values take.
constexpr uint64_t kPatchListBits = 24;

uint64_t patch_bits(size_t patches, uint64_t patch_range, size_t count) {
  if (patches == 0) return 0;
  return kPatchListBits + patches * (width_of(count - 1) + width_of(patch_range));
}

// All inside.
Choice choose_whole(std::span<const int64_t> deltas) {
  int64_t low = deltas[0];
  int64_t high = deltas[0];
  for (int64_t delta : deltas) {
    low = std::min(low, delta);
    high = std::max(high, delta);
  }
  return {low, high, Packing(distance(low, high), deltas.size()).bits(deltas.size()), 0};
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

// Whether a vote may find a majority: the vote mispredicts a branch a value where there is none. A value that
// has it stands beside itself at least now and then, unless it is spread as evenly as can be.
bool may_have_majority(std::span<const int64_t> deltas) {
  size_t repeated = 0;
  for (size_t i = 1; i < deltas.size(); ++i) repeated += deltas[i] == deltas[i - 1] ? 1 : 0;
  return repeated * 8 >= deltas.size();
}

// The value that most differences share, if one has the majority, and everything else as patches.
Choice choose_majority(std::span<const int64_t> deltas) {
  if (!may_have_majority(deltas)) return {};
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
  static constexpr size_t kInline = kInlineFields;
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

Choice choose(std::span<const int64_t> deltas, IntegerEffort effort) {
  Choice whole = choose_whole(deltas);
  // No patch pays when the list of one takes more than everything inside.
  if (whole.bits <= kPatchListBits) return whole;
  if (effort == IntegerEffort::quick && whole.bits <= deltas.size() * kQuickBitsMax) return whole;
  Choice choice = choose_trimmed(deltas);
  if (Choice majority = choose_majority(deltas); majority.bits < choice.bits) choice = majority;
  return choice;
}

}  // namespace

uint8_t encode_integers(std::span<const int64_t> values, std::string& out, IntegerEffort effort) {
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
  Choice choice = choose(deltas, effort);
  uint64_t range = distance(choice.low, choice.high);
  append_signed_varint(out, choice.low);
  append_varint(out, range_code(range));
  Scratch<uint64_t> field_scratch(deltas.size());
  std::span<uint64_t> fields = field_scratch.get();
  if (choice.patches == 0) {
    for (size_t i = 0; i < deltas.size(); ++i) fields[i] = distance(choice.low, deltas[i]);
    append_fields(fields, range, out);
    return kPacked;
  }
  for (size_t i = 0; i < deltas.size(); ++i) {
    bool inside = deltas[i] >= choice.low && deltas[i] <= choice.high;
    fields[i] = inside ? distance(choice.low, deltas[i]) : 0;
  }
  append_fields(fields, range, out);
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

std::optional<int64_t> decode_one_integer(ByteReader& reader, uint8_t layout, size_t count, size_t index) {
  OBELISK_ASSERT(index < count);
  uint64_t first = static_cast<uint64_t>(reader.signed_varint());
  if (layout == kEqual) return reader.failed() ? std::nullopt : std::optional(static_cast<int64_t>(first));
  if (layout == kPatched) {
    Scratch<int64_t> scratch(count);
    if (!decode_packed(reader, layout, first, scratch.get())) return std::nullopt;
    return scratch.get()[index];
  }
  uint64_t base = static_cast<uint64_t>(reader.signed_varint());
  uint64_t value = first + index * base;
  if (layout == kPacked) {
    if (count < 2) return std::nullopt;
    std::optional<uint64_t> sum = sum_fields(reader, reader.varint(), count - 1, index);
    if (!sum) return std::nullopt;
    value += *sum;
  }
  if (reader.failed()) return std::nullopt;
  return static_cast<int64_t>(value);
}

}  // namespace obelisk
