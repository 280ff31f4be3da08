#pragma once
// Reads the protobuf pieces that stay encoded in columns: AnyValue (ColumnType::any). Every function
// tolerates any bytes: what is malformed ends the iteration or gives an empty value, since stored bytes were
// checked when they came in (otlp_traces.h). Nesting is bounded by kAnyValueDepthMax; deeper values were
// refused at the door and read as null here. Views point into the input. Pure functions, safe from any
// thread.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_writer.h"
#include "plan/columns.h"

namespace obelisk {

inline constexpr int kAnyValueDepthMax = 64;

// One decoded AnyValue. Arrays, maps and an unset value keep their bytes: `type` is ColumnType::any and
// `text` is the encoded AnyValue message (empty when unset).
struct AnyValueView {
  ColumnType type = ColumnType::any;
  int64_t integer = 0;    // int64 and boolean
  double number = 0;      // float64
  std::string_view text;  // string, bytes and any
};
AnyValueView read_any_value(std::string_view message);

struct AttributeView {
  std::string_view key;
  AnyValueView value;
};

// The elements of an AnyValue message that is an array; nullopt when it is something else.
std::optional<std::vector<AnyValueView>> read_any_array(std::string_view message);

// Plain JSON of an AnyValue message: {"a":[1,"x"]}; bytes as base64; unset is null. What a log line, a label
// value or a UI shows.
std::string any_value_to_json(std::string_view message);
void write_any_value_json(JsonWriter& out, const AnyValueView& value);

// The value as text: strings as they are, numbers in the shortest form that reads back, booleans true/false,
// bytes as base64, arrays and maps as JSON.
std::string any_value_to_text(const AnyValueView& value);

// OTLP/JSON's form of an AnyValue: {"stringValue":"x"}, {"arrayValue":{"values":[...]}}.
void write_otlp_any_value(JsonWriter& out, const AnyValueView& value);

}  // namespace obelisk
