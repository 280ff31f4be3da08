// The pipeline part of the grammar: selectors, line filters, parsers, label filters, formatters, unwrap.
#include <fmt/format.h>

#include <algorithm>

#include "plan/regex.h"
#include "query/logql/regex_error.h"
#include "query/logql/token_stream.h"

namespace obelisk::logql {
namespace {

Result<Matcher> parse_matcher(TokenStream& tokens) {
  Matcher matcher;
  OBELISK_TRY(matcher.name, tokens.expect_name());
  if (tokens.take_symbol("="))
    matcher.op = MatchOp::equal;
  else if (tokens.take_symbol("!="))
    matcher.op = MatchOp::not_equal;
  else if (tokens.take_symbol("=~"))
    matcher.op = MatchOp::regex;
  else if (tokens.take_symbol("!~"))
    matcher.op = MatchOp::not_regex;
  else
    return tokens.unexpected({"=", "=~", "!~", "!="});
  OBELISK_TRY(matcher.value, tokens.expect_string());
  return matcher;
}

std::optional<LineFilterOp> line_filter_op(const Token& token) {
  if (token.kind != TokenKind::symbol) return std::nullopt;
  for (int i = 0; i < 6; ++i) {
    auto op = static_cast<LineFilterOp>(i);
    if (line_filter_op_text(op) == token.text) return op;
  }
  return std::nullopt;
}

bool is_ip_call(const TokenStream& tokens) {
  return tokens.is(TokenKind::function) && tokens.peek().text == "ip";
}

Result<std::string> parse_ip_call(TokenStream& tokens) {
  tokens.take();
  OBELISK_CHECK_OK(tokens.expect_symbol("("));
  OBELISK_TRY(std::string pattern, tokens.expect_string());
  OBELISK_CHECK_OK(tokens.expect_symbol(")"));
  return pattern;
}

Result<Stage> parse_line_filter(TokenStream& tokens, LineFilterOp op) {
  Stage stage;
  stage.kind = Stage::Kind::line_filter;
  stage.line_filter.op = op;
  do {
    LineOperand operand;
    if (is_ip_call(tokens)) {
      if (op != LineFilterOp::contains && op != LineFilterOp::not_contains)
        return parse_error("ip: invalid operation");
      operand.ip = true;
      OBELISK_TRY(operand.text, parse_ip_call(tokens));
    } else if (tokens.is(TokenKind::string)) {
      operand.text = tokens.take().text;
    } else {
      return tokens.unexpected({"STRING", "ip"});
    }
    stage.line_filter.operands.push_back(std::move(operand));
  } while (tokens.take_keyword("or"));
  return stage;
}

Result<LabelFilter> parse_label_filter(TokenStream& tokens);

// name op value, where the value says what is compared.
Result<LabelFilter> parse_comparison(TokenStream& tokens) {
  LabelFilter filter;
  OBELISK_TRY(filter.name, tokens.expect_name());
  if (!tokens.is(TokenKind::symbol)) return tokens.unexpected();
  std::string sign = tokens.peek().text;
  static constexpr std::string_view kSigns[] = {"=", "!=", ">", ">=", "<", "<="};
  bool known = sign == "==" || sign == "=~" || sign == "!~";
  for (int i = 0; i < 6; ++i) {
    if (kSigns[i] != sign) continue;
    filter.sign = static_cast<CompareSign>(i);
    known = true;
  }
  if (!known) return tokens.unexpected();
  tokens.take();
  filter.double_equal = sign == "==";
  bool takes_text = sign == "=" || sign == "!=" || sign == "=~" || sign == "!~";
  bool takes_number = sign != "=~" && sign != "!~";
  bool takes_ip = sign == "=" || sign == "!=";
  if (takes_text && tokens.is(TokenKind::string)) {
    filter.kind = LabelFilter::Kind::text;
    filter.matcher.op = sign == "="    ? MatchOp::equal
                        : sign == "!=" ? MatchOp::not_equal
                        : sign == "=~" ? MatchOp::regex
                                       : MatchOp::not_regex;
    filter.matcher.value = tokens.take().text;
    filter.matcher.name = filter.name;
    return filter;
  }
  if (takes_ip && is_ip_call(tokens)) {
    filter.kind = LabelFilter::Kind::ip;
    filter.matcher.op = sign == "=" ? MatchOp::equal : MatchOp::not_equal;
    filter.matcher.name = filter.name;
    OBELISK_TRY(filter.matcher.value, parse_ip_call(tokens));
    return filter;
  }
  if (takes_number && tokens.is(TokenKind::duration)) {
    filter.kind = LabelFilter::Kind::duration;
    Token literal = tokens.take();
    filter.nanos = literal.nanos;
    filter.literal = literal.text;
    return filter;
  }
  if (takes_number && tokens.is(TokenKind::bytes)) {
    filter.kind = LabelFilter::Kind::bytes;
    Token literal = tokens.take();
    filter.size = literal.size;
    filter.literal = literal.text;
    return filter;
  }
  bool signed_number = tokens.is_symbol("-") || tokens.is_symbol("+");
  if (takes_number && (signed_number || tokens.is(TokenKind::number))) {
    filter.kind = LabelFilter::Kind::number;
    if (signed_number && tokens.peek(1).kind == TokenKind::duration) {
      bool negative = tokens.take().text == "-";
      Token literal = tokens.take();
      filter.kind = LabelFilter::Kind::duration;
      filter.nanos = negative ? -literal.nanos : literal.nanos;
      filter.literal = (negative ? "-" : "") + literal.text;
      return filter;
    }
    filter.literal = (tokens.is_symbol("-") ? "-" : "") + tokens.peek(signed_number ? 1 : 0).text;
    OBELISK_TRY(filter.number, tokens.expect_number());
    return filter;
  }
  if (!takes_number) return tokens.unexpected({"STRING"});
  if (!takes_text) return tokens.unexpected({"BYTES", "NUMBER", "DURATION"});
  return tokens.unexpected();
}

Result<LabelFilter> parse_filter_operand(TokenStream& tokens) {
  if (!tokens.is_symbol("(")) return parse_comparison(tokens);
  OBELISK_CHECK_OK(tokens.enter());
  tokens.take();
  OBELISK_TRY(LabelFilter inner, parse_label_filter(tokens));
  OBELISK_CHECK_OK(tokens.expect_symbol(")"));
  tokens.leave();
  return inner;
}

LabelFilter joined(LabelFilter::Kind kind, LabelFilter left, LabelFilter right) {
  LabelFilter both;
  both.kind = kind;
  both.children.push_back(std::move(left));
  both.children.push_back(std::move(right));
  return both;
}

// Filters joined by `and`, `or`, a comma, or nothing. `and` binds tighter than `or`; a comma, or nothing,
// means and, but takes all that follows as its right side: `a, b or c` is `a and (b or c)`, where `a and b or
// c` is
// `(a and b) or c`. So does the reference's grammar, which gives these two no precedence. A stack instead of
// recursion, so that long chains cost no depth.
Result<LabelFilter> parse_label_filter(TokenStream& tokens) {
  enum class Join : uint8_t { comma, or_word, and_word };  // by precedence
  std::vector<LabelFilter> operands;
  std::vector<Join> joins;  // one between every two operands
  auto join_last_two = [&] {
    LabelFilter right = std::move(operands.back());
    operands.pop_back();
    auto kind = joins.back() == Join::or_word ? LabelFilter::Kind::any_of : LabelFilter::Kind::all_of;
    joins.pop_back();
    operands.back() = joined(kind, std::move(operands.back()), std::move(right));
  };
  for (int count = 1;; ++count) {
    if (count > 1024) return tokens.failure("more than 1024 filters in a chain");
    OBELISK_TRY(LabelFilter operand, parse_filter_operand(tokens));
    operands.push_back(std::move(operand));
    Join join = tokens.is_keyword("or")    ? Join::or_word
                : tokens.is_keyword("and") ? Join::and_word
                                           : Join::comma;
    if (join == Join::comma) {
      bool goes_on = tokens.take_symbol(",") || tokens.is(TokenKind::identifier) || tokens.is_symbol("(");
      if (!goes_on) break;
    } else {
      tokens.take();
      while (!joins.empty() && joins.back() != Join::comma && joins.back() >= join) join_last_two();
    }
    joins.push_back(join);
  }
  while (!joins.empty()) join_last_two();
  return std::move(operands[0]);
}

// `a="x", b` of json and logfmt.
Result<void> parse_extractions(TokenStream& tokens, std::vector<LabelAssignment>& into) {
  if (!tokens.is(TokenKind::identifier)) return {};
  do {
    LabelAssignment assignment;
    OBELISK_TRY(assignment.name, tokens.expect_name());
    assignment.value = assignment.name;
    if (tokens.take_symbol("=")) {
      OBELISK_TRY(assignment.value, tokens.expect_string());
    }
    into.push_back(std::move(assignment));
  } while (tokens.take_symbol(","));
  return {};
}

Result<void> parse_label_formats(TokenStream& tokens, std::vector<LabelAssignment>& into) {
  do {
    LabelAssignment assignment;
    OBELISK_TRY(assignment.name, tokens.expect_name());
    OBELISK_CHECK_OK(tokens.expect_symbol("="));
    if (tokens.is(TokenKind::string)) {
      assignment.is_template = true;
      assignment.value = tokens.take().text;
    } else if (tokens.is_name()) {
      assignment.value = tokens.take().text;
    } else {
      return tokens.unexpected({"STRING", "IDENTIFIER"});
    }
    if (assignment.name == "__error__") return parse_error("__error__ cannot be formatted");
    for (const LabelAssignment& other : into) {
      if (other.name == assignment.name) {
        return parse_error(
            fmt::format("multiple label name '{}' not allowed in a single format operation", other.name));
      }
    }
    into.push_back(std::move(assignment));
  } while (tokens.take_symbol(","));
  return {};
}

Result<void> parse_selected_labels(TokenStream& tokens, std::vector<LabelSelector>& into) {
  do {
    LabelSelector selector;
    if (!tokens.is_name()) return tokens.unexpected({"IDENTIFIER"});
    const Token& after = tokens.peek(1);
    bool compares = after.kind == TokenKind::symbol &&
                    (after.text == "=" || after.text == "!=" || after.text == "=~" || after.text == "!~");
    // `drop a != "x"` is a matcher: line filters take no part here, as in the reference.
    if (compares) {
      OBELISK_TRY(selector.matcher, parse_matcher(tokens));
      selector.has_value = true;
    } else {
      selector.matcher.name = tokens.take().text;
    }
    into.push_back(std::move(selector));
  } while (tokens.take_symbol(","));
  return {};
}

Result<Unwrap> parse_unwrap(TokenStream& tokens) {
  Unwrap unwrap;
  if (tokens.is(TokenKind::function)) {
    std::string name = tokens.peek().text;
    if (name == "bytes")
      unwrap.conversion = Conversion::bytes;
    else if (name == "duration")
      unwrap.conversion = Conversion::duration;
    else if (name == "duration_seconds")
      unwrap.conversion = Conversion::duration_seconds;
    else
      return tokens.unexpected();
    tokens.take();
    OBELISK_CHECK_OK(tokens.expect_symbol("("));
    OBELISK_TRY(unwrap.label, tokens.expect_name());
    OBELISK_CHECK_OK(tokens.expect_symbol(")"));
  } else {
    OBELISK_TRY(unwrap.label, tokens.expect_name());
  }
  while (tokens.take_symbol("|")) {
    OBELISK_TRY(LabelFilter filter, parse_label_filter(tokens));
    unwrap.filters.push_back(std::move(filter));
  }
  return unwrap;
}

bool is_identifier(const Token& token, std::string_view text) {
  return token.kind == TokenKind::identifier && token.text == text;
}

Result<int64_t> expect_duration(TokenStream& tokens) {
  if (!tokens.is(TokenKind::duration)) return tokens.unexpected({"DURATION"});
  if (tokens.peek().nanos <= 0) return tokens.failure("a duration above 0 is wanted");
  return tokens.take().nanos;
}

// new_pattern since 24h [for 5m]. Two names in a row begin nothing else in the language, so a label may still
// be called new_pattern.
Result<Stage> parse_new_pattern(TokenStream& tokens) {
  Stage stage;
  stage.kind = Stage::Kind::new_pattern;
  tokens.take();
  tokens.take();
  OBELISK_TRY(stage.since_nanos, expect_duration(tokens));
  if (!is_identifier(tokens.peek(), "for")) return stage;
  tokens.take();
  OBELISK_TRY(stage.for_nanos, expect_duration(tokens));
  return stage;
}

// One stage after its `|`.
Result<Stage> parse_stage(TokenStream& tokens) {
  Stage stage;
  if (is_identifier(tokens.peek(), "new_pattern") && is_identifier(tokens.peek(1), "since"))
    return parse_new_pattern(tokens);
  if (!tokens.is(TokenKind::keyword)) {
    if (!tokens.is_name() && !tokens.is_symbol("(")) return tokens.unexpected();
    stage.kind = Stage::Kind::label_filter;
    OBELISK_TRY(stage.label_filter, parse_label_filter(tokens));
    return stage;
  }
  std::string word = tokens.peek().text;
  if (word == "json") {
    tokens.take();
    stage.kind = Stage::Kind::json;
    OBELISK_CHECK_OK(parse_extractions(tokens, stage.assignments));
  } else if (word == "logfmt") {
    tokens.take();
    stage.kind = Stage::Kind::logfmt;
    while (tokens.is(TokenKind::parser_flag)) {
      std::string flag = tokens.take().text;
      (flag == "--strict" ? stage.strict : stage.keep_empty) = true;
    }
    OBELISK_CHECK_OK(parse_extractions(tokens, stage.assignments));
  } else if (word == "regexp" || word == "pattern" || word == "line_format") {
    tokens.take();
    stage.kind = word == "regexp"    ? Stage::Kind::regexp
                 : word == "pattern" ? Stage::Kind::pattern
                                     : Stage::Kind::line_format;
    OBELISK_TRY(stage.text, tokens.expect_string());
  } else if (word == "unpack" || word == "decolorize") {
    tokens.take();
    stage.kind = word == "unpack" ? Stage::Kind::unpack : Stage::Kind::decolorize;
  } else if (word == "label_format") {
    tokens.take();
    stage.kind = Stage::Kind::label_format;
    OBELISK_CHECK_OK(parse_label_formats(tokens, stage.assignments));
  } else if (word == "drop" || word == "keep") {
    tokens.take();
    stage.kind = word == "drop" ? Stage::Kind::drop : Stage::Kind::keep;
    OBELISK_CHECK_OK(parse_selected_labels(tokens, stage.selectors));
  } else {
    return tokens.unexpected();
  }
  return stage;
}

std::string matcher_text(const Matcher& matcher) {
  return fmt::format("{}{}\"{}\"", matcher.name, match_op_text(matcher.op), matcher.value);
}

}  // namespace

Result<std::vector<Matcher>> parse_selector(TokenStream& tokens) {
  OBELISK_CHECK_OK(tokens.expect_symbol("{"));
  std::vector<Matcher> matchers;
  if (tokens.take_symbol("}")) return matchers;
  for (;;) {
    if (!tokens.is_name()) {
      if (matchers.empty()) return tokens.unexpected({"IDENTIFIER", "}"});
      return tokens.unexpected({"IDENTIFIER"});
    }
    OBELISK_TRY(Matcher matcher, parse_matcher(tokens));
    if (matchers.size() >= 1000) return parse_error("more than 1000 matchers in a selector");
    matchers.push_back(std::move(matcher));
    if (tokens.take_symbol("}")) return matchers;
    if (!tokens.take_symbol(",")) return tokens.unexpected({"}", ","});
  }
}

Result<void> check_matchers(const std::vector<Matcher>& matchers, bool allow_empty) {
  bool selective = false;
  std::string wide;
  for (const Matcher& matcher : matchers) {
    bool accepts_empty = false;
    if (matcher.op == MatchOp::equal || matcher.op == MatchOp::not_equal) {
      accepts_empty = matcher.value.empty() == (matcher.op == MatchOp::equal);
    } else {
      Result<std::shared_ptr<const Regex>> regex = Regex::compile(matcher.value, Regex::Mode::anchored);
      if (!regex.ok()) return parse_error(regex_error_text(matcher.value, regex.error()));
      accepts_empty = (*regex)->matches("") == (matcher.op == MatchOp::regex);
    }
    selective = selective || !accepts_empty;
    if (!wide.empty()) wide += ", ";
    wide += matcher_text(matcher);
  }
  if (selective || allow_empty) return {};
  return parse_error(fmt::format(
      "queries require at least one regexp or equality matcher that does not have an empty-compatible value; "
      "{{{}}} selects every stream",
      wide));
}

Result<void> parse_stages(TokenStream& tokens, std::vector<Stage>& stages, std::optional<Unwrap>* unwrap) {
  for (;;) {
    if (stages.size() > 1000) return tokens.failure("more than 1000 stages in a pipeline");
    if (std::optional<LineFilterOp> op = line_filter_op(tokens.peek())) {
      tokens.take();
      OBELISK_TRY(Stage stage, parse_line_filter(tokens, *op));
      stages.push_back(std::move(stage));
    } else if (tokens.is_symbol("|")) {
      tokens.take();
      if (unwrap != nullptr && tokens.take_keyword("unwrap")) {
        OBELISK_TRY(*unwrap, parse_unwrap(tokens));
        return {};
      }
      OBELISK_TRY(Stage stage, parse_stage(tokens));
      stages.push_back(std::move(stage));
    } else {
      return {};
    }
  }
}

}  // namespace obelisk::logql
