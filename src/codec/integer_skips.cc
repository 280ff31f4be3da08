#include "codec/integer_skips.h"

#include <algorithm>
#include <cstring>

#include "codec/bit_packing.h"
#include "codec/compression.h"
#include "codec/integer_column.h"
#include "codec/integer_column_format.h"

namespace obelisk {

using namespace integer_column_format;

namespace {

// Patched blocks and skips go in step.
static_assert(IntegerSkips::kBlock == kPatchedBlock);

size_t block_count(size_t values) {
  return (values + IntegerSkips::kBlock - 1) / IntegerSkips::kBlock;
}

}  // namespace

bool SkippingIntegers::parse(ByteReader& reader, bool nested) {
  switch (reader.u8()) {
    case kConstant:
      layout_ = Layout::constant;
      base_ = static_cast<uint64_t>(reader.signed_varint());
      return !reader.failed();
    case kFrame:
      layout_ = Layout::frame;
      base_ = static_cast<uint64_t>(reader.signed_varint());
      width_ = reader.u8();
      packed_ = reader.offset();
      return !reader.failed() && width_ <= 64 && reader.left() >= packed_bytes(flat_count_, width_);
    case kDictionary:
      layout_ = Layout::dictionary;
      return parse_dictionary(reader);
    case kCodes:
      layout_ = Layout::codes;
      entries_.resize(reader.varint_up_to(kDictionaryEntriesMax));
      return !entries_.empty() && decode_integer_column(reader, entries_.size(), entries_.data());
    case kPatched: {
      layout_ = Layout::patched;
      uint8_t form = reader.u8();
      is_signed_ = form == 1;
      base_ = static_cast<uint64_t>(reader.signed_varint());
      packed_ = reader.offset();
      return !reader.failed() && form <= 1;
    }
    case kDelta:
      if (nested || count_ == 0) return false;
      is_delta_ = true;
      first_ = reader.signed_varint();
      flat_count_ = count_ - 1;
      return !reader.failed() && parse(reader, true);
    default:
      return false;
  }
}

bool SkippingIntegers::parse_dictionary(ByteReader& reader) {
  entries_.resize(reader.varint_up_to(kDictionaryEntriesMax));
  if (entries_.empty() || !decode_integer_column(reader, entries_.size(), entries_.data())) return false;
  width_ = reader.u8();
  packed_ = reader.offset();
  return !reader.failed() && width_ <= 16 && reader.left() >= packed_bytes(flat_count_, width_);
}

std::optional<SkippingIntegers> SkippingIntegers::open(std::string_view column, size_t count,
                                                       const IntegerSkips& skips) {
  SkippingIntegers integers;
  integers.column_ = column;
  integers.count_ = integers.flat_count_ = count;
  integers.skips_ = &skips;
  ByteReader reader(column);
  if (!integers.parse(reader, false)) return std::nullopt;
  bool fits =
      (!integers.is_delta_ || skips.firsts_.size() == block_count(count)) &&
      (integers.layout_ != Layout::patched || skips.offsets_.size() == block_count(integers.flat_count_)) &&
      (integers.layout_ != Layout::codes || skips.codes_.size() == integers.code_bytes());
  if (!fits) return std::nullopt;
  return integers;
}

std::optional<IntegerSkips> IntegerSkips::make(std::string_view column, std::span<const int64_t> values) {
  SkippingIntegers integers;
  integers.column_ = column;
  integers.count_ = integers.flat_count_ = values.size();
  ByteReader reader(column);
  if (!integers.parse(reader, false)) return std::nullopt;
  IntegerSkips skips;
  if (integers.is_delta_) {
    skips.firsts_.reserve(block_count(values.size()));
    for (size_t i = 0; i < values.size(); i += kBlock) skips.firsts_.push_back(values[i]);
  }
  if (integers.layout_ == SkippingIntegers::Layout::codes) {
    skips.codes_.resize(integers.code_bytes());
    for (size_t at = 0; at < skips.codes_.size(); at += integers.flat_count_) {
      if (!zstd_decompress(reader.text(), integers.flat_count_, skips.codes_.data() + at).ok())
        return std::nullopt;
    }
  }
  if (integers.layout_ != SkippingIntegers::Layout::patched) return skips;
  skips.offsets_.reserve(block_count(integers.flat_count_));
  for (size_t begin = 0; begin < integers.flat_count_; begin += kBlock) {
    skips.offsets_.push_back(static_cast<uint32_t>(reader.offset()));
    size_t in_block = std::min(kBlock, integers.flat_count_ - begin);
    unsigned width = reader.u8();
    size_t exceptions = reader.u8();
    if (width > 64) return std::nullopt;
    reader.bytes(packed_bytes(in_block, width));
    for (; exceptions > 0 && !reader.failed(); --exceptions) {
      reader.u8();
      reader.varint();
    }
    if (reader.failed()) return std::nullopt;
  }
  return skips;
}

uint64_t SkippingIntegers::unpack(size_t index) const {
  size_t bit = index * width_, at = packed_ + bit / 8;
  if (width_ > 57 || at + 8 > column_.size()) return unpack_one(column_.substr(packed_), width_, index);
  uint64_t word = 0;
  std::memcpy(&word, column_.data() + at, 8);
  return (word >> (bit % 8)) & ((uint64_t{1} << width_) - 1);
}

void SkippingIntegers::read_patched(size_t block, size_t count, int64_t* out) const {
  // The bytes were walked when the skips were made.
  ByteReader reader(column_.substr(skips_->offsets_[block]));
  size_t in_block = std::min(kPatchedBlock, flat_count_ - block * kPatchedBlock);
  unsigned width = reader.u8();
  size_t exceptions = reader.u8();
  std::array<uint64_t, kPatchedBlock> numbers{};
  unpack_bits(reader.bytes(packed_bytes(in_block, width)), width, in_block, numbers.data());
  for (; exceptions > 0 && width < 64; --exceptions) {
    size_t at = reader.u8();
    uint64_t high = reader.varint();
    if (at < in_block) numbers[at] |= high << width;
  }
  for (size_t i = 0; i < count; ++i) {
    uint64_t number = numbers[i];
    out[i] = static_cast<int64_t>(is_signed_ ? (number >> 1) ^ (~(number & 1) + 1) : number + base_);
  }
}

// `count` numbers of the flat column, from the beginning of a block.
void SkippingIntegers::read(size_t first, size_t count, int64_t* out) {
  switch (layout_) {
    case Layout::constant:
      std::fill_n(out, count, static_cast<int64_t>(base_));
      return;
    case Layout::frame:
      for (size_t i = 0; i < count; ++i) out[i] = static_cast<int64_t>(unpack(first + i) + base_);
      return;
    case Layout::dictionary:
      for (size_t i = 0; i < count; ++i)
        out[i] = entries_[std::min<uint64_t>(unpack(first + i), entries_.size() - 1)];
      return;
    case Layout::codes:
      for (size_t i = first; i < first + count; ++i) {
        size_t number = static_cast<uint8_t>(skips_->codes_[i]);
        if (entries_.size() > 256)
          number |= size_t{static_cast<uint8_t>(skips_->codes_[flat_count_ + i])} << 8;
        *out++ = entries_[std::min(number, entries_.size() - 1)];
      }
      return;
    case Layout::patched:
      return read_patched(first / IntegerSkips::kBlock, count, out);
  }
}

void SkippingIntegers::load(size_t block) {
  block_ = block;
  size_t first = block * IntegerSkips::kBlock;
  size_t count = std::min(IntegerSkips::kBlock, count_ - first);
  if (!is_delta_) return read(first, count, values_.data());
  // Difference i leads from value i to value i + 1.
  uint64_t value = static_cast<uint64_t>(skips_->firsts_[block]);
  values_[0] = static_cast<int64_t>(value);
  if (count == 1) return;
  read(first, count - 1, values_.data() + 1);
  for (size_t i = 1; i < count; ++i) {
    value += static_cast<uint64_t>(values_[i]);
    values_[i] = static_cast<int64_t>(value);
  }
}

}  // namespace obelisk
