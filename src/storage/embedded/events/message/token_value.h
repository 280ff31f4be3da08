#pragma once
// A variable of a line as one word: what the tokenizer hands to the coding of slots. Decimal digits, which
// most variables are, become their number while the text is in cache; everything else is a view.
//
//   number  bit 63 set; bit 62: begins with a superfluous zero; bits 57 to 61: how many digits; bits 0 to 56:
//   value text    bits 48 to 61: length; bits 0 to 47: address (user space has 47 bits on x86-64)
//
// Two numbers are the same word when they are the same text; texts have to be compared. Pure.
#include <cstdint>
#include <cstring>
#include <string_view>

namespace obelisk::message {

using TokenValue = uint64_t;

inline constexpr TokenValue kNumberToken = uint64_t{1} << 63;
inline constexpr TokenValue kLeadingZero = uint64_t{1} << 62;
inline constexpr unsigned kTokenLengthShift = 57;
inline constexpr TokenValue kTokenNumberMask = (uint64_t{1} << kTokenLengthShift) - 1;
// 10^17 is less than 2^57.
inline constexpr size_t kTokenDigitsMax = 17;

inline bool is_number_token(TokenValue token) {
  return (token & kNumberToken) != 0;
}
inline uint64_t token_number(TokenValue token) {
  return token & kTokenNumberMask;
}
inline unsigned token_digits(TokenValue token) {
  return static_cast<unsigned>(token >> kTokenLengthShift) & 31u;
}

inline TokenValue number_token(uint64_t number, size_t digits, bool leading_zero) {
  return kNumberToken | (leading_zero ? kLeadingZero : 0) |
         static_cast<uint64_t>(digits) << kTokenLengthShift | number;
}
inline TokenValue text_token(const char* text, size_t length) {
  return reinterpret_cast<uint64_t>(text) | static_cast<uint64_t>(length) << 48;
}

// The text of a text token.
inline std::string_view token_view(TokenValue token) {
  return {reinterpret_cast<const char*>(token & ((uint64_t{1} << 48) - 1)), token >> 48};
}
// Of a number, written to `buffer` of kTokenDigitsMax bytes; of a text, where it lies.
inline std::string_view token_text(TokenValue token, char* buffer) {
  if (!is_number_token(token)) return token_view(token);
  unsigned digits = token_digits(token);
  uint64_t number = token_number(token);
  for (unsigned i = digits; i-- > 0; number /= 10) buffer[i] = static_cast<char>('0' + number % 10);
  return {buffer, digits};
}

// Eight decimal digits, the first in the lowest byte.
inline uint64_t number_of_eight(uint64_t digits) {
  digits = (digits & 0x0f0f0f0f0f0f0f0full) * 2561 >> 8;
  digits = (digits & 0x00ff00ff00ff00ffull) * 6553601 >> 16;
  return (digits & 0x0000ffff0000ffffull) * 42949672960001ull >> 32;
}

// `length` decimal digits, 1 to kTokenDigitsMax; `before` bytes in front of them may be read.
inline uint64_t number_of_digits(const char* text, size_t length, size_t before) {
  auto last = [&](size_t count) {  // 1 to 8 digits at the end, the bytes before them masked
    uint64_t word;
    std::memcpy(&word, text + length - 8, 8);
    return number_of_eight(word & (~uint64_t{0} << (8 * (8 - count))));
  };
  auto eight = [&](size_t from) {
    uint64_t word;
    std::memcpy(&word, text + from, 8);
    return number_of_eight(word);
  };
  static constexpr uint64_t kPowers[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
  if (length == 17) return (eight(0) * 100000000 + eight(8)) * 10 + static_cast<uint64_t>(text[16] - '0');
  if (length > 8) return eight(0) * kPowers[length - 8] + last(length - 8);
  if (before + length >= 8) return last(length);
  uint64_t number = 0;
  for (size_t i = 0; i < length; ++i) number = number * 10 + static_cast<uint64_t>(text[i] - '0');
  return number;
}

}  // namespace obelisk::message
