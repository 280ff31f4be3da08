#include "query/promql/duration_parser.h"

#include <cmath>
#include <utility>

namespace obelisk::promql {
namespace {

constexpr int kDurationNestingMax = 64;  // parentheses and signs inside one duration

class DurationParser {
 public:
  DurationParser(TokenReader& tokens, const DurationPlace& place) : tokens_(tokens), place_(place) {}

  // Levels: 0 + -, 1 * / %, 2 ^ (right associative).
  Result<DurationExpr> binary(int level) {
    if (++nesting_ > kDurationNestingMax)
      return tokens_.error(tokens_.peek().begin, "duration expression is nested too deeply");
    OBELISK_TRY(DurationExpr left, level == 2 ? unary() : binary(level + 1));
    for (;;) {
      std::optional<DurationExpr::Kind> kind = operator_at(level);
      if (!kind || (only_durations_follow_ && !starts_duration(tokens_.peek(1)))) break;
      const Token sign = tokens_.take();
      OBELISK_TRY(DurationExpr right, level == 2 ? binary(2) : binary(level + 1));
      bool divides = kind == DurationExpr::Kind::div || kind == DurationExpr::Kind::mod;
      if (divides && right.is_literal() && right.seconds == 0)
        return tokens_.error(sign.begin,
                             kind == DurationExpr::Kind::div ? "division by zero" : "modulo by zero");
      left = combine(*kind, std::move(left), std::move(right));
      if (level == 2) break;
    }
    --nesting_;
    return left;
  }

  // Behind `offset`.
  Result<DurationExpr> offset() {
    only_durations_follow_ = true;
    return tokens_.is(TokenKind::left_paren) ? binary(0) : unary();
  }

  Result<DurationExpr> unary() {
    if (++nesting_ > kDurationNestingMax)
      return tokens_.error(tokens_.peek().begin, "duration expression is nested too deeply");
    uint32_t begin = tokens_.peek().begin;
    if (tokens_.is(TokenKind::add) || tokens_.is(TokenKind::sub)) {
      bool negative = tokens_.take().kind == TokenKind::sub;
      OBELISK_TRY(DurationExpr operand, unary());
      operand.source.begin = begin;
      --nesting_;
      if (!negative) return operand;
      if (operand.is_literal() && !operand.parenthesised) {
        operand.seconds = -operand.seconds;
        return operand;
      }
      DurationExpr result;
      result.kind = DurationExpr::Kind::negate;
      result.source = operand.source;
      result.operands.push_back(std::move(operand));
      return result;
    }
    auto result = primary();
    --nesting_;
    return result;
  }

  Result<DurationExpr> primary() {
    const Token& token = tokens_.peek();
    DurationExpr result;
    result.source = {token.begin, token.end};
    if (token.kind == TokenKind::number || token.kind == TokenKind::duration) {
      result.seconds = token.number;
      result.as_number = token.kind == TokenKind::number;
      if (!(std::fabs(result.seconds) < 9.2e9)) return tokens_.error(token.begin, "duration out of range");
      tokens_.take();
      return result;
    }
    if (token.kind == TokenKind::left_paren) {
      tokens_.take();
      OBELISK_TRY(DurationExpr inner, inside());
      OBELISK_CHECK_OK(expect(TokenKind::right_paren));
      inner.parenthesised = true;
      inner.source = {result.source.begin, tokens_.last_end()};
      return inner;
    }
    return call(std::move(result));
  }

 private:
  Result<DurationExpr> call(DurationExpr result) {
    using Kind = DurationExpr::Kind;
    static constexpr std::pair<std::string_view, Kind> kCalls[] = {
        {"step", Kind::step}, {"range", Kind::range}, {"min_of", Kind::min_of}, {"max_of", Kind::max_of}};
    for (const auto& [name, kind] : kCalls) {
      if (!tokens_.is_word(name) || tokens_.peek(1).kind != TokenKind::left_paren) continue;
      tokens_.take();
      tokens_.take();
      result.kind = kind;
      if (kind == Kind::min_of || kind == Kind::max_of) {
        OBELISK_TRY(DurationExpr first, inside());
        OBELISK_CHECK_OK(expect(TokenKind::comma));
        OBELISK_TRY(DurationExpr second, inside());
        result.operands.push_back(std::move(first));
        result.operands.push_back(std::move(second));
      }
      OBELISK_CHECK_OK(expect(TokenKind::right_paren));
      result.source.end = tokens_.last_end();
      return result;
    }
    return tokens_.unexpected(place_.context, place_.expected);
  }

  Result<void> expect(TokenKind kind) { return tokens_.expect(kind, place_.context, place_.expected); }

  // Between parentheses nothing but a duration can follow an operator.
  Result<DurationExpr> inside() {
    bool before = std::exchange(only_durations_follow_, false);
    auto result = binary(0);
    only_durations_follow_ = before;
    return result;
  }

  // After `offset (..)` an operator goes on with the duration where one follows; what cannot be one is left
  // to the expression around it.
  static bool starts_duration(const Token& token) {
    switch (token.kind) {
      case TokenKind::number:
      case TokenKind::duration:
      case TokenKind::left_paren:
      case TokenKind::add:
      case TokenKind::sub:
        return true;
      default:
        return false;
    }
  }

  std::optional<DurationExpr::Kind> operator_at(int level) const {
    switch (tokens_.peek().kind) {
      case TokenKind::add:
        return level == 0 ? std::optional(DurationExpr::Kind::add) : std::nullopt;
      case TokenKind::sub:
        return level == 0 ? std::optional(DurationExpr::Kind::sub) : std::nullopt;
      case TokenKind::mul:
        return level == 1 ? std::optional(DurationExpr::Kind::mul) : std::nullopt;
      case TokenKind::div:
        return level == 1 ? std::optional(DurationExpr::Kind::div) : std::nullopt;
      case TokenKind::mod:
        return level == 1 ? std::optional(DurationExpr::Kind::mod) : std::nullopt;
      case TokenKind::pow:
        return level == 2 ? std::optional(DurationExpr::Kind::pow) : std::nullopt;
      default:
        return std::nullopt;
    }
  }

  static DurationExpr combine(DurationExpr::Kind kind, DurationExpr left, DurationExpr right) {
    DurationExpr result;
    result.kind = kind;
    result.source = {left.source.begin, right.source.end};
    result.operands.push_back(std::move(left));
    result.operands.push_back(std::move(right));
    return result;
  }

  TokenReader& tokens_;
  DurationPlace place_;
  int nesting_ = 0;
  bool only_durations_follow_ = false;
};

}  // namespace

Result<DurationExpr> parse_duration(TokenReader& tokens, const DurationPlace& place) {
  return DurationParser(tokens, place).binary(0);
}
Result<DurationExpr> parse_offset_duration(TokenReader& tokens) {
  return DurationParser(tokens, {"offset", kDurationStarts}).offset();
}

}  // namespace obelisk::promql
