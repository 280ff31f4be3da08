#pragma once
// The fields of OTLP's messages as JSON spells them, for otlp_json.cc. One table a message.
#include <cstdint>
#include <span>
#include <string_view>

#include "wire/otlp_json.h"

namespace obelisk {

enum class JsonKind : uint8_t {
  text,
  hex,     // bytes written as hexadecimal: trace and span ids
  base64,  // other bytes
  boolean,
  int32,   // int32 and enums, as varint
  uint32,  // as varint
  int64,   // as varint
  uint64,  // as varint
  sint32,  // zigzag varint
  fixed32,
  fixed64,
  sfixed64,
  float64,
  message,
};

struct JsonMessage;

struct JsonField {
  std::string_view key;
  uint32_t number;
  JsonKind kind;
  bool repeated = false;
  const JsonMessage* message = nullptr;
};

struct JsonMessage {
  std::span<const JsonField> fields;
};

const JsonMessage& otlp_json_request(OtlpSignal signal);

}  // namespace obelisk
