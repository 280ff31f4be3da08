#include "query/promql/modifier_parser.h"

#include <limits>

#include "query/promql/go_string.h"

namespace obelisk::promql {
namespace {

Result<double> fill_value(TokenReader& tokens) {
  OBELISK_CHECK_OK(tokens.expect(TokenKind::left_paren, "fill modifier", "\"(\""));
  OBELISK_TRY(double value, parse_signed_number(tokens, "fill modifier", "number"));
  OBELISK_CHECK_OK(tokens.expect(TokenKind::right_paren, "fill modifier", "\")\""));
  return value;
}

Result<void> fill_modifiers(TokenReader& tokens, VectorMatching& matching) {
  auto is_fill = [&](std::string_view word) {
    return tokens.is_word(word) && tokens.peek(1).kind == TokenKind::left_paren;
  };
  while (is_fill("fill") || is_fill("fill_left") || is_fill("fill_right")) {
    const Token word = tokens.take();
    OBELISK_TRY(double value, fill_value(tokens));
    bool left = !equals_ignoring_case(word.text, "fill_right");
    bool right = !equals_ignoring_case(word.text, "fill_left");
    if ((left && matching.fill_left) || (right && matching.fill_right)) {
      return tokens.error(word.begin, "fill value may not be set multiple times");
    }
    if (left) matching.fill_left = value;
    if (right) matching.fill_right = value;
  }
  return {};
}

}  // namespace

std::optional<double> special_number(const Token& token) {
  if (token.kind != TokenKind::identifier) return std::nullopt;
  if (equals_ignoring_case(token.text, "inf")) return std::numeric_limits<double>::infinity();
  if (equals_ignoring_case(token.text, "nan")) return std::numeric_limits<double>::quiet_NaN();
  return std::nullopt;
}

Result<double> parse_signed_number(TokenReader& tokens, std::string_view context, std::string_view expected) {
  double sign = 1;
  if (tokens.is(TokenKind::add) || tokens.is(TokenKind::sub))
    sign = tokens.take().kind == TokenKind::sub ? -1 : 1;
  if (std::optional<double> special = special_number(tokens.peek())) {
    tokens.take();
    return sign * *special;
  }
  if (!tokens.is(TokenKind::number) && !tokens.is(TokenKind::duration))
    return tokens.unexpected(context, expected);
  return sign * tokens.take().number;
}

Result<std::vector<std::string>> parse_grouping_labels(TokenReader& tokens) {
  OBELISK_CHECK_OK(tokens.expect(TokenKind::left_paren, "grouping opts", "\"(\""));
  std::vector<std::string> labels;
  while (!tokens.is(TokenKind::right_paren)) {
    const Token& token = tokens.peek();
    bool quoted = token.kind == TokenKind::string;
    // Of all keywords the grammar of the reference lets only this one be no label here.
    bool is_label = token.kind == TokenKind::identifier && !tokens.is_word("without");
    if (!is_label && !quoted) return tokens.unexpected("grouping opts", "label");
    bool valid =
        quoted ? !token.text.empty() && is_valid_utf8(token.text) : token.text.find(':') == std::string::npos;
    if (!valid) {
      return quoted ? tokens.error(token.begin,
                                   "invalid label name for grouping: " + quote_go_string(token.text))
                    : tokens.unexpected("grouping opts", "label");
    }
    labels.push_back(tokens.take().text);
    if (!tokens.take_if(TokenKind::comma)) break;
  }
  if (!tokens.is(TokenKind::right_paren)) return tokens.unexpected("grouping opts", "\",\" or \")\"");
  tokens.take();
  return labels;
}

Result<void> parse_binary_modifiers(TokenReader& tokens, Node& node) {
  node.return_bool = tokens.take_if_word("bool");
  if (tokens.is_word("on") || tokens.is_word("ignoring")) {
    node.has_matching = true;
    node.matching.on = equals_ignoring_case(tokens.take().text, "on");
    OBELISK_TRY(node.matching.labels, parse_grouping_labels(tokens));
    bool left = tokens.is_word("group_left");
    if (left || tokens.is_word("group_right")) {
      tokens.take();
      node.has_group_modifier = true;
      node.matching.cardinality = left ? MatchCardinality::many_to_one : MatchCardinality::one_to_many;
      if (tokens.is(TokenKind::left_paren)) {
        OBELISK_TRY(node.matching.include, parse_grouping_labels(tokens));
      }
    }
  }
  return fill_modifiers(tokens, node.matching);
}

}  // namespace obelisk::promql
