#pragma once
// Reads what varint.h writes, from bytes that may be hostile. A read past the end, or a varint that does not
// fit in 64 bits, makes the reader fail: it then returns zeros and empty views for ever, so that a decoder
// may check once after a group of reads. Views point into the input.
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/result.h"
#include "codec/varint.h"

namespace obelisk {

class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

  bool failed() const { return failed_; }
  // Everything was read, and nothing failed.
  bool at_end() const { return !failed_ && at_ == bytes_.size(); }
  size_t offset() const { return at_; }
  size_t left() const { return bytes_.size() - at_; }
  std::string_view rest() const { return bytes_.substr(at_); }
  void fail() {
    failed_ = true;
    at_ = bytes_.size();
  }
  // corrupt, naming `what` and the offset where the bytes ended, when a read failed.
  Result<void> check(std::string_view what) const {
    if (!failed_) return {};
    return make_error(ErrorCode::corrupt, std::string(what) + ": bytes end early or a number is too long");
  }

  template <typename T>
  T fixed() {
    T value{};
    if (std::string_view raw = bytes(sizeof(T)); !raw.empty()) std::memcpy(&value, raw.data(), sizeof(T));
    return value;
  }
  uint8_t u8() { return fixed<uint8_t>(); }
  uint32_t u32() { return fixed<uint32_t>(); }
  uint64_t u64() { return fixed<uint64_t>(); }

  uint64_t varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (at_ >= bytes_.size()) break;
      uint8_t byte = static_cast<uint8_t>(bytes_[at_++]);
      if (shift == 63 && byte > 1) break;
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    fail();
    return 0;
  }
  int64_t signed_varint() { return zigzag_decode(varint()); }
  // A varint that must not exceed `max`: a count or a length about to be used for memory.
  uint64_t varint_up_to(uint64_t max) {
    uint64_t value = varint();
    if (value <= max) return value;
    fail();
    return 0;
  }

  std::string_view bytes(size_t count) {
    if (count > left()) {
      fail();
      return {};
    }
    std::string_view view = bytes_.substr(at_, count);
    at_ += count;
    return view;
  }
  // A length as varint, then that many bytes.
  std::string_view text() { return bytes(varint_up_to(left())); }

 private:
  std::string_view bytes_;
  size_t at_ = 0;
  bool failed_ = false;
};

}  // namespace obelisk
