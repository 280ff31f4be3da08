#pragma once
// Reads Apache Thrift's compact and binary protocols from bytes, field by field, without generated classes.
// Views point into the input. Throws protobuf::Malformed (used inside a guarded decoder); lengths are checked
// before anything is read, skipping is bounded in depth. Source: thrift-compact-protocol.md,
// thrift-binary-protocol.md.
#include <cstdint>
#include <string_view>

namespace obelisk {

enum class ThriftProtocol : uint8_t { compact, binary };

// One numbering for both protocols.
enum class ThriftType : uint8_t { stop, boolean, byte, i16, i32, i64, number, text, list, map, structure };

struct ThriftField {
  ThriftType type = ThriftType::stop;
  int16_t id = 0;
  bool flag = false;  // the value of a boolean, which the compact protocol keeps in the field header
};

class ThriftReader {
 public:
  ThriftReader(ThriftProtocol protocol, std::string_view bytes) : protocol_(protocol), bytes_(bytes) {}

  // The name of the call a message stands for; its arguments follow as a struct.
  std::string_view read_message_begin();

  // Fields of a struct: begin_struct, next_field until it gives stop. A field's value is then read or
  // skipped.
  void begin_struct();
  ThriftField next_field();
  void skip(const ThriftField& field);

  int64_t read_integer(ThriftType type);  // byte to i64
  double read_number();
  bool read_boolean(const ThriftField& field);
  std::string_view read_text();
  // Number of elements, which must be of `type`.
  uint32_t read_list(ThriftType type);

  size_t position() const { return at_; }
  bool at_end() const { return at_ == bytes_.size(); }

 private:
  static constexpr int kDepthMax = 32;

  uint8_t read_byte();
  std::string_view take(size_t size);
  uint64_t read_varint();
  int64_t read_zigzag();
  uint64_t read_big_endian(size_t size);
  uint32_t checked_size(uint64_t size);
  struct ListHeader {
    ThriftType type;
    uint32_t size;
  };
  ListHeader read_list_header();
  void skip_value(ThriftType type, int depth);
  ThriftType type_of(uint8_t code) const;
  void enter();

  ThriftProtocol protocol_;
  std::string_view bytes_;
  size_t at_ = 0;
  int depth_ = 0;
  int16_t last_ids_[kDepthMax] = {};  // compact: the last field id of each open struct
};

}  // namespace obelisk
