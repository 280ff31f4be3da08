#include "wire/any_value_decode.h"

#include <fmt/format.h>

#include "wire/protobuf.h"

namespace obelisk {

using protobuf::Reader;

AnyValueView decode_any_value(std::string_view message) {
  AnyValueView value;
  value.text = message;
  Reader reader = protobuf::reader_of(message);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protobuf::length_field(1):
        value = {ColumnType::string, 0, 0, protobuf::string_of(reader)};
        break;
      case protobuf::varint_field(2):
        value = {ColumnType::boolean, reader.get_uint64() != 0, 0, {}};
        break;
      case protobuf::varint_field(3):
        value = {ColumnType::int64, reader.get_int64(), 0, {}};
        break;
      case protobuf::fixed64_field(4):
        value = {ColumnType::float64, 0, reader.get_double(), {}};
        break;
      case protobuf::length_field(5):
      case protobuf::length_field(6):
        reader.skip();
        value = {ColumnType::any, 0, 0, message};
        break;
      case protobuf::length_field(7):
        value = {ColumnType::bytes, 0, 0, protobuf::string_of(reader)};
        break;
      default:
        reader.skip();
    }
  }
  return value;
}

AttributeView decode_key_value(std::string_view message) {
  AttributeView attribute;
  Reader reader = protobuf::reader_of(message);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protobuf::length_field(1):
        attribute.key = protobuf::string_of(reader);
        break;
      case protobuf::length_field(2):
        attribute.value = decode_any_value(protobuf::string_of(reader));
        break;
      default:
        reader.skip();
    }
  }
  return attribute;
}

void check_any_value(std::string_view message, int depth) {
  if (depth >= kAnyValueDepthMax) {
    throw protobuf::Malformed{
        fmt::format("an attribute value nests deeper than {} levels", kAnyValueDepthMax)};
  }
  Reader reader = protobuf::reader_of(message);
  while (reader.next()) {
    uint32_t field = reader.tag_and_type();
    if (field != protobuf::length_field(5) && field != protobuf::length_field(6)) {
      reader.skip();
      continue;
    }
    Reader elements = reader.get_message();
    while (elements.next()) {
      if (elements.tag_and_type() != protobuf::length_field(1)) {
        elements.skip();
      } else if (field == protobuf::length_field(5)) {
        check_any_value(protobuf::string_of(elements), depth + 1);
      } else {
        Reader entry = elements.get_message();
        while (entry.next()) {
          if (entry.tag_and_type() == protobuf::length_field(2)) {
            check_any_value(protobuf::string_of(entry), depth + 1);
          } else {
            entry.skip();
          }
        }
      }
    }
  }
}

namespace {

// What nearly every attribute is: a key and a value, each once and in this order, with lengths of one byte.
// False for all else, which is not thereby wrong.
bool decode_short_attribute(std::string_view message, AttributeView& out) {
  constexpr uint8_t kKey = 0x0a, kValue = 0x12, kString = 0x0a, kBoolean = 0x10, kInteger = 0x18;
  auto byte = [&](size_t at) { return static_cast<uint8_t>(message[at]); };
  if (message.size() < 4 || byte(0) != kKey) return false;
  size_t key_bytes = byte(1), value_at = key_bytes + 4;
  if (key_bytes >= 0x80 || value_at >= message.size() || byte(key_bytes + 2) != kValue) return false;
  size_t value_bytes = message.size() - value_at;
  if (byte(key_bytes + 3) >= 0x80 || byte(key_bytes + 3) != value_bytes || value_bytes < 2) return false;
  out.key = message.substr(2, key_bytes);
  uint8_t kind = byte(value_at);
  if (kind == kString) {
    size_t text_bytes = byte(value_at + 1);
    if (text_bytes >= 0x80 || text_bytes + 2 != value_bytes) return false;
    out.value = {ColumnType::string, 0, 0, message.substr(value_at + 2, text_bytes)};
    return true;
  }
  if (kind != kInteger && kind != kBoolean) return false;
  uint64_t number = 0;
  for (size_t i = 1, shift = 0; i < value_bytes && shift < 63; ++i, shift += 7) {
    uint8_t part = byte(value_at + i);
    number |= static_cast<uint64_t>(part & 0x7f) << shift;
    if (part >= 0x80) continue;
    if (i + 1 != value_bytes) return false;
    bool is_boolean = kind == kBoolean;
    out.value = {is_boolean ? ColumnType::boolean : ColumnType::int64,
                 is_boolean ? static_cast<int64_t>(number != 0) : static_cast<int64_t>(number),
                 0,
                 {}};
    return true;
  }
  return false;
}

}  // namespace

AttributeView decode_attribute(std::string_view message) {
  AttributeView attribute;
  if (decode_short_attribute(message, attribute)) return attribute;
  attribute = decode_key_value(message);
  if (attribute.value.type == ColumnType::any) check_any_value(attribute.value.text);
  return attribute;
}

void set_attribute(BatchBuilder& rows, Scope scope, const AttributeView& attribute) {
  const AnyValueView& value = attribute.value;
  switch (value.type) {
    case ColumnType::boolean:
    case ColumnType::int64:
      rows.set_int(scope, attribute.key, value.integer, value.type);
      break;
    case ColumnType::float64:
      rows.set_float(scope, attribute.key, value.number);
      break;
    default:
      rows.set_string(scope, attribute.key, value.text, value.type);
  }
}

}  // namespace obelisk
