#include "wire/any_value.h"

#include <cmath>

#include "base/text.h"
#include "wire/any_value_decode.h"
#include "wire/base64.h"
#include "wire/protobuf.h"

namespace obelisk {
namespace {

using protobuf::Reader;

// Calls `read`; malformed bytes end it early, which is all that a reader of stored bytes can do about them.
template <typename Read>
void read_leniently(Read&& read) {
  try {
    read();
  } catch (const protozero::exception&) {
  }
}

// What `read` returns, or a default value when the bytes are malformed. Not `value = read()` inside
// read_leniently: g++ 12 lets the callee build its result in `value` and drops the stores when it throws.
template <typename Read>
auto read_or_default(Read&& read) -> decltype(read()) {
  try {
    return read();
  } catch (const protozero::exception&) {
    return {};
  }
}

// Visits what an AnyValue message of type array or map holds. Exactly one of the callbacks runs, once per
// element after its `begin`; none when the value is unset.
struct Container {
  bool is_array = false;
  bool is_map = false;
  std::string_view content;
};
Container container_of(std::string_view message) {
  Container found;
  Reader reader = protobuf::reader_of(message);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protobuf::length_field(5):
        found = {true, false, protobuf::string_of(reader)};
        break;
      case protobuf::length_field(6):
        found = {false, true, protobuf::string_of(reader)};
        break;
      default:
        reader.skip();
    }
  }
  return found;
}

template <typename Each>
void for_each_element(std::string_view content, Each&& each) {
  Reader reader = protobuf::reader_of(content);
  while (reader.next(1, protozero::pbf_wire_type::length_delimited)) each(protobuf::string_of(reader));
}

void write_plain(JsonWriter& out, const AnyValueView& value, int depth);

void write_plain_container(JsonWriter& out, std::string_view message, int depth) {
  Container container;
  if (depth < kAnyValueDepthMax) container = read_or_default([&] { return container_of(message); });
  if (container.is_array) {
    out.begin_array();
    read_leniently([&] {
      for_each_element(container.content, [&](std::string_view element) {
        write_plain(out, read_any_value(element), depth + 1);
      });
    });
    out.end_array();
  } else if (container.is_map) {
    out.begin_object();
    read_leniently([&] {
      for_each_element(container.content, [&](std::string_view element) {
        AttributeView entry = decode_key_value(element);
        out.key(entry.key);
        write_plain(out, entry.value, depth + 1);
      });
    });
    out.end_object();
  } else {
    out.null();
  }
}

void write_plain(JsonWriter& out, const AnyValueView& value, int depth) {
  switch (value.type) {
    case ColumnType::boolean:
      out.value(value.integer != 0);
      break;
    case ColumnType::int64:
      out.value(value.integer);
      break;
    case ColumnType::float64:
      out.value(value.number);
      break;
    case ColumnType::string:
      out.value(value.text);
      break;
    case ColumnType::bytes:
      out.value(base64_encode(value.text));
      break;
    case ColumnType::any:
    case ColumnType::trace_id:
      write_plain_container(out, value.text, depth);
      break;
  }
}

void write_otlp(JsonWriter& out, const AnyValueView& value, int depth);

void write_otlp_container(JsonWriter& out, std::string_view message, int depth) {
  Container container;
  if (depth < kAnyValueDepthMax) container = read_or_default([&] { return container_of(message); });
  if (!container.is_array && !container.is_map) return;
  out.key(container.is_array ? "arrayValue" : "kvlistValue").begin_object().key("values").begin_array();
  read_leniently([&] {
    for_each_element(container.content, [&](std::string_view element) {
      if (container.is_array) {
        write_otlp(out, read_any_value(element), depth + 1);
        return;
      }
      AttributeView entry = decode_key_value(element);
      out.begin_object().field("key", entry.key).key("value");
      write_otlp(out, entry.value, depth + 1);
      out.end_object();
    });
  });
  out.end_array().end_object();
}

void write_otlp_double(JsonWriter& out, double number) {
  if (std::isnan(number)) {
    out.value("NaN");
  } else if (std::isinf(number)) {
    out.value(number > 0 ? "Infinity" : "-Infinity");
  } else {
    out.value(number);
  }
}

void write_otlp(JsonWriter& out, const AnyValueView& value, int depth) {
  out.begin_object();
  switch (value.type) {
    case ColumnType::boolean:
      out.field("boolValue", value.integer != 0);
      break;
    case ColumnType::int64:
      out.field("intValue", std::to_string(value.integer));
      break;
    case ColumnType::float64:
      out.key("doubleValue");
      write_otlp_double(out, value.number);
      break;
    case ColumnType::string:
      out.field("stringValue", value.text);
      break;
    case ColumnType::bytes:
      out.field("bytesValue", base64_encode(value.text));
      break;
    case ColumnType::any:
    case ColumnType::trace_id:
      write_otlp_container(out, value.text, depth);
      break;
  }
  out.end_object();
}

}  // namespace

AnyValueView read_any_value(std::string_view message) {
  return read_or_default([&] { return decode_any_value(message); });
}

std::optional<std::vector<AnyValueView>> read_any_array(std::string_view message) {
  Container container = read_or_default([&] { return container_of(message); });
  if (!container.is_array) return std::nullopt;
  std::vector<AnyValueView> elements;
  read_leniently([&] {
    for_each_element(container.content,
                     [&](std::string_view element) { elements.push_back(read_any_value(element)); });
  });
  return elements;
}

std::string any_value_to_json(std::string_view message) {
  JsonWriter out;
  write_plain(out, read_any_value(message), 0);
  return out.take();
}

void write_any_value_json(JsonWriter& out, const AnyValueView& value) {
  write_plain(out, value, 0);
}

std::string any_value_to_text(const AnyValueView& value) {
  switch (value.type) {
    case ColumnType::boolean:
      return value.integer != 0 ? "true" : "false";
    case ColumnType::int64:
      return std::to_string(value.integer);
    case ColumnType::float64:
      return format_sample_value(value.number);
    case ColumnType::string:
      return std::string(value.text);
    case ColumnType::bytes:
      return base64_encode(value.text);
    case ColumnType::any:
    case ColumnType::trace_id:
      break;
  }
  return value.text.empty() ? std::string() : any_value_to_json(value.text);
}

void write_otlp_any_value(JsonWriter& out, const AnyValueView& value) {
  write_otlp(out, value, 0);
}

}  // namespace obelisk
