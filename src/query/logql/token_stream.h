#pragma once
// The tokens of one query with a position in them, and the errors that a parser raises there. Internal to the
// parser.
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "query/logql/lexer.h"
#include "query/logql/parser.h"

namespace obelisk::logql {

class TokenStream {
 public:
  TokenStream(std::string_view query, std::vector<Token> tokens)
      : query_(query), tokens_(std::move(tokens)) {}

  const Token& peek(size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  Token take() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }
  bool is(TokenKind kind) const { return peek().kind == kind; }
  bool is_symbol(std::string_view text) const { return is(TokenKind::symbol) && peek().text == text; }
  bool is_keyword(std::string_view text) const { return is(TokenKind::keyword) && peek().text == text; }
  bool take_symbol(std::string_view text) { return is_symbol(text) && (take(), true); }
  bool take_keyword(std::string_view text) { return is_keyword(text) && (take(), true); }
  // A name: an identifier, or a keyword or function name where only a name can stand.
  bool is_name() const {
    return is(TokenKind::identifier) || is(TokenKind::keyword) || is(TokenKind::function);
  }

  // "syntax error: unexpected X, expecting A or B" at the next token.
  Error unexpected(std::initializer_list<std::string_view> expecting = {}) const;
  Error failure(std::string_view message) const { return parse_error_at(query_, peek().offset, message); }

  Result<void> expect_symbol(std::string_view text);
  Result<std::string> expect_string();
  Result<std::string> expect_name();
  // A NUMBER, possibly signed.
  Result<double> expect_number();

  // Counts a level of nesting; left with leave().
  Result<void> enter();
  void leave() { --depth_; }

 private:
  std::string_view query_;
  std::vector<Token> tokens_;
  size_t at_ = 0;
  int depth_ = 0;
};

// A signed or unsigned number as written. Error: unable to parse literal as a float.
Result<double> literal_number(std::string_view text);

// `{a="b", c=~"d"}` without any check of what the matchers accept.
Result<std::vector<Matcher>> parse_selector(TokenStream& tokens);
// Error unless at least one matcher does not accept the empty string. Compiles the regular expressions.
Result<void> check_matchers(const std::vector<Matcher>& matchers, bool allow_empty);

// The stages after a selector, up to what is no stage. With `unwrap` not null, `| unwrap ...` is allowed and
// ends there (with the filters after it).
Result<void> parse_stages(TokenStream& tokens, std::vector<Stage>& stages, std::optional<Unwrap>* unwrap);

}  // namespace obelisk::logql
