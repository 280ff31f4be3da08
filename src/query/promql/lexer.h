#pragma once
// Splits a PromQL text into tokens. What a character means depends on where it stands: inside `{}` names are
// label names and `=~` is a matcher, inside `[]` a colon separates the subquery step. Bounds: kQueryBytesMax
// of text (a dashboard's longest query is a few KiB), so tokens are bounded as well.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace obelisk::promql {

inline constexpr size_t kQueryBytesMax = 256 * 1024;

enum class TokenKind : uint8_t {
  end,
  identifier,  // also every keyword: the parser decides by place; colons allowed outside braces
  number,
  duration,  // 1h30m
  string,
  left_paren,
  right_paren,
  left_brace,
  right_brace,
  left_bracket,
  right_bracket,
  comma,
  colon,
  at,
  add,
  sub,
  mul,
  div,
  mod,
  pow,
  equal,      // ==
  not_equal,  // !=
  less,
  less_equal,
  greater,
  greater_equal,
  trim_upper,  // </
  trim_lower,  // >/
  assign,      // = in matchers
  match,
  not_match,  // =~ !~
  invalid,    // where the text stopped to be tokens; the last
};

struct Token {
  TokenKind kind = TokenKind::end;
  uint32_t begin = 0;  // bytes into the query
  uint32_t end = 0;
  std::string text;        // as written; strings without quotes and with escapes undone
  double number = 0;       // number: the value; duration: seconds
  bool in_braces = false;  // where no word is a keyword
};

// `identifier "foo"`, `<by>`, `<aggr:sum>`, `<op:+>`, `end of input`: how errors name a token.
std::string describe(const Token& token, std::string_view query);

// The tokens, the last of which is `end`. Comments and blanks are gone.
Result<std::vector<Token>> tokenize(std::string_view query);

// The tokens up to the first fault, told in `fault`; the last is then `invalid`: a parser that cannot go on
// before it tells its own error.
struct TokenList {
  std::vector<Token> tokens;
  std::optional<Error> fault;
};
TokenList tokenize_to_fault(std::string_view query);

// A parse error at a byte of the query.
Error parse_error(std::string_view query, uint64_t offset, std::string message);

}  // namespace obelisk::promql
