#include "query/logql/parser.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "query/logql/binary_arithmetic.h"
#include "query/logql/token_stream.h"

namespace obelisk::logql {
namespace {

bool needs_unwrap(RangeOp op) {
  switch (op) {
    case RangeOp::rate_counter:
    case RangeOp::avg:
    case RangeOp::sum:
    case RangeOp::min:
    case RangeOp::max:
    case RangeOp::stdvar:
    case RangeOp::stddev:
    case RangeOp::quantile:
    case RangeOp::first:
    case RangeOp::last:
      return true;
    default:
      return false;
  }
}

bool refuses_unwrap(RangeOp op) {
  return op == RangeOp::count || op == RangeOp::bytes || op == RangeOp::bytes_rate;
}

bool takes_grouping(RangeOp op) {
  switch (op) {
    case RangeOp::avg:
    case RangeOp::min:
    case RangeOp::max:
    case RangeOp::stdvar:
    case RangeOp::stddev:
    case RangeOp::quantile:
    case RangeOp::first:
    case RangeOp::last:
      return true;
    default:
      return false;
  }
}

class Parser {
 public:
  explicit Parser(TokenStream& tokens) : tokens_(tokens) {}

  Result<Query> parse() {
    OBELISK_TRY(Query query, expression(0));
    if (!tokens_.is(TokenKind::end)) return tokens_.unexpected();
    return query;
  }

 private:
  struct Operator {
    BinaryOp op;
    int precedence;
  };

  // or < and, unless < comparisons < + - < * / % < ^
  std::optional<Operator> operator_ahead() const {
    const Token& token = tokens_.peek();
    if (token.kind == TokenKind::keyword) {
      if (token.text == "or") return Operator{BinaryOp::or_op, 1};
      if (token.text == "and") return Operator{BinaryOp::and_op, 2};
      if (token.text == "unless") return Operator{BinaryOp::unless_op, 2};
      return std::nullopt;
    }
    if (token.kind != TokenKind::symbol) return std::nullopt;
    static constexpr std::array<int, 12> kPrecedence{4, 4, 5, 5, 5, 6, 3, 3, 3, 3, 3, 3};
    for (size_t i = 0; i < kPrecedence.size(); ++i) {
      auto op = static_cast<BinaryOp>(i);
      if (binary_op_text(op) == token.text) return Operator{op, kPrecedence[i]};
    }
    return std::nullopt;
  }

  Result<Query> expression(int precedence_min) {
    OBELISK_CHECK_OK(tokens_.enter());
    OBELISK_TRY(Query left, primary());
    int chained = 0;
    while (std::optional<Operator> found = operator_ahead()) {
      if (found->precedence < precedence_min) break;
      if (++chained > 1000) return tokens_.failure("more than 1000 operators in a chain");
      tokens_.take();
      Query binary;
      binary.kind = Query::Kind::binary;
      binary.binary_op = found->op;
      OBELISK_CHECK_OK(modifiers(binary));
      bool right_associative = found->op == BinaryOp::power;
      OBELISK_TRY(Query right, expression(found->precedence + (right_associative ? 0 : 1)));
      OBELISK_TRY(left, combine(std::move(binary), std::move(left), std::move(right)));
    }
    tokens_.leave();
    return left;
  }

  Result<void> modifiers(Query& binary) {
    binary.returns_bool = tokens_.take_keyword("bool");  // allowed, and without meaning, for arithmetic
    bool set = is_set_op(binary.binary_op);
    binary.matching.cardinality = set ? MatchCardinality::many_to_many : MatchCardinality::one_to_one;
    if (!tokens_.is_keyword("on") && !tokens_.is_keyword("ignoring")) return {};
    binary.has_matching = true;
    binary.matching.on = tokens_.take().text == "on";
    OBELISK_TRY(binary.matching.labels, label_list());
    if (!tokens_.is_keyword("group_left") && !tokens_.is_keyword("group_right")) return {};
    if (set) return tokens_.failure("no grouping allowed for set operations");
    binary.matching.cardinality =
        tokens_.take().text == "group_left" ? MatchCardinality::many_to_one : MatchCardinality::one_to_many;
    // `group_left (a) expr` and `group_left (expr)`: a list of names in parentheses is a list.
    if (tokens_.is_symbol("(") && is_label_list()) {
      OBELISK_TRY(binary.matching.include, label_list());
    }
    return {};
  }

