#include "query/promql/parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "query/core/float_text.h"
#include "query/promql/duration_parser.h"
#include "query/promql/functions.h"
#include "query/promql/go_string.h"
#include "query/promql/modifier_parser.h"
#include "query/promql/selector_parser.h"
#include "query/promql/token_reader.h"

namespace obelisk::promql {
namespace {

struct OperatorInfo {
  BinaryOp op;
  int precedence;  // higher binds tighter
};
constexpr int kUnaryPrecedence = 5;
constexpr int kPowerPrecedence = 6;

std::optional<OperatorInfo> operator_of(const TokenReader& tokens) {
  switch (tokens.peek().kind) {
    case TokenKind::pow:
      return OperatorInfo{BinaryOp::pow, kPowerPrecedence};
    case TokenKind::mul:
      return OperatorInfo{BinaryOp::mul, kUnaryPrecedence};
    case TokenKind::div:
      return OperatorInfo{BinaryOp::div, kUnaryPrecedence};
    case TokenKind::mod:
      return OperatorInfo{BinaryOp::mod, kUnaryPrecedence};
    case TokenKind::add:
      return OperatorInfo{BinaryOp::add, 4};
    case TokenKind::sub:
      return OperatorInfo{BinaryOp::sub, 4};
    case TokenKind::equal:
      return OperatorInfo{BinaryOp::equal, 3};
    case TokenKind::not_equal:
      return OperatorInfo{BinaryOp::not_equal, 3};
    case TokenKind::less:
      return OperatorInfo{BinaryOp::less, 3};
    case TokenKind::less_equal:
      return OperatorInfo{BinaryOp::less_equal, 3};
    case TokenKind::greater:
      return OperatorInfo{BinaryOp::greater, 3};
    case TokenKind::greater_equal:
      return OperatorInfo{BinaryOp::greater_equal, 3};
    case TokenKind::trim_upper:
      return OperatorInfo{BinaryOp::trim_upper, 3};
    case TokenKind::trim_lower:
      return OperatorInfo{BinaryOp::trim_lower, 3};
    default:
      break;
  }
  if (tokens.is_word("atan2")) return OperatorInfo{BinaryOp::atan2, kUnaryPrecedence};
  if (tokens.is_word("and")) return OperatorInfo{BinaryOp::and_op, 2};
  if (tokens.is_word("unless")) return OperatorInfo{BinaryOp::unless_op, 2};
  if (tokens.is_word("or")) return OperatorInfo{BinaryOp::or_op, 1};
  return std::nullopt;
}

std::optional<AggregationOp> aggregation_of(std::string_view word) {
  for (int i = 0; i <= static_cast<int>(AggregationOp::limit_ratio); ++i) {
    if (equals_ignoring_case(word, aggregation_op_text(static_cast<AggregationOp>(i))))
      return static_cast<AggregationOp>(i);
  }
  return std::nullopt;
}

class Parser {
 public:
  Parser(TokenReader tokens, const ParserOptions& options) : tokens_(std::move(tokens)), options_(options) {}

  Result<NodePtr> run() {
    if (tokens_.is(TokenKind::end)) return tokens_.error(0, "no expression found in input");
    OBELISK_TRY(NodePtr node, binary(1));
    if (!tokens_.is(TokenKind::end)) return tokens_.unexpected("");
    OBELISK_CHECK_OK(tokens_.postponed());
    return node;
  }

  // A selector and nothing else.
  Result<NodePtr> run_selector() {
    if (!tokens_.is(TokenKind::identifier) && !tokens_.is(TokenKind::left_brace)) return unexpected();
    OBELISK_TRY(NodePtr node, selector());
    if (!tokens_.is(TokenKind::end)) return unexpected();
    OBELISK_CHECK_OK(tokens_.postponed());
    return node;
  }

 private:
  // Bounds the recursion of this parser, before there are nodes to bound.
  struct Nesting {
    explicit Nesting(uint32_t& depth) : depth_(depth) { ++depth_; }
    ~Nesting() { --depth_; }
    uint32_t& depth_;
  };

