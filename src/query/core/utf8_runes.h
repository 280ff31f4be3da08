#pragma once
// Runes of UTF-8 text, with Go's treatment of invalid bytes: each is one rune U+FFFD of length 1. Pure
// functions.
#include <cstddef>
#include <string>
#include <string_view>

namespace obelisk {

struct Rune {
  char32_t value = 0xFFFD;
  size_t length = 1;
  bool valid = false;
};

// The first rune of a text that is not empty.
Rune decode_rune(std::string_view text);
void append_rune(std::string& out, char32_t rune);
size_t rune_count(std::string_view text);
// The first `count` runes; all when there are fewer.
std::string_view rune_prefix(std::string_view text, size_t count);

}  // namespace obelisk
