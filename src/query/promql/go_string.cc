#include "query/promql/go_string.h"

#include <fmt/format.h>

#include <cstdint>

#include "base/text.h"

namespace obelisk::promql {
namespace {

void append_utf8(std::string& out, uint32_t rune) {
  if (rune < 0x80) {
    out += static_cast<char>(rune);
  } else if (rune < 0x800) {
    out += static_cast<char>(0xC0 | (rune >> 6));
    out += static_cast<char>(0x80 | (rune & 0x3F));
  } else if (rune < 0x10000) {
    out += static_cast<char>(0xE0 | (rune >> 12));
    out += static_cast<char>(0x80 | ((rune >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (rune & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (rune >> 18));
    out += static_cast<char>(0x80 | ((rune >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((rune >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (rune & 0x3F));
  }
}

std::optional<uint32_t> read_digits(std::string_view text, size_t at, size_t count, int base) {
  if (at + count > text.size()) return std::nullopt;
  uint32_t value = 0;
  for (size_t i = at; i < at + count; ++i) {
    char c = text[i];
    int digit = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : 99;
    if (digit >= base) return std::nullopt;
    value = value * static_cast<uint32_t>(base) + static_cast<uint32_t>(digit);
  }
  return value;
}

// Handles the escape whose letter stands at `at`; moves `at` past it.
bool unescape_one(std::string_view inside, char quote, size_t& at, std::string& out) {
  static constexpr std::string_view kLetters = "abfnrtv\\";
  static constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\";
  if (at >= inside.size()) return false;
  char c = inside[at];
  if (size_t known = kLetters.find(c); known != std::string_view::npos) {
    out += kMeanings[known];
    ++at;
    return true;
  }
  if (c == quote) {
    out += c;
    ++at;
    return true;
  }
  if (c == 'x' || c == 'u' || c == 'U') {
    size_t count = c == 'x' ? 2 : c == 'u' ? 4 : 8;
    std::optional<uint32_t> value = read_digits(inside, at + 1, count, 16);
    if (!value) return false;
    if (c == 'x') {
      out += static_cast<char>(*value);
    } else {
      if (*value > 0x10FFFF || (*value >= 0xD800 && *value < 0xE000)) return false;
      append_utf8(out, *value);
    }
    at += 1 + count;
    return true;
  }
  std::optional<uint32_t> octal = read_digits(inside, at, 3, 8);
  if (!octal || *octal > 255) return false;
  out += static_cast<char>(*octal);
  at += 3;
  return true;
}

}  // namespace

std::optional<std::string> unescape_go_string(std::string_view inside, char quote, size_t* failed_at) {
  std::string out;
  size_t at = 0;
  while (at < inside.size()) {
    if (inside[at] != '\\') {
      out += inside[at++];
      continue;
    }
    *failed_at = at++;
    if (!unescape_one(inside, quote, at, out)) return std::nullopt;
  }
  return out;
}

std::string quote_go_string(std::string_view text) {
  std::string out = "\"";
  size_t at = 0;
  while (at < text.size()) {
    unsigned char c = static_cast<unsigned char>(text[at]);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += text[at++];
    } else if (c == '\n' || c == '\r' || c == '\t') {
      out += c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t";
      ++at;
    } else if (c < 0x20 || c == 0x7f) {
      out += fmt::format("\\x{:02x}", c);
      ++at;
    } else if (c < 0x80) {
      out += text[at++];
    } else {
      size_t length = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
      std::string_view rune = text.substr(at, length);
      if (rune.size() == length && is_valid_utf8(rune)) {
        out += rune;
        at += length;
      } else {
        out += fmt::format("\\x{:02x}", c);
        ++at;
      }
    }
  }
  return out + '"';
}

}  // namespace obelisk::promql