  Error too_deep(uint32_t limit) const {
    return tokens_.error(tokens_.peek().begin, fmt::format("expression is nested more than {} deep", limit));
  }

  Result<NodePtr> make(Node::Kind kind, SourceRange source, std::vector<NodePtr> children) {
    auto node = std::make_unique<Node>();
    node->kind = kind;
    node->source = source;
    for (const NodePtr& child : children) node->depth = std::max(node->depth, child->depth + 1);
    node->children = std::move(children);
    if (node->depth > kDepthMax) return too_deep(kDepthMax);
    return node;
  }

  static std::vector<NodePtr> list(NodePtr first, NodePtr second = nullptr) {
    std::vector<NodePtr> nodes;
    nodes.push_back(std::move(first));
    if (second) nodes.push_back(std::move(second));
    return nodes;
  }

  Result<NodePtr> binary(int precedence_min) {
    Nesting nesting(nesting_);
    if (nesting_ > kNestingMax) return too_deep(kNestingMax);
    OBELISK_TRY(NodePtr left, unary());
    for (;;) {
      std::optional<OperatorInfo> info = operator_of(tokens_);
      if (!info || info->precedence < precedence_min) return left;
      tokens_.take();
      Node modifiers;
      modifiers.op = info->op;
      OBELISK_CHECK_OK(parse_binary_modifiers(tokens_, modifiers));
      // ^ is right associative, all others left.
      OBELISK_TRY(NodePtr right, binary(info->op == BinaryOp::pow ? info->precedence : info->precedence + 1));
      SourceRange source{left->source.begin, right->source.end};
      OBELISK_TRY(left, make(Node::Kind::binary, source, list(std::move(left), std::move(right))));
      left->op = modifiers.op;
      left->return_bool = modifiers.return_bool;
      left->has_matching = modifiers.has_matching;
      left->has_group_modifier = modifiers.has_group_modifier;
      left->matching = std::move(modifiers.matching);
      if (is_set_op(left->op) && left->matching.cardinality == MatchCardinality::one_to_one) {
        left->matching.cardinality = MatchCardinality::many_to_many;
      }
    }
  }

  Result<NodePtr> unary() {
    if (!tokens_.is(TokenKind::add) && !tokens_.is(TokenKind::sub)) return postfix();
    const Token sign = tokens_.take();
    // Binds like *, so that -a^b is -(a^b).
    OBELISK_TRY(NodePtr operand, binary(kPowerPrecedence));
    SourceRange source{sign.begin, operand->source.end};
    if (operand->kind == Node::Kind::number) {
      if (sign.kind == TokenKind::sub) operand->number = -operand->number;
      operand->source = source;
      return operand;
    }
    OBELISK_TRY(NodePtr node, make(Node::Kind::unary, source, list(std::move(operand))));
    node->op = sign.kind == TokenKind::sub ? BinaryOp::sub : BinaryOp::add;
    return node;
  }

  Result<NodePtr> postfix() {
    OBELISK_TRY(NodePtr node, primary());
    for (;;) {
      if (tokens_.is(TokenKind::left_bracket)) {
        OBELISK_TRY(node, bracket(std::move(node)));
      } else if (tokens_.is_word("offset")) {
        OBELISK_CHECK_OK(offset(*node));
      } else if (tokens_.is(TokenKind::at)) {
        OBELISK_CHECK_OK(at(*node));
      } else if (tokens_.is_word("anchored") || tokens_.is_word("smoothed")) {
        OBELISK_CHECK_OK(range_mode(*node));
      } else {
        return node;
      }
      node->source.end = tokens_.last_end();
    }
  }