  bool is_label_list() const {
    size_t i = 1;
    if (tokens_.peek(i).kind == TokenKind::symbol && tokens_.peek(i).text == ")") return true;
    for (;; i += 2) {
      if (tokens_.peek(i).kind != TokenKind::identifier) return false;
      const Token& after = tokens_.peek(i + 1);
      if (after.kind != TokenKind::symbol) return false;
      if (after.text == ")") return true;
      if (after.text != ",") return false;
    }
  }

  Result<std::vector<std::string>> label_list() {
    OBELISK_CHECK_OK(tokens_.expect_symbol("("));
    std::vector<std::string> labels;
    if (tokens_.take_symbol(")")) return labels;
    for (;;) {
      OBELISK_TRY(std::string name, tokens_.expect_name());
      labels.push_back(std::move(name));
      if (tokens_.take_symbol(")")) return labels;
      if (!tokens_.take_symbol(",")) return tokens_.unexpected({",", ")"});
      if (labels.size() > 1000) return tokens_.failure("more than 1000 labels in a list");
    }
  }

  Result<Query> combine(Query binary, Query left, Query right) {
    std::string_view op = binary_op_text(binary.binary_op);
    if (left.is_log())
      return parse_error(
          fmt::format("unexpected type for left leg of binary operation ({}): a log query", op));
    if (right.is_log())
      return parse_error(
          fmt::format("unexpected type for right leg of binary operation ({}): a log query", op));
    bool left_literal = left.kind == Query::Kind::literal, right_literal = right.kind == Query::Kind::literal;
    if (is_set_op(binary.binary_op)) {
      if (left_literal) {
        return parse_error(fmt::format(
            "unexpected literal for left leg of logical/set binary operation ({}): {:f}", op, left.number));
      }
      if (right_literal) {
        return parse_error(fmt::format(
            "unexpected literal for right leg of logical/set binary operation ({}): {:f}", op, right.number));
      }
    }
    if (left_literal && right_literal) {
      Query folded;
      folded.kind = Query::Kind::literal;
      folded.number = is_comparison(binary.binary_op)
                          ? (holds(binary.binary_op, left.number, right.number) ? 1 : 0)
                          : arithmetic(binary.binary_op, left.number, right.number);
      return folded;
    }
    binary.children.push_back(std::move(left));
    binary.children.push_back(std::move(right));
    return binary;
  }

  Result<Query> primary() {
    const Token& token = tokens_.peek();
    if (tokens_.is_symbol("{")) {
      Query query;
      query.kind = Query::Kind::log;
      OBELISK_CHECK_OK(log_selector(query.selector, nullptr));
      return query;
    }
    if (tokens_.is_symbol("(")) {
      OBELISK_CHECK_OK(tokens_.enter());
      tokens_.take();
      OBELISK_TRY(Query inner, expression(0));
      OBELISK_CHECK_OK(tokens_.expect_symbol(")"));
      tokens_.leave();
      return inner;
    }
    if (tokens_.is(TokenKind::number) || tokens_.is_symbol("-") || tokens_.is_symbol("+")) {
      Query literal;
      literal.kind = Query::Kind::literal;
      OBELISK_TRY(literal.number, tokens_.expect_number());
      return literal;
    }
    if (token.kind != TokenKind::function) return tokens_.unexpected();
    std::string name = token.text;
    if (name == "label_replace") return label_replace();
    if (name == "vector") return vector();
    for (int i = 0; i <= static_cast<int>(RangeOp::absent); ++i) {
      if (range_op_name(static_cast<RangeOp>(i)) == name) return range_aggregation(static_cast<RangeOp>(i));
    }
    for (int i = 0; i <= static_cast<int>(VectorOp::sort_desc); ++i) {
      if (vector_op_name(static_cast<VectorOp>(i)) == name)
        return vector_aggregation(static_cast<VectorOp>(i));
    }
    return tokens_.unexpected();
  }

