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

AttributeView decode_attribute(std::string_view message) {
  AttributeView attribute;
  if (decode_short_attribute(message, attribute)) return attribute;
  attribute = decode_key_value(message);
  if (attribute.value.type == ColumnType::any) check_any_value(attribute.value.text);
  return attribute;
}

}  // namespace obelisk