  // [range], [range:] and [range:step]
  Result<NodePtr> bracket(NodePtr operand) {
    uint32_t begin = operand->source.begin;
    tokens_.take();
    OBELISK_TRY(DurationExpr range, positive_duration({"subquery or range selector", kDurationStarts}));
    if (tokens_.take_if(TokenKind::colon)) {
      std::optional<DurationExpr> step;
      if (!tokens_.is(TokenKind::right_bracket)) {
        OBELISK_TRY(step, positive_duration({"subquery selector", kStepStarts}));
      }
      OBELISK_CHECK_OK(tokens_.expect(TokenKind::right_bracket, "subquery selector", "\"]\""));
      OBELISK_TRY(NodePtr node,
                  make(Node::Kind::subquery, {begin, tokens_.last_end()}, list(std::move(operand))));
      node->range = std::move(range);
      node->step = std::move(step);
      return node;
    }
    OBELISK_CHECK_OK(tokens_.expect(TokenKind::right_bracket, "subquery or range", "\":\" or \"]\""));
    if (operand->kind != Node::Kind::selector) {
      return tokens_.error(operand->source.end, "ranges only allowed for vector selectors");
    }
    if (operand->time.offset)
      return tokens_.error(operand->source.end, "no offset modifiers allowed before range");
    if (operand->time.at != TimeModifiers::At::none) {
      return tokens_.error(operand->source.end, "no @ modifiers allowed before range");
    }
    if (operand->range_mode != RangeMode::plain) {
      return tokens_.error(operand->source.end, "no anchored or smoothed modifiers allowed before range");
    }
    OBELISK_TRY(NodePtr node,
                make(Node::Kind::matrix, {begin, tokens_.last_end()}, list(std::move(operand))));
    node->range = std::move(range);
    return node;
  }

  Result<DurationExpr> positive_duration(const DurationPlace& place) {
    OBELISK_TRY(DurationExpr duration, parse_duration(tokens_, place));
    if (duration.is_literal() && !duration.evaluate_ms(0, 0, true).ok()) {
      return tokens_.error(duration.source.begin, "duration must be greater than 0");
    }
    return duration;
  }

  Result<void> offset(Node& node) {
    tokens_.take();
    OBELISK_TRY(DurationExpr duration, parse_offset_duration(tokens_));
    if (!node.is_selector_like()) {
      return tokens_.error(node.source.begin,
                           "offset modifier must be preceded by an instant vector selector or range vector "
                           "selector or a subquery");
    }
    if (node.time.offset) return tokens_.error(node.source.begin, "offset may not be set multiple times");
    node.time.offset = std::move(duration);
    return {};
  }

  Result<void> check_takes_at(const Node& node) const {
    if (!node.is_selector_like()) {
      return tokens_.error(
          node.source.begin,
          "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery");
    }
    if (node.time.at != TimeModifiers::At::none)
      return tokens_.error(node.source.begin, "@ <timestamp> may not be set multiple times");
    return {};
  }

  Result<void> at(Node& node) {
    tokens_.take();
    bool start = tokens_.is_word("start");
    if (start || tokens_.is_word("end")) {
      tokens_.take();
      OBELISK_CHECK_OK(tokens_.expect(TokenKind::left_paren, "@", "timestamp"));
      OBELISK_CHECK_OK(tokens_.expect(TokenKind::right_paren, "@", "timestamp"));
      OBELISK_CHECK_OK(check_takes_at(node));
      node.time.at = start ? TimeModifiers::At::start : TimeModifiers::At::end;
      return {};
    }
    OBELISK_TRY(double seconds, parse_signed_number(tokens_, "@", "timestamp"));
    OBELISK_CHECK_OK(check_takes_at(node));
    if (!(std::fabs(seconds) < 9.2e15)) {
      std::string written = std::isfinite(seconds) ? fmt::format("{:f}", seconds) : format_go_g(seconds);
      return tokens_.error(node.source.begin, "timestamp out of bounds for @ modifier: " + written);
    }
    node.time.at = TimeModifiers::At::time;
    node.time.at_ms = static_cast<int64_t>(std::round(seconds * 1000));
    return {};
  }

  Result<void> range_mode(Node& node) {
    const Token word = tokens_.take();
    bool anchored = equals_ignoring_case(word.text, "anchored");
    RangeMode mode = anchored ? RangeMode::anchored : RangeMode::smoothed;
    std::string name = anchored ? "anchored" : "smoothed";
    if (node.kind == Node::Kind::subquery)
      return tokens_.error(node.source.begin, name + " modifier is not supported for subqueries");
    if (node.kind != Node::Kind::matrix && node.kind != Node::Kind::selector)
      return tokens_.error(node.source.begin, name + " modifier not implemented");
    if (node.range_mode != RangeMode::plain && node.range_mode != mode)
      return tokens_.error(node.source.begin, "anchored and smoothed modifiers cannot be used together");
    node.range_mode = mode;
    return {};
  }

