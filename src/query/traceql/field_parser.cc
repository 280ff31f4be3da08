#include "query/traceql/field_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/yaml.h"

namespace obelisk::traceql {
namespace {

constexpr int kAdditiveBinding = 3;  // what unary operators bind like: -a * b is -(a * b), -a + b is (-a) + b
constexpr int kPowerBinding = 5;

Result<FieldExprPtr> parse_binary(TokenStream& tokens, int binding_min);

FieldExprPtr make_literal(uint64_t offset, StoredValue value) {
  auto expr = std::make_unique<FieldExpr>();
  expr->offset = offset;
  expr->literal = std::move(value);
  return expr;
}

Result<FieldExprPtr> make_operation(TokenStream& tokens, uint64_t offset, FieldOp op, FieldExprPtr left,
                                    FieldExprPtr right) {
  // a || b || c becomes one node, so that long lists are not deep.
  bool joins = (op == FieldOp::and_op || op == FieldOp::or_op) && left->kind == FieldExpr::Kind::operation &&
               left->op == op;
  FieldExprPtr expr = joins ? std::move(left) : std::make_unique<FieldExpr>();
  if (!joins) {
    expr->kind = FieldExpr::Kind::operation;
    expr->offset = offset;
    expr->op = op;
    if (left) {
      expr->depth = std::max(expr->depth, left->depth + 1);
      expr->operands.push_back(std::move(left));
    }
  }
  expr->depth = std::max(expr->depth, right->depth + 1);
  expr->operands.push_back(std::move(right));
  if (expr->depth > kDepthMax) return tokens.too_deep();
  return expr;
}

// What a word that is no intrinsic was meant to be: one that is written nearly so, or an attribute without
// its dot.
std::string meant_by(const std::string& word) {
  const std::string scoped = "span:" + word;
  if (find_intrinsic(scoped)) return fmt::format("an attribute or a value, did you mean {}?", scoped);
  std::vector<std::string_view> words;
  for (const IntrinsicInfo& info : intrinsics()) words.push_back(info.word);
  std::string_view nearest = nearest_name(word, words);
  if (!nearest.empty()) return fmt::format("an attribute or a value, did you mean {}?", nearest);
  return "an attribute or a value; attributes begin with a dot or a scope: .key, span.key, resource.key";
}

Result<FieldExprPtr> parse_operand(TokenStream& tokens) {
  TokenStream::Level level(tokens);
  if (level.too_deep()) return tokens.too_deep();
  uint64_t offset = tokens.peek().offset;
  if (tokens.accept(TokenKind::open_paren)) {
    OBELISK_TRY(FieldExprPtr inner, parse_binary(tokens, 1));
    OBELISK_CHECK_OK(tokens.expect(TokenKind::close_paren, "\")\""));
    return inner;
  }
  if (tokens.is(TokenKind::minus) || tokens.is(TokenKind::not_op)) {
    FieldOp op = tokens.take().kind == TokenKind::minus ? FieldOp::negate : FieldOp::not_op;
    OBELISK_TRY(FieldExprPtr operand, parse_binary(tokens, kAdditiveBinding + 1));
    auto expr = std::make_unique<FieldExpr>();
    expr->kind = FieldExpr::Kind::operation;
    expr->offset = offset;
    expr->op = op;
    expr->depth = operand->depth + 1;
    expr->operands.push_back(std::move(operand));
    return expr;
  }
  if (std::optional<StoredValue> literal = accept_literal(tokens))
    return make_literal(offset, std::move(*literal));
  if (tokens.is(TokenKind::attribute) || (tokens.is(TokenKind::word) && find_intrinsic(tokens.peek().text))) {
    return parse_attribute(tokens);
  }
  if (tokens.is(TokenKind::word)) return tokens.unexpected(meant_by(std::string(tokens.peek().text)));
  return tokens.unexpected("an attribute or a value");
}

Result<FieldExprPtr> parse_binary(TokenStream& tokens, int binding_min) {
  TokenStream::Level level(tokens);
  if (level.too_deep()) return tokens.too_deep();
  OBELISK_TRY(FieldExprPtr left, parse_operand(tokens));
  for (;;) {
    std::optional<BinaryOp> next = field_op_of(tokens.peek().kind);
    if (!next || next->binding < binding_min) return left;
    uint64_t offset = tokens.take().offset;
    int right_min = next->binding == kPowerBinding ? kPowerBinding : next->binding + 1;
    OBELISK_TRY(FieldExprPtr right, parse_binary(tokens, right_min));
    OBELISK_TRY(left, make_operation(tokens, offset, next->op, std::move(left), std::move(right)));
  }
}

std::optional<StoredValue> word_literal(std::string_view word) {
  if (word == "true" || word == "false") return StoredValue(Value::of_boolean(word == "true"));
  if (word == "nil") return StoredValue();
  if (word == "minInt") return StoredValue(Value::of_integer(std::numeric_limits<int64_t>::min()));
  if (word == "maxInt") return StoredValue(Value::of_integer(std::numeric_limits<int64_t>::max()));
  for (int64_t code = 0; code < 3; ++code) {
    if (word == status_text(code)) return StoredValue(Value::of_status(code));
  }
  for (int64_t code = 0; code < 6; ++code) {
    if (word == kind_text(code)) return StoredValue(Value::of_kind(code));
  }
  return std::nullopt;
}

}  // namespace

std::optional<BinaryOp> field_op_of(TokenKind kind) {
  switch (kind) {
    case TokenKind::and_op:
      return BinaryOp{FieldOp::and_op, 1};
    case TokenKind::or_op:
      return BinaryOp{FieldOp::or_op, 1};
    case TokenKind::equal:
      return BinaryOp{FieldOp::equal, 2};
    case TokenKind::not_equal:
      return BinaryOp{FieldOp::not_equal, 2};
    case TokenKind::less:
      return BinaryOp{FieldOp::less, 2};
    case TokenKind::less_equal:
      return BinaryOp{FieldOp::less_equal, 2};
    case TokenKind::greater:
      return BinaryOp{FieldOp::greater, 2};
    case TokenKind::greater_equal:
      return BinaryOp{FieldOp::greater_equal, 2};
    case TokenKind::regex:
      return BinaryOp{FieldOp::regex, 2};
    case TokenKind::not_regex:
      return BinaryOp{FieldOp::not_regex, 2};
    case TokenKind::plus:
      return BinaryOp{FieldOp::add, kAdditiveBinding};
    case TokenKind::minus:
      return BinaryOp{FieldOp::subtract, kAdditiveBinding};
    case TokenKind::star:
      return BinaryOp{FieldOp::multiply, 4};
    case TokenKind::slash:
      return BinaryOp{FieldOp::divide, 4};
    case TokenKind::percent:
      return BinaryOp{FieldOp::modulo, 4};
    case TokenKind::caret:
      return BinaryOp{FieldOp::power, kPowerBinding};
    default:
      return std::nullopt;
  }
}

std::optional<StoredValue> accept_literal(TokenStream& tokens) {
  const Token& token = tokens.peek();
  std::optional<StoredValue> literal;
  switch (token.kind) {
    case TokenKind::string:
      literal = StoredValue::of_string(token.text);
      break;
    case TokenKind::integer:
      literal = StoredValue(Value::of_integer(token.integer));
      break;
    case TokenKind::floating:
      literal = StoredValue(Value::of_float(token.number));
      break;
    case TokenKind::duration:
      literal = StoredValue(Value::of_duration(token.integer));
      break;
    case TokenKind::word:
      literal = word_literal(token.text);
      break;
    default:
      break;
  }
  if (literal) tokens.take();
  return literal;
}

Result<FieldExprPtr> parse_attribute(TokenStream& tokens) {
  const Token& token = tokens.peek();
  auto expr = std::make_unique<FieldExpr>();
  expr->kind = FieldExpr::Kind::attribute;
  expr->offset = token.offset;
  expr->attribute.name = token.text;
  if (token.kind == TokenKind::attribute) {
    expr->attribute.scope = token.scope;
    expr->attribute.of_parent = token.of_parent;
  } else {
    std::optional<IntrinsicInfo> info;
    if (token.kind == TokenKind::word) info = find_intrinsic(token.text);
    if (!info) return tokens.unexpected("an attribute");
    expr->attribute.intrinsic = info->intrinsic;
  }
  tokens.take();
  return expr;
}

Result<FieldExprPtr> parse_field_expression(TokenStream& tokens) {
  return parse_binary(tokens, 1);
}

}  // namespace obelisk::traceql
