#pragma once
// A stream of bits, low bits of each byte first: fields of any width from 0 to 64 one after the other.
// The writer appends to a string; the reader never reads outside its bytes and returns zeros past their end
// (callers check the length before, with bytes_of_bits).
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace obelisk {

inline constexpr uint64_t bytes_of_bits(uint64_t bits) {
  return bits / 8 + (bits % 8 != 0 ? 1 : 0);
}

inline constexpr uint64_t low_bits_mask(unsigned width) {
  return width >= 64 ? ~0ull : (1ull << width) - 1;
}

class BitWriter {
 public:
  explicit BitWriter(std::string& out) : out_(out) {}

  void write(uint64_t value, unsigned width) {
    if (width == 0) return;
    value &= low_bits_mask(width);
    buffer_ |= value << used_;
    if (used_ + width < 64) {
      used_ += width;
      return;
    }
    append(buffer_, 8);
    unsigned taken = 64 - used_;
    buffer_ = taken == 64 ? 0 : value >> taken;
    used_ = width - taken;
  }

  // Pads the last byte with zeros.
  void finish() {
    append(buffer_, static_cast<size_t>(bytes_of_bits(used_)));
    buffer_ = 0;
    used_ = 0;
  }

 private:
  void append(uint64_t word, size_t bytes) {
    char raw[8];
    std::memcpy(raw, &word, 8);
    out_.append(raw, bytes);
  }

  std::string& out_;
  uint64_t buffer_ = 0;
  unsigned used_ = 0;  // bits of buffer_ in use, below 64
};

class BitReader {
 public:
  explicit BitReader(std::string_view bytes) : bytes_(bytes) {}

  uint64_t read(unsigned width) {
    if (width == 0) return 0;
    size_t byte = position_ >> 3;
    unsigned shift = static_cast<unsigned>(position_ & 7);
    position_ += width;
    uint64_t value = load(byte) >> shift;
    if (shift + width > 64) value |= load(byte + 8) << (64 - shift);
    return value & low_bits_mask(width);
  }

  // How many numbers of this width, one after the other from here, read_quickly() may read.
  size_t quick_reads(unsigned width) const {
    if (width == 0 || width > 57 || bytes_.size() < 8) return 0;
    uint64_t last = (bytes_.size() - 8) * 8 + 7;  // where a number may begin
    return position_ > last ? 0 : static_cast<size_t>((last - position_) / width) + 1;
  }
  uint64_t read_quickly(unsigned width) {
    uint64_t word;
    std::memcpy(&word, bytes_.data() + (position_ >> 3), sizeof word);
    word >>= position_ & 7;
    position_ += width;
    return word & low_bits_mask(width);
  }

 private:
  uint64_t load(size_t byte) const {
    uint64_t word = 0;
    if (byte + 8 <= bytes_.size()) {
      std::memcpy(&word, bytes_.data() + byte, 8);
    } else if (byte < bytes_.size()) {
      std::memcpy(&word, bytes_.data() + byte, bytes_.size() - byte);
    }
    return word;
  }

  std::string_view bytes_;
  uint64_t position_ = 0;
};

}  // namespace obelisk
