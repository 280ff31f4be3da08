#pragma once
// Where the blocks of an integer column (integer_column.h) begin, so that a few of its numbers can be had
// without decoding all: kept in memory from the time the column was decoded whole. A delta column needs the
// value before each block (8 bytes for 128 numbers), a patched one the offset of each block's bytes
// (4 bytes), codes their entry numbers without compression (128 or 256 bytes). Immutable; any thread.
//
// SkippingIntegers reads one column with them. The bytes must be the very ones the skips were made from: the
// caller compares their checksum.
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "codec/byte_reader.h"

namespace obelisk {

class IntegerSkips {
 public:
  static constexpr size_t kBlock = 128;

  // `values`: what `column` decodes to. nullopt for layouts without blocks (runs), and bytes that are none.
  static std::optional<IntegerSkips> make(std::string_view column, std::span<const int64_t> values);
  size_t memory_bytes() const {
    return sizeof(*this) + firsts_.capacity() * 8 + offsets_.capacity() * 4 + codes_.capacity();
  }

 private:
  friend class SkippingIntegers;
  std::vector<int64_t> firsts_;    // delta: the first value of each block
  std::vector<uint32_t> offsets_;  // patched: where each block lies in the column's bytes
  std::vector<char> codes_;  // codes: low bytes of all entry numbers, then high bytes where there are any
};

class SkippingIntegers {
 public:
  // nullopt when the bytes are not such a column. `skips` and `column` must outlive this.
  static std::optional<SkippingIntegers> open(std::string_view column, size_t count,
                                              const IntegerSkips& skips);

  size_t size() const { return count_; }
  // The last block that was used is kept, so neighbours cost little.
  int64_t at(size_t index) {
    size_t block = index / IntegerSkips::kBlock;
    if (block != block_) load(block);
    return values_[index % IntegerSkips::kBlock];
  }
  // The first value of a block is known without reading it where the column is a delta.
  int64_t first_of(size_t block) {
    return is_delta_ ? skips_->firsts_[block] : at(block * IntegerSkips::kBlock);
  }

 private:
  friend class IntegerSkips;
  enum class Layout : uint8_t { constant, frame, dictionary, patched, codes };

  bool parse(ByteReader& reader, bool nested);
  bool parse_dictionary(ByteReader& reader);
  size_t code_bytes() const { return flat_count_ * (entries_.size() > 256 ? 2 : 1); }
  void load(size_t block);
  void read(size_t first, size_t count, int64_t* out);
  void read_patched(size_t block, size_t count, int64_t* out) const;
  uint64_t unpack(size_t index) const;

  std::string_view column_;
  size_t count_ = 0;
  const IntegerSkips* skips_ = nullptr;
  bool is_delta_ = false;
  Layout layout_ = Layout::constant;
  size_t flat_count_ = 0;  // numbers of the flat column: one fewer than values where it holds differences
  int64_t first_ = 0;
  uint64_t base_ = 0;
  bool is_signed_ = false;
  unsigned width_ = 0;
  size_t packed_ = 0;  // where packed bits, or patched blocks, begin
  std::vector<int64_t> entries_;
  size_t block_ = SIZE_MAX;
  std::array<int64_t, IntegerSkips::kBlock> values_{};
};

}  // namespace obelisk
