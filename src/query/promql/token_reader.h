#pragma once
// A position in the tokens of a query, for the parsers of expressions, selectors and durations.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "query/promql/lexer.h"

namespace obelisk::promql {

class TokenReader {
 public:
  TokenReader(std::string_view query, TokenList list)
      : query_(query), tokens_(std::move(list.tokens)), fault_(std::move(list.fault)) {}

  const Token& peek(size_t ahead = 0) const {
    size_t at = at_ + ahead;
    return at < tokens_.size() ? tokens_[at] : tokens_.back();
  }
  // The token passed over; the end token is never passed.
  const Token& take() {
    const Token& token = tokens_[at_];
    if (at_ + 1 < tokens_.size()) ++at_;
    return token;
  }
  bool is(TokenKind kind) const { return peek().kind == kind; }
  bool take_if(TokenKind kind) {
    if (!is(kind)) return false;
    take();
    return true;
  }
  // A keyword, in any case.
  bool is_word(std::string_view word, size_t ahead = 0) const {
    return peek(ahead).kind == TokenKind::identifier && equals_ignoring_case(peek(ahead).text, word);
  }
  bool take_if_word(std::string_view word) {
    if (!is_word(word)) return false;
    take();
    return true;
  }
  Result<void> expect(TokenKind kind, std::string_view context, std::string_view expected) {
    if (take_if(kind)) return {};
    return unexpected(context, expected);
  }

  // "unexpected identifier "x" in aggregation, expected ..."
  Error unexpected(std::string_view context, std::string_view expected = {}) const {
    if (is(TokenKind::invalid) && fault_) return *fault_;
    std::string message = "unexpected " + describe(peek(), query_);
    if (!context.empty()) message += " in " + std::string(context);
    if (!expected.empty()) message += ", expected " + std::string(expected);
    return error(peek().begin, std::move(message));
  }
  Error error(uint64_t offset, std::string message) const {
    return parse_error(query_, offset, std::move(message));
  }
  // An error that is told only when the text is one of the grammar; of several the first.
  void postpone(Error error) {
    if (!postponed_) postponed_ = std::move(error);
  }
  Result<void> postponed() const { return postponed_ ? Result<void>(*postponed_) : Result<void>(); }
  // Where the last token taken ended.
  uint32_t last_end() const { return at_ == 0 ? 0 : tokens_[at_ - 1].end; }
  std::string_view query() const { return query_; }

 private:
  std::string_view query_;
  std::vector<Token> tokens_;
  std::optional<Error> fault_;  // what `invalid` stands for
  std::optional<Error> postponed_;
  size_t at_ = 0;
};

}  // namespace obelisk::promql
