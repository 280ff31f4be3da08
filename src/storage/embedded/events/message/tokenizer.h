#pragma once
// Splits a line into a template and its variables. A token is a run of ASCII letters and digits; one with a
// digit is a variable, everything else is template text. A clock time (hh:mm:ss) and a lower-case UUID are
// one variable each, since their parts would make templates and columns multiply. Which bytes become
// variables decides size, never correctness: the line is the template with the variables put back.
//
// A skeleton is the template as text: its literal bytes, and a marker byte where a variable was. Lines that
// contain marker bytes themselves, are longer than kTemplateLineBytesMax or have more than kTemplateTokensMax
// variables are not split.
//
// The classification of bytes is chosen at run time (AVX-512BW, AVX2, else the SSE4.2 floor of the build).
// Thread safe.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "storage/embedded/events/message/token_value.h"

namespace obelisk::message {

inline constexpr char kWordMarker = 1;
inline constexpr char kClockMarker = 2;
inline constexpr char kUuidMarker = 3;
inline constexpr bool is_marker(char byte) {
  return byte >= 1 && byte <= 3;
}

// Longer lines are rarely repeated, and the masks of one line lie on the stack.
inline constexpr size_t kTemplateLineBytesMax = 8192;
// More variables than this (a matrix, a dump of numbers) would make as many columns.
inline constexpr size_t kTemplateTokensMax = 200;

struct SplitLine {
  char skeleton[kTemplateLineBytesMax + 16];  // short pieces are copied 16 bytes at a time
  size_t skeleton_length = 0;
  TokenValue
      tokens[kTemplateTokensMax];  // texts are views of the line; of a clock time, its second of the day
  size_t token_count = 0;
};

// False when the line is not split.
bool split_line(std::string_view line, SplitLine& out);

// Seconds of the day of "hh:mm:ss", -1 when it is none. `text` has eight bytes.
int clock_seconds(const char* text);

// For tests: which classifier runs, and the same with the plain one.
std::string_view classifier_name();
bool split_line_plainly(std::string_view line, SplitLine& out);

}  // namespace obelisk::message
