#include "wire/foreign/thrift_reader.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>

#include "wire/protobuf.h"

namespace obelisk {

using protobuf::Malformed;

uint8_t ThriftReader::read_byte() {
  return static_cast<uint8_t>(take(1)[0]);
}

std::string_view ThriftReader::take(size_t size) {
  if (size > bytes_.size() - at_)
    throw Malformed{fmt::format("the body ends early, at byte {}", bytes_.size())};
  std::string_view taken = bytes_.substr(at_, size);
  at_ += size;
  return taken;
}

uint64_t ThriftReader::read_varint() {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    uint8_t byte = read_byte();
    value |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  throw Malformed{fmt::format("a number of more than 64 bits before byte {}", at_)};
}

int64_t ThriftReader::read_zigzag() {
  uint64_t value = read_varint();
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}

uint64_t ThriftReader::read_big_endian(size_t size) {
  uint64_t value = 0;
  for (char byte : take(size)) value = value << 8 | static_cast<uint8_t>(byte);
  return value;
}

// A size that was claimed: every element takes a byte at least.
uint32_t ThriftReader::checked_size(uint64_t size) {
  if (size > bytes_.size() - at_)
    throw Malformed{fmt::format("a length of {} at byte {} is more than what follows", size, at_)};
  return static_cast<uint32_t>(size);
}

ThriftType ThriftReader::type_of(uint8_t code) const {
  using T = ThriftType;
  constexpr T kCompact[] = {T::stop,   T::boolean, T::boolean, T::byte, T::i16, T::i32,      T::i64,
                            T::number, T::text,    T::list,    T::list, T::map, T::structure};
  if (protocol_ == ThriftProtocol::compact) {
    if (code < std::size(kCompact)) return kCompact[code];
  } else {
    switch (code) {
      case 0:
        return T::stop;
      case 2:
        return T::boolean;
      case 3:
        return T::byte;
      case 4:
        return T::number;
      case 6:
        return T::i16;
      case 8:
        return T::i32;
      case 10:
        return T::i64;
      case 11:
        return T::text;
      case 12:
        return T::structure;
      case 13:
        return T::map;
      case 14:
      case 15:
        return T::list;
      default:
        break;
    }
  }
  throw Malformed{fmt::format("unknown type {} before byte {}", code, at_)};
}

std::string_view ThriftReader::read_message_begin() {
  if (protocol_ == ThriftProtocol::compact) {
    constexpr uint8_t kProtocolId = 0x82;
    if (read_byte() != kProtocolId) throw Malformed{"not a message of Thrift's compact protocol"};
    read_byte();  // version and kind of call
    read_varint();
    return read_text();
  }
  auto first = static_cast<int32_t>(read_big_endian(4));
  std::string_view name;
  if (first < 0) {
    name = read_text();
  } else {  // the old form: name, kind
    name = take(checked_size(static_cast<uint32_t>(first)));
    read_byte();
  }
  read_big_endian(4);
  return name;
}

void ThriftReader::enter() {
  if (depth_ + 1 >= kDepthMax)
    throw Malformed{fmt::format("nested more than {} deep at byte {}", kDepthMax, at_)};
  last_ids_[++depth_] = 0;
}

void ThriftReader::begin_struct() {
  enter();
}

ThriftField ThriftReader::next_field() {
  ThriftField field;
  uint8_t header = read_byte();
  if (header == 0) {
    --depth_;
    return field;
  }
  if (protocol_ == ThriftProtocol::binary) {
    field.type = type_of(header);
    field.id = static_cast<int16_t>(read_big_endian(2));
    return field;
  }
  uint8_t code = header & 0x0F;
  uint8_t delta = header >> 4;
  field.type = type_of(code);
  if (field.type == ThriftType::stop)
    throw Malformed{fmt::format("a field without a type before byte {}", at_)};
  field.flag = code == 1;
  field.id = static_cast<int16_t>(delta != 0 ? last_ids_[depth_] + delta : read_zigzag());
  last_ids_[depth_] = field.id;
  return field;
}

int64_t ThriftReader::read_integer(ThriftType type) {
  if (type == ThriftType::byte) return static_cast<int8_t>(read_byte());
  if (protocol_ == ThriftProtocol::compact) return read_zigzag();
  if (type == ThriftType::i16) return static_cast<int16_t>(read_big_endian(2));
  if (type == ThriftType::i32) return static_cast<int32_t>(read_big_endian(4));
  return static_cast<int64_t>(read_big_endian(8));
}

double ThriftReader::read_number() {
  if (protocol_ == ThriftProtocol::binary) return std::bit_cast<double>(read_big_endian(8));
  double value = 0;  // the compact protocol's implementations write the low byte first
  std::memcpy(&value, take(8).data(), 8);
  return value;
}

bool ThriftReader::read_boolean(const ThriftField& field) {
  return protocol_ == ThriftProtocol::compact ? field.flag : read_byte() != 0;
}

std::string_view ThriftReader::read_text() {
  uint64_t size = protocol_ == ThriftProtocol::compact ? read_varint() : read_big_endian(4);
  return take(checked_size(size));
}

ThriftReader::ListHeader ThriftReader::read_list_header() {
  if (protocol_ == ThriftProtocol::binary) {
    ThriftType type = type_of(read_byte());
    return {type, checked_size(read_big_endian(4))};
  }
  uint8_t header = read_byte();
  constexpr uint8_t kLong = 15;
  uint64_t size = header >> 4;
  if (size == kLong) size = read_varint();
  return {type_of(header & 0x0F), checked_size(size)};
}

uint32_t ThriftReader::read_list(ThriftType type) {
  ListHeader header = read_list_header();
  if (header.size > 0 && header.type != type)
    throw Malformed{fmt::format("a list of other elements than expected before byte {}", at_)};
  return header.size;
}

void ThriftReader::skip(const ThriftField& field) {
  if (field.type == ThriftType::boolean) {
    read_boolean(field);
    return;
  }
  skip_value(field.type, 0);
}

void ThriftReader::skip_value(ThriftType type, int depth) {
  if (depth >= kDepthMax) throw Malformed{fmt::format("nested more than {} deep at byte {}", kDepthMax, at_)};
  switch (type) {
    case ThriftType::stop:
      throw Malformed{fmt::format("a value without a type before byte {}", at_)};
    case ThriftType::boolean:
      read_byte();
      return;
    case ThriftType::byte:
    case ThriftType::i16:
    case ThriftType::i32:
    case ThriftType::i64:
      read_integer(type);
      return;
    case ThriftType::number:
      read_number();
      return;
    case ThriftType::text:
      read_text();
      return;
    case ThriftType::list: {
      ListHeader header = read_list_header();
      for (uint32_t i = 0; i < header.size; ++i) skip_value(header.type, depth + 1);
      return;
    }
    case ThriftType::map: {
      uint32_t size = 0;
      ThriftType key = ThriftType::stop, value = ThriftType::stop;
      if (protocol_ == ThriftProtocol::binary) {
        key = type_of(read_byte());
        value = type_of(read_byte());
        size = checked_size(read_big_endian(4));
      } else {
        size = checked_size(read_varint());
        uint8_t types = size > 0 ? read_byte() : 0;
        key = type_of(types >> 4);
        value = type_of(types & 0x0F);
      }
      for (uint32_t i = 0; i < size; ++i) {
        skip_value(key, depth + 1);
        skip_value(value, depth + 1);
      }
      return;
    }
    case ThriftType::structure:
      begin_struct();
      for (ThriftField field = next_field(); field.type != ThriftType::stop; field = next_field()) {
        if (field.type == ThriftType::boolean) {
          read_boolean(field);
        } else {
          skip_value(field.type, depth + 1);
        }
      }
      return;
  }
}

}  // namespace obelisk
