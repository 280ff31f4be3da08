#include "storage/embedded/events/message/literal_chain.h"

#include <emmintrin.h>

#include <cctype>
#include <cstring>

namespace obelisk::message {
namespace {

bool is_meta(char c) {
  return std::string_view("\\.+*?()|[]{}^$").find(c) != std::string_view::npos;
}

// Whether a dot matches every byte of the text.
bool is_plain(std::string_view text, bool with_line_ends) {
  const __m128i line_end = _mm_set1_epi8('\n');
  const char* at = text.data();
  size_t left = text.size();
  int beyond = 0;
  for (; left >= 16; at += 16, left -= 16) {
    __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    beyond |= _mm_movemask_epi8(bytes);
    if (!with_line_ends) beyond |= _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, line_end));
  }
  for (; left > 0; ++at, --left) beyond |= (*at & 0x80) | (!with_line_ends && *at == '\n' ? 1 : 0);
  return beyond == 0;
}

}  // namespace

std::optional<LiteralChain> LiteralChain::of(std::string_view pattern) {
  LiteralChain chain;
  constexpr std::string_view kDotEndsAtLines = "(?-s)";
  chain.dot_ends_at_lines_ = pattern.starts_with(kDotEndsAtLines);
  if (chain.dot_ends_at_lines_) pattern.remove_prefix(kDotEndsAtLines.size());
  std::string literal;
  auto end_literal = [&] {
    if (!literal.empty()) chain.literals_.push_back(std::move(literal));
    literal.clear();
  };
  for (size_t at = 0; at < pattern.size(); ++at) {
    char c = pattern[at];
    if (c == '.' && at + 1 < pattern.size() && pattern[at + 1] == '*') {
      end_literal();
      ++at;
      if (at + 1 < pattern.size() && pattern[at + 1] == '?') ++at;  // as few as possible is also any
      // What else may follow is a repetition of a repetition.
      if (at + 1 < pattern.size() && std::string_view("*+?{").find(pattern[at + 1]) != std::string_view::npos)
        return std::nullopt;
      continue;
    }
    if (c == '\\') {
      if (++at == pattern.size()) return std::nullopt;
      c = pattern[at];
      bool is_itself = c > ' ' && c < 127 && std::isalnum(static_cast<unsigned char>(c)) == 0;
      if (!is_itself) return std::nullopt;
    } else if (is_meta(c) || static_cast<unsigned char>(c) >= 128) {
      return std::nullopt;
    }
    literal += c;
  }
  end_literal();
  if (chain.literals_.empty()) return std::nullopt;
  return chain;
}

std::optional<bool> LiteralChain::matches(std::string_view text) const {
  if (!is_plain(text, !dot_ends_at_lines_)) return std::nullopt;
  const char* at = text.data();
  const char* end = at + text.size();
  for (const std::string& literal : literals_) {
    size_t left = static_cast<size_t>(end - at);
    const void* hit = literal.size() == 1 ? std::memchr(at, literal[0], left)
                                          : memmem(at, left, literal.data(), literal.size());
    if (hit == nullptr) return false;
    at = static_cast<const char*>(hit) + literal.size();
  }
  return true;
}

}  // namespace obelisk::message