  Result<void> log_selector(LogSelector& selector, std::optional<Unwrap>* unwrap) {
    OBELISK_TRY(selector.matchers, parse_selector(tokens_));
    OBELISK_CHECK_OK(check_matchers(selector.matchers, false));
    return parse_stages(tokens_, selector.stages, unwrap);
  }

  Result<void> range_and_offset(LogRange& range) {
    range.range_nanos = tokens_.take().nanos;
    if (!tokens_.take_keyword("offset")) return {};
    bool negative = tokens_.is_symbol("-");
    if (negative || tokens_.is_symbol("+")) tokens_.take();
    if (!tokens_.is(TokenKind::duration)) return tokens_.unexpected({"DURATION"});
    int64_t nanos = tokens_.take().nanos;
    range.offset_nanos = negative ? -nanos : nanos;
    return {};
  }

  // The selector of a range aggregation: the range may stand after the pipeline, or right after the stream
  // selector, or after parentheses around either.
  Result<void> log_range(LogRange& range) {
    OBELISK_CHECK_OK(tokens_.enter());
    if (tokens_.take_symbol("(")) {
      OBELISK_CHECK_OK(log_range(range));
      OBELISK_CHECK_OK(tokens_.expect_symbol(")"));
    } else {
      if (!tokens_.is_symbol("{")) return tokens_.unexpected({"{", "("});
      OBELISK_CHECK_OK(log_selector(range.selector, &range.unwrap));
    }
    if (tokens_.is(TokenKind::range) && range.range_nanos == 0) {
      OBELISK_CHECK_OK(range_and_offset(range));
      if (!range.unwrap) OBELISK_CHECK_OK(parse_stages(tokens_, range.selector.stages, &range.unwrap));
    }
    tokens_.leave();
    return {};
  }

  Result<std::optional<Grouping>> grouping() {
    if (!tokens_.is_keyword("by") && !tokens_.is_keyword("without")) return std::optional<Grouping>();
    Grouping parsed;
    parsed.without = tokens_.take().text == "without";
    OBELISK_TRY(parsed.labels, label_list());
    return std::optional<Grouping>(std::move(parsed));
  }

  Result<Query> range_aggregation(RangeOp op) {
    tokens_.take();
    Query query;
    query.kind = Query::Kind::range_aggregation;
    query.range_op = op;
    OBELISK_CHECK_OK(tokens_.expect_symbol("("));
    if (tokens_.is(TokenKind::number)) {
      OBELISK_TRY(double parameter, literal_number(tokens_.take().text));
      query.parameter = parameter;
      OBELISK_CHECK_OK(tokens_.expect_symbol(","));
    } else if (tokens_.is_symbol("-") || tokens_.is_symbol("+")) {
      return tokens_.unexpected();
    }
    OBELISK_CHECK_OK(log_range(query.range));
    if (query.range.range_nanos == 0) return tokens_.unexpected({"RANGE"});
    OBELISK_CHECK_OK(tokens_.expect_symbol(")"));
    OBELISK_TRY(query.grouping, grouping());
    OBELISK_CHECK_OK(check_range(query));
    return query;
  }

  static Result<void> check_range(const Query& query) {
    std::string_view name = range_op_name(query.range_op);
    if (query.range_op == RangeOp::quantile && !query.parameter) {
      return parse_error("parameter required for operation quantile_over_time");
    }
    if (query.range_op != RangeOp::quantile && query.parameter) {
      return parse_error(fmt::format("parameter {} not supported for operation {}", *query.parameter, name));
    }
    if (query.grouping && !takes_grouping(query.range_op)) {
      return parse_error(fmt::format("grouping not allowed for {} aggregation", name));
    }
    if (query.range.unwrap && refuses_unwrap(query.range_op)) {
      return parse_error(fmt::format("invalid aggregation {} with unwrap", name));
    }
    if (!query.range.unwrap && needs_unwrap(query.range_op)) {
      return parse_error(fmt::format("invalid aggregation {} without unwrap", name));
    }
    return {};
  }