  Result<NodePtr> primary() {
    const Token& token = tokens_.peek();
    switch (token.kind) {
      case TokenKind::number:
      case TokenKind::duration:
        return number();
      case TokenKind::string: {
        OBELISK_TRY(NodePtr node, make(Node::Kind::string, {token.begin, token.end}, {}));
        node->text = tokens_.take().text;
        return node;
      }
      case TokenKind::left_paren:
        return parens();
      case TokenKind::left_brace:
        return selector();
      case TokenKind::identifier:
        return named();
      default:
        return unexpected();
    }
  }

  Result<NodePtr> number() {
    const Token& token = tokens_.peek();
    OBELISK_TRY(NodePtr node, make(Node::Kind::number, {token.begin, token.end}, {}));
    node->number = token.number;
    node->number_is_duration = token.kind == TokenKind::duration;
    tokens_.take();
    return node;
  }

  Result<NodePtr> parens() {
    uint32_t begin = tokens_.take().begin;
    OBELISK_TRY(NodePtr inner, binary(1));
    if (!tokens_.take_if(TokenKind::right_paren)) return unexpected();
    return make(Node::Kind::paren, {begin, tokens_.last_end()}, list(std::move(inner)));
  }

  Result<NodePtr> named() {
    const Token& token = tokens_.peek();
    bool called = tokens_.peek(1).kind == TokenKind::left_paren;
    if (std::optional<double> special = special_number(token)) {
      OBELISK_TRY(NodePtr node, make(Node::Kind::number, {token.begin, token.end}, {}));
      node->number = *special;
      tokens_.take();
      return node;
    }
    if (is_reserved()) return unexpected();
    if (std::optional<AggregationOp> op = aggregation_of(token.text);
        op && (called || tokens_.is_word("by", 1) || tokens_.is_word("without", 1))) {
      return aggregation(*op);
    }
    return called && is_callable(token) ? call() : selector();
  }

  // Operators' and modifiers' words, and names with a colon, are metrics where they stand alone, not
  // functions.
  bool is_callable(const Token& token) const {
    for (std::string_view word : {"and", "or", "unless", "by", "without", "offset", "anchored", "smoothed",
                                  "fill", "fill_left", "fill_right"}) {
      if (tokens_.is_word(word)) return false;
    }
    return token.text.find(':') == std::string::npos;
  }

  Result<NodePtr> selector() {
    uint32_t begin = tokens_.peek().begin;
    OBELISK_TRY(NodePtr node, make(Node::Kind::selector, {begin, begin}, {}));
    if (tokens_.is(TokenKind::identifier)) node->text = tokens_.take().text;
    OBELISK_TRY(node->matchers, parse_matchers(tokens_, node->text, begin));
    node->source.end = tokens_.last_end();
    return node;
  }

  // A fault of the text is told as such.
  bool may_begin_expression() const {
    switch (tokens_.peek().kind) {
      case TokenKind::number:
      case TokenKind::duration:
      case TokenKind::string:
      case TokenKind::left_paren:
      case TokenKind::left_brace:
      case TokenKind::add:
      case TokenKind::sub:
      case TokenKind::invalid:
        return true;
      case TokenKind::identifier:
        return !is_reserved();
      default:
        return false;
    }
  }

  // Words that are no metric's name.
  bool is_reserved() const {
    for (std::string_view reserved : {"bool", "on", "ignoring", "group_left", "group_right", "atan2"}) {
      if (tokens_.is_word(reserved)) return true;
    }
    return false;
  }

