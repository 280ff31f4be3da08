#include "query/promql/selector_parser.h"

#include <algorithm>
#include <cstdint>

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

// One element of the list. A lone quoted string is the metric's name; `name_at` tells where it lies.
Result<void> parse_element(TokenReader& tokens, std::vector<Matcher>& matchers, size_t& name_at) {
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
    if (!label.text.empty()) name_at = matchers.size();
    matchers.push_back({std::string(kMetricNameLabel), Matcher::Op::equal, label.text, nullptr});
    return {};
  }
  tokens.take();
  if (!tokens.is(TokenKind::string)) return tokens.unexpected("label matching", "string");
  const Token value = tokens.take();
  Result<Matcher> matcher = make_matcher(label.text, *op, value.text);
  if (!matcher.ok()) return tokens.error(label.begin, matcher.error().message);
  matchers.push_back(std::move(*matcher));
  return {};
}

// The metric's name stands before the braces, and then nothing in them may be about it; or in them, once.
void check_one_name(TokenReader& tokens, uint32_t selector_begin, const std::string& metric_name,
                    const std::vector<Matcher>& matchers) {
  std::string name = metric_name;
  for (const Matcher& matcher : matchers) {
    if (matcher.name != kMetricNameLabel) continue;
    if (!name.empty() && (!metric_name.empty() || matcher.op == Matcher::Op::equal)) {
      tokens.postpone(
          tokens.error(selector_begin, "metric name must not be set twice: " + quote_go_string(name) +
                                           " or " + quote_go_string(matcher.value)));
    }
    if (matcher.op == Matcher::Op::equal && metric_name.empty()) name = matcher.value;
  }
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
  std::vector<Matcher> matchers;
  size_t name_at = SIZE_MAX;
  if (tokens.take_if(TokenKind::left_brace)) {
    while (!tokens.is(TokenKind::right_brace)) {
      OBELISK_CHECK_OK(parse_element(tokens, matchers, name_at));
      if (!tokens.take_if(TokenKind::comma)) break;
    }
    OBELISK_CHECK_OK(tokens.expect(TokenKind::right_brace, "label matching", "\",\" or \"}\""));
  }
  check_one_name(tokens, selector_begin, metric_name, matchers);
  if (!metric_name.empty()) {
    OBELISK_TRY(Matcher matcher,
                make_matcher(std::string(kMetricNameLabel), Matcher::Op::equal, metric_name));
    matchers.insert(matchers.begin(), std::move(matcher));
  } else if (name_at < matchers.size()) {
    // The name comes first.
    auto name = matchers.begin() + static_cast<ptrdiff_t>(name_at);
    std::rotate(matchers.begin(), name, name + 1);
  }
  return matchers;
}

}  // namespace obelisk::promql
