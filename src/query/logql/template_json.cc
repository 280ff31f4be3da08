#include "query/logql/template_json.h"

#include "base/text.h"
#include "query/logql/json_walk.h"

namespace obelisk::logql {
namespace {

bool read(JsonCursor& cursor, TemplateValue& out, int depth);

std::string text_of(std::string_view raw) {
  std::string buffer;
  return std::string(unescape_json(raw, buffer).value_or(std::string_view()));
}

bool read_object(JsonCursor& cursor, TemplateValue& out, int depth) {
  TemplateMap map;
  cursor.enter_object();
  std::string_view raw_key;
  while (cursor.next_key(raw_key)) {
    if (!read(cursor, map[text_of(raw_key)], depth + 1)) return false;
  }
  out = TemplateValue(std::move(map));
  return cursor.closed();
}

bool read_array(JsonCursor& cursor, TemplateValue& out, int depth) {
  TemplateList list;
  cursor.enter_array();
  while (cursor.next_element()) {
    if (!read(cursor, list.emplace_back(), depth + 1)) return false;
  }
  out = TemplateValue(std::move(list));
  return cursor.closed();
}

bool read(JsonCursor& cursor, TemplateValue& out, int depth) {
  std::optional<JsonKind> kind = cursor.peek();
  if (!kind || depth > kJsonDepthMax) return false;
  if (*kind == JsonKind::object) return read_object(cursor, out, depth);
  if (*kind == JsonKind::array) return read_array(cursor, out, depth);
  JsonToken token;
  if (!cursor.value(token)) return false;
  switch (*kind) {
    case JsonKind::text:
      out = TemplateValue(text_of(token.raw));
      break;
    case JsonKind::boolean:
      out = TemplateValue(token.raw == "true");
      break;
    case JsonKind::number: {
      std::optional<double> number = parse_float(token.raw);
      if (!number) return false;  // the walk takes any word that begins like one
      out = TemplateValue(*number);
      break;
    }
    default:
      out = TemplateValue();
      break;
  }
  return true;
}

}  // namespace

TemplateValue template_value_of_json(std::string_view text) {
  JsonCursor cursor(text);
  TemplateValue value;
  return read(cursor, value, 0) ? value : TemplateValue();
}

}  // namespace obelisk::logql
