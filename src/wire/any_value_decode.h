#pragma once
// Decoding of AnyValue and KeyValue on the way in: used by the OTLP decoders, inside protobuf::decode_guarded
// (they throw what it catches). Readers of stored bytes use any_value.h.
#include "plan/batch.h"
#include "wire/any_value.h"

namespace obelisk {

// The value without looking into arrays and maps: those, and an unset value, come back as ColumnType::any
// with the message's bytes. Of several members the last counts.
AnyValueView decode_any_value(std::string_view message);

AttributeView decode_key_value(std::string_view message);

// Walks a whole AnyValue and throws protobuf::Malformed when it nests deeper than kAnyValueDepthMax.
void check_any_value(std::string_view message, int depth = 0);

// What nearly every attribute is: a key and a value, each once and in this order, with lengths of one byte.
// False for all else, which is not thereby wrong.
inline bool decode_short_attribute(std::string_view message, AttributeView& out) {
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

// decode_key_value, with arrays and maps checked.
AttributeView decode_attribute(std::string_view message);

// Puts an attribute into the builder's current row, in the column of its type.
inline void set_attribute(BatchBuilder& rows, Scope scope, const AttributeView& attribute) {
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
