#pragma once
// Splits a LogQL query into tokens. The whole query is lexed at once: it is bounded (Lexer::kQueryBytesMax).
// Rules: `#` starts a comment to the end of the line; strings are "escaped" or `raw`; a number directly
// followed by duration letters is a duration, by upper-case byte units a size; `[5m]` is one token; names of
// functions are function tokens only where a call follows, so that labels may be named `sum` or `duration`.
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace obelisk::logql {

enum class TokenKind : uint8_t {
  end,
  string,
  number,
  duration,
  bytes,
  identifier,
  range,
  parser_flag,
  keyword,
  function,
  symbol,
};

struct Token {
  TokenKind kind = TokenKind::end;
  std::string text;     // decoded string, identifier, keyword, function, symbol; a number or unit as written
  int64_t nanos = 0;    // duration, range
  uint64_t size = 0;    // bytes
  uint64_t offset = 0;  // in the query
};

inline constexpr size_t kQueryBytesMax = 131'071;  // Loki refuses 131,072 and more

// Error: parse_error with its position and Loki's text.
Result<std::vector<Token>> lex(std::string_view query);

// "parse error at line 1, col 5: MESSAGE" at a byte of the query.
Error parse_error_at(std::string_view query, uint64_t offset, std::string_view message);
// "parse error : MESSAGE": about the query as a whole.
Error parse_error(std::string_view message);

// How a message names a token: $end, IDENTIFIER, STRING, NUMBER, RANGE, ...; keywords and symbols as they
// are.
std::string token_name(const Token& token);

}  // namespace obelisk::logql
