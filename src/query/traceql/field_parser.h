#pragma once
// Parses what stands between the braces of a spanset filter and inside by(), select() and aggregates. See
// parser.h.
#include <optional>

#include "query/traceql/token_stream.h"

namespace obelisk::traceql {

Result<FieldExprPtr> parse_field_expression(TokenStream& tokens);
// An attribute or an intrinsic.
Result<FieldExprPtr> parse_attribute(TokenStream& tokens);
// A literal token without a sign; nullopt when the next token is none.
std::optional<StoredValue> accept_literal(TokenStream& tokens);
// The operator of a token between fields or scalars, with how tightly it binds (1 loosest).
struct BinaryOp {
  FieldOp op;
  int binding;
};
std::optional<BinaryOp> field_op_of(TokenKind kind);

}  // namespace obelisk::traceql