  Result<std::vector<NodePtr>> arguments() {
    if (!tokens_.take_if(TokenKind::left_paren)) return unexpected();
    std::vector<NodePtr> nodes;
    if (tokens_.take_if(TokenKind::right_paren)) return nodes;
    for (;;) {
      OBELISK_TRY(NodePtr node, binary(1));
      nodes.push_back(std::move(node));
      if (tokens_.take_if(TokenKind::right_paren)) return nodes;
      if (!tokens_.is(TokenKind::comma)) return unexpected();
      const Token comma = tokens_.take();
      if (!may_begin_expression())
        return tokens_.error(comma.begin, "trailing commas not allowed in function call args");
    }
  }

  Result<NodePtr> call() {
    const Token name = tokens_.take();
    OBELISK_TRY(std::vector<NodePtr> nodes, arguments());
    const Function* function = find_function(name.text);
    if (function == nullptr) {
      return tokens_.error(name.begin, "unknown function with name " + quote_go_string(name.text));
    }
    if (function->experimental && !options_.experimental_functions) {
      return tokens_.error(name.begin, fmt::format("function \"{}\" is not enabled", name.text));
    }
    OBELISK_TRY(NodePtr node, make(Node::Kind::call, {name.begin, tokens_.last_end()}, std::move(nodes)));
    node->function = function;
    return node;
  }

  Result<NodePtr> aggregation(AggregationOp op) {
    const Token word = tokens_.take();
    Node grouping;
    ++aggregations_;
    OBELISK_CHECK_OK(aggregation_grouping(grouping));
    OBELISK_TRY(std::vector<NodePtr> nodes, arguments());
    --aggregations_;
    if (!grouping.has_grouping) OBELISK_CHECK_OK(aggregation_grouping(grouping));
    SourceRange source{word.begin, tokens_.last_end()};
    if (nodes.empty()) return tokens_.error(source.begin, "no arguments for aggregate expression provided");
    size_t wanted = takes_parameter(op) ? 2 : 1;
    if (nodes.size() != wanted) {
      return tokens_.error(
          source.begin,
          fmt::format("wrong number of arguments for aggregate expression provided, expected {}, got {}",
                      wanted, nodes.size()));
    }
    if (wanted == 2) std::swap(nodes[0], nodes[1]);  // the operand first, then the parameter
    OBELISK_TRY(NodePtr node, make(Node::Kind::aggregation, source, std::move(nodes)));
    node->aggregation = op;
    node->has_grouping = grouping.has_grouping;
    node->without = grouping.without;
    node->grouping = std::move(grouping.grouping);
    return node;
  }

  Result<void> aggregation_grouping(Node& node) {
    if (!tokens_.is_word("by") && !tokens_.is_word("without")) return {};
    node.has_grouping = true;
    node.without = equals_ignoring_case(tokens_.take().text, "without");
    OBELISK_TRY(node.grouping, parse_grouping_labels(tokens_));
    return {};
  }

  // What cannot stand here is told of the innermost aggregation around it, if there is one.
  Error unexpected() const { return tokens_.unexpected(aggregations_ > 0 ? "aggregation" : ""); }

  TokenReader tokens_;
  const ParserOptions& options_;
  uint32_t nesting_ = 0;
  uint32_t aggregations_ = 0;  // open around the place
};

}  // namespace

Result<NodePtr> parse(std::string_view query, const ParserOptions& options) {
  OBELISK_TRY(NodePtr node, Parser(TokenReader(query, tokenize_to_fault(query)), options).run());
  OBELISK_CHECK_OK(check_types(*node, query));
  return node;
}

Result<std::vector<Matcher>> parse_selector(std::string_view selector) {
  OBELISK_TRY(NodePtr node,
              Parser(TokenReader(selector, tokenize_to_fault(selector)), ParserOptions()).run_selector());
  bool selective = std::any_of(node->matchers.begin(), node->matchers.end(),
                               [](const Matcher& m) { return !m.matches(""); });
  if (!selective)
    return make_error(ErrorCode::invalid_argument, "match[] must contain at least one non-empty matcher");
  return std::move(node->matchers);
}

std::string parse_error_text(const Error& error) {
  // Errors of the evaluation say where, but are not of the text.
  if (!error.position || error.code != ErrorCode::parse_error) return error.message;
  return fmt::format("{}:{}: parse error: {}", error.position->line, error.position->column, error.message);
}

}  // namespace obelisk::promql