  Result<Query> vector_aggregation(VectorOp op) {
    std::string_view name = vector_op_name(op);
    tokens_.take();
    Query query;
    query.kind = Query::Kind::vector_aggregation;
    query.vector_op = op;
    OBELISK_TRY(query.grouping, grouping());
    OBELISK_CHECK_OK(tokens_.expect_symbol("("));
    bool ranked = op == VectorOp::topk || op == VectorOp::bottomk || op == VectorOp::approx_topk;
    bool sorts = op == VectorOp::sort || op == VectorOp::sort_desc;
    if (tokens_.is(TokenKind::number) && tokens_.peek(1).kind == TokenKind::symbol &&
        tokens_.peek(1).text == ",") {
      std::string text = tokens_.take().text;
      OBELISK_TRY(double parameter, literal_number(text));
      tokens_.take();
      if (!ranked) return parse_error(fmt::format("unsupported parameter for operation {}({},", name, text));
      if (parameter != std::floor(parameter) || parameter > 1e9)
        return parse_error(fmt::format("invalid parameter {}({},", name, text));
      if (parameter <= 0)
        return parse_error(fmt::format("invalid parameter (must be greater than 0) {}({}", name, text));
      query.parameter = parameter;
    }
    OBELISK_TRY(Query inner, expression(0));
    if (inner.is_log()) return tokens_.unexpected({"RANGE"});
    OBELISK_CHECK_OK(tokens_.expect_symbol(")"));
    if (!query.grouping) {
      OBELISK_TRY(query.grouping, grouping());
    }
    if (ranked && !query.parameter)
      return parse_error(fmt::format("parameter required for operation {}", name));
    if ((sorts || op == VectorOp::approx_topk) && query.grouping) {
      return parse_error(fmt::format("grouping not allowed for {} aggregation", name));
    }
    if (inner.kind == Query::Kind::literal) {
      return parse_error(fmt::format("unexpected literal for {}: it aggregates a vector", name));
    }
    query.children.push_back(std::move(inner));
    return query;
  }

  Result<Query> vector() {
    tokens_.take();
    Query query;
    query.kind = Query::Kind::vector;
    OBELISK_CHECK_OK(tokens_.expect_symbol("("));
    OBELISK_TRY(query.number, tokens_.expect_number());
    OBELISK_CHECK_OK(tokens_.expect_symbol(")"));
    return query;
  }

  Result<Query> label_replace() {
    tokens_.take();
    Query query;
    query.kind = Query::Kind::label_replace;
    OBELISK_CHECK_OK(tokens_.expect_symbol("("));
    OBELISK_TRY(Query inner, expression(0));
    if (inner.is_log()) return tokens_.unexpected({"RANGE"});
    for (std::string* part : {&query.label_replace.destination, &query.label_replace.replacement,
                              &query.label_replace.source, &query.label_replace.pattern}) {
      OBELISK_CHECK_OK(tokens_.expect_symbol(","));
      OBELISK_TRY(*part, tokens_.expect_string());
    }
    OBELISK_CHECK_OK(tokens_.expect_symbol(")"));
    if (inner.kind == Query::Kind::literal)
      return parse_error("unexpected literal for label_replace: it takes a vector");
    query.children.push_back(std::move(inner));
    return query;
  }

  TokenStream& tokens_;
};

}  // namespace

Result<Query> parse_query(std::string_view text) {
  OBELISK_TRY(std::vector<Token> lexed, lex(text));
  TokenStream tokens(text, std::move(lexed));
  return Parser(tokens).parse();
}

Result<std::vector<Matcher>> parse_matchers(std::string_view text, bool allow_empty) {
  OBELISK_TRY(std::vector<Token> lexed, lex(text));
  TokenStream tokens(text, std::move(lexed));
  OBELISK_TRY(std::vector<Matcher> matchers, parse_selector(tokens));
  if (!tokens.is(TokenKind::end)) return tokens.unexpected();
  OBELISK_CHECK_OK(check_matchers(matchers, allow_empty));
  return matchers;
}

}  // namespace obelisk::logql
