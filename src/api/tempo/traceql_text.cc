#include "api/tempo/traceql_text.h"

#include <fmt/format.h>

#include <optional>

#include "base/text.h"

namespace obelisk::tempo {

std::string traceql_string(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string traceql_attribute(std::string_view name) {
  std::string out = ".\"";
  for (char c : name) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string traceql_tag_equals(std::string_view name, std::string_view value) {
  std::string attribute = traceql_attribute(name);
  std::string as_text = fmt::format("{} = {}", attribute, traceql_string(value));
  std::optional<double> number = parse_float(value);
  bool is_plain_number = number && value.find_first_not_of("-.0123456789") == std::string_view::npos;
  if (is_plain_number || value == "true" || value == "false")
    return fmt::format("({} || {} = {})", as_text, attribute, value);
  return as_text;
}

}  // namespace obelisk::tempo
