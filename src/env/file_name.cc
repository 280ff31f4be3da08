#include "env/file_name.h"

#include <fmt/format.h>

namespace obelisk {
namespace {

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

}  // namespace

std::string file_name_of(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (is_plain(c))
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::optional<std::string> text_of_file_name(std::string_view name) {
  std::string out;
  for (size_t i = 0; i < name.size(); ++i) {
    if (is_plain(name[i])) {
      out += name[i];
      continue;
    }
    if (name[i] != '%' || i + 2 >= name.size()) return std::nullopt;
    int high = hex_value(name[i + 1]), low = hex_value(name[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

}  // namespace obelisk
