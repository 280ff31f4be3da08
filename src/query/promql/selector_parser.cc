#include "query/promql/selector_parser.h"

#include "query/promql/go_string.h"

namespace obelisk::promql {
namespace {

std::optional<Matcher::Op> matcher_op(TokenKind kind) {
  switch (kind) {
    case TokenKind::assign:
      return Matcher::Op::equal;
    case TokenKind::not_equal:
      return Matcher::Op::not_equal;
    case TokenKind::match:
      return Matcher::Op::match;
    case TokenKind::not_match:
      return Matcher::Op::not_match;
    default:
      return std::nullopt;
  }
}

// One element of the list; `name` is filled by a lone quoted string, the metric's name.
Result<void> parse_element(TokenReader& tokens, uint32_t selector_begin, std::string& name,
                           std::vector<Matcher>& matchers) {
  const Token label = tokens.peek();
  bool quoted = label.kind == TokenKind::string;
  if (label.kind != TokenKind::identifier && !quoted)
    return tokens.unexpected("label matching", "identifier or \"}\"");
  tokens.take();
  std::optional<Matcher::Op> op = matcher_op(tokens.peek().kind);
  if (!op) {
    if (!quoted || !(tokens.is(TokenKind::comma) || tokens.is(TokenKind::right_brace))) {
      return tokens.unexpected("label matching", "label matching operator");
    }
    if (!name.empty()) {
      return tokens.error(selector_begin, "metric name must not be set twice: " + quote_go_string(name) +
                                              " or " + quote_go_string(label.text));
    }
    // An empty one is a matcher that selects nothing by itself.
    if (label.text.empty())
      matchers.push_back({std::string(kMetricNameLabel), Matcher::Op::equal, "", nullptr});
    name = label.text;
    return {};
  }
  tokens.take();
  if (!tokens.is(TokenKind::string)) return tokens.unexpected("label matching", "string");
  const Token value = tokens.take();
  if (label.text == kMetricNameLabel && !name.empty()) {
    return tokens.error(selector_begin, "metric name must not be set twice: " + quote_go_string(name) +
                                            " or " + quote_go_string(value.text));
  }
  Result<Matcher> matcher = make_matcher(label.text, *op, value.text);
  if (!matcher.ok()) return tokens.error(label.begin, matcher.error().message);
  matchers.push_back(std::move(*matcher));
  return {};
}

}  // namespace

Result<Matcher> make_matcher(std::string name, Matcher::Op op, std::string value) {
  Matcher matcher{std::move(name), op, std::move(value), nullptr};
  if (op == Matcher::Op::match || op == Matcher::Op::not_match) {
    OBELISK_TRY(matcher.regex, Regex::compile(matcher.value, Regex::Mode::anchored));
  }
  return matcher;
}

Result<std::vector<Matcher>> parse_matchers(TokenReader& tokens, const std::string& metric_name,
                                            uint32_t selector_begin) {
  std::string name = metric_name;
  std::vector<Matcher> matchers;
  if (tokens.take_if(TokenKind::left_brace)) {
    while (!tokens.is(TokenKind::right_brace)) {
      OBELISK_CHECK_OK(parse_element(tokens, selector_begin, name, matchers));
      if (!tokens.take_if(TokenKind::comma)) break;
    }
    OBELISK_CHECK_OK(tokens.expect(TokenKind::right_brace, "label matching", "\",\" or \"}\""));
  }
  if (!name.empty()) {
    OBELISK_TRY(Matcher matcher, make_matcher(std::string(kMetricNameLabel), Matcher::Op::equal, name));
    matchers.insert(matchers.begin(), std::move(matcher));
  }
  return matchers;
}

}  // namespace obelisk::promql
