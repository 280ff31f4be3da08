#pragma once
// Reads the protobuf pieces that stay encoded in columns: AnyValue (ColumnType::any), and the events and
// links of a span (column::kEvents, column::kLinks). Every function tolerates any bytes: what is malformed
// ends the iteration or gives an empty value, since stored bytes were checked when they came in
// (otlp_traces.h). Nesting is bounded by kAnyValueDepthMax; deeper values were refused at the door and read
// as null here. Views point into the input. Pure functions, safe from any thread.
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json_writer.h"
#include "base/time.h"
#include "model/ids.h"
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

struct SpanEventView {
  UnixNanos time;
  std::string_view name;
  std::vector<AttributeView> attributes;
  uint32_t dropped_attributes_count = 0;
};

struct SpanLinkView {
  TraceId trace_id;
  SpanId span_id;
  std::string_view trace_state;
  std::vector<AttributeView> attributes;
  uint32_t dropped_attributes_count = 0;
  uint32_t flags = 0;
};

// All events (links) of one span: the value of column::kEvents (kLinks).
std::vector<SpanEventView> read_span_events(std::string_view column_value);
std::vector<SpanLinkView> read_span_links(std::string_view column_value);

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
