#include "api/prometheus/escaped_name.h"

#include <cstdint>

namespace obelisk::prometheus_api {
namespace {

bool append_rune(std::string& out, uint32_t rune) {
  if (rune > 0x10FFFF || (rune >= 0xD800 && rune < 0xE000)) return false;
  if (rune < 0x80) {
    out += static_cast<char>(rune);
  } else if (rune < 0x800) {
    out += static_cast<char>(0xC0 | (rune >> 6));
    out += static_cast<char>(0x80 | (rune & 0x3F));
  } else {
    if (rune < 0x10000) {
      out += static_cast<char>(0xE0 | (rune >> 12));
    } else {
      out += static_cast<char>(0xF0 | (rune >> 18));
      out += static_cast<char>(0x80 | ((rune >> 12) & 0x3F));
    }
    out += static_cast<char>(0x80 | ((rune >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (rune & 0x3F));
  }
  return true;
}

// The number between underscores, up to six hexadecimal digits.
std::optional<uint32_t> parse_hex(std::string_view digits) {
  if (digits.empty() || digits.size() > 6) return std::nullopt;
  uint32_t value = 0;
  for (char c : digits) {
    int digit = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
    if (digit < 0) return std::nullopt;
    value = value * 16 + static_cast<uint32_t>(digit);
  }
  return value;
}

}  // namespace

std::string unescape_label_name(std::string_view text) {
  if (!text.starts_with("U__")) return std::string(text);
  std::string out;
  for (size_t at = 3; at < text.size();) {
    if (text[at] != '_') {
      out += text[at++];
      continue;
    }
    if (at + 1 < text.size() && text[at + 1] == '_') {
      out += '_';
      at += 2;
      continue;
    }
    size_t end = text.find('_', at + 1);
    if (end == std::string_view::npos) return std::string(text);
    std::optional<uint32_t> rune = parse_hex(text.substr(at + 1, end - at - 1));
    if (!rune || !append_rune(out, *rune)) return std::string(text);
    at = end + 1;
  }
  return out;
}

}  // namespace obelisk::prometheus_api
