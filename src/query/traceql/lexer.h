#pragma once
// Cuts a TraceQL query into tokens. Blanks and // and /* */ comments separate tokens.
// An attribute with its scope is one token: after ".", "span.", "resource." and so on its name runs to the
// first blank or one of {}()=~!<>&|^, (so - + / * % belong to the name); a part in double quotes may hold
// anything, with \" and \\. A scoped intrinsic ("trace:duration") is one word. Bounds: the caller limits the
// length of the query; the tokens are at most as many as its bytes.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace obelisk::traceql {

enum class TokenKind : uint8_t {
  end,
  open_brace,
  close_brace,
  open_paren,
  close_paren,
  comma,
  pipe,
  and_op,
  or_op,
  not_op,
  equal,
  not_equal,
  greater,
  greater_equal,
  less,
  less_equal,
  regex,
  not_regex,  // =~ !~ ; the second is also "not sibling"
  descendant,
  ancestor,
  sibling,  // >> << ~
  not_child,
  not_descendant,
  not_parent,
  not_ancestor,  // !> !>> !< !<<
  union_child,
  union_descendant,
  union_parent,
  union_ancestor,
  union_sibling,  // &> &>> &< &<< &~
  plus,
  minus,
  star,
  slash,
  percent,
  caret,
  string,
  integer,
  floating,
  duration,
  word,  // a keyword or an intrinsic
  attribute,
};

enum class AttributeScope : uint8_t { any, span, resource, event, link, instrumentation };

struct Token {
  TokenKind kind = TokenKind::end;
  uint64_t offset = 0;
  std::string text;                            // word, attribute: name; string: unquoted
  int64_t integer = 0;                         // integer; duration in ns
  double number = 0;                           // floating
  AttributeScope scope = AttributeScope::any;  // attribute
  bool of_parent = false;                      // attribute: "parent." in front
};

// Ends with one token of kind end.
Result<std::vector<Token>> tokenize(std::string_view query);

// "parse error at line 1, col 3: <message>", code parse_error, with the position.
Error parse_error_at(std::string_view query, uint64_t offset, std::string_view message);
// For messages: the token as text.
std::string describe(const Token& token);

}  // namespace obelisk::traceql
