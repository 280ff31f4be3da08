#pragma once
// Durations in ranges, steps and offsets: literals, and arithmetic with step(), range(), min_of() and
// max_of().
#include "base/result.h"
#include "query/promql/ast.h"
#include "query/promql/token_reader.h"

namespace obelisk::promql {

// What stands between brackets: any arithmetic.
Result<DurationExpr> parse_duration(TokenReader& tokens);
// What follows `offset`: a signed literal, a call, or arithmetic in parentheses.
Result<DurationExpr> parse_offset_duration(TokenReader& tokens);

}  // namespace obelisk::promql
