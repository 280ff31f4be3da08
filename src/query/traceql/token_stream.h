#pragma once
// The tokens of one query with a reading position, and how a parser complains about them. Not thread safe.
#include <string_view>
#include <vector>

#include "query/traceql/ast.h"
#include "query/traceql/lexer.h"

namespace obelisk::traceql {

class TokenStream {
 public:
  TokenStream(std::string_view query, std::vector<Token> tokens)
      : query_(query), tokens_(std::move(tokens)) {}

  const Token& peek(size_t ahead = 0) const {
    size_t index = at_ + ahead;
    return index < tokens_.size() ? tokens_[index] : tokens_.back();
  }
  // The current token; the end token stays.
  const Token& take() {
    const Token& token = tokens_[at_];
    if (at_ + 1 < tokens_.size()) ++at_;
    return token;
  }
  bool is(TokenKind kind) const { return peek().kind == kind; }
  bool is_word(std::string_view word) const { return is(TokenKind::word) && peek().text == word; }
  bool accept(TokenKind kind) {
    if (!is(kind)) return false;
    take();
    return true;
  }
  bool accept_word(std::string_view word) {
    if (!is_word(word)) return false;
    take();
    return true;
  }
  Result<void> expect(TokenKind kind, std::string_view what) {
    if (accept(kind)) return {};
    return unexpected(what);
  }

  Error error(uint64_t offset, std::string_view message) const {
    return parse_error_at(query_, offset, message);
  }
  Error unexpected(std::string_view wanted) const {
    return error(peek().offset, "unexpected " + describe(peek()) + ", expected " + std::string(wanted));
  }

  // Guards recursion: one object a level.
  class Level {
   public:
    explicit Level(TokenStream& stream) : stream_(stream) { ++stream_.level_; }
    ~Level() { --stream_.level_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    bool too_deep() const { return stream_.level_ > kDepthMax; }

   private:
    TokenStream& stream_;
  };
  Error too_deep() const { return error(peek().offset, "the query is nested too deeply"); }

  size_t leaf_count = 0;  // spanset filters met so far

 private:
  std::string_view query_;
  std::vector<Token> tokens_;
  size_t at_ = 0;
  uint32_t level_ = 0;
};

}  // namespace obelisk::traceql
