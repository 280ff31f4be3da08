#pragma once
// Durations in ranges, steps and offsets: literals, and arithmetic with step(), range(), min_of() and
// max_of().
#include "base/result.h"
#include "query/promql/ast.h"
#include "query/promql/token_reader.h"

namespace obelisk::promql {

inline constexpr std::string_view kDurationStarts = "number, duration, step(), or range()";
inline constexpr std::string_view kStepStarts = "number, duration, step(), range(), or \"]\"";

// How an error names the place of a duration, and what could have stood there.
struct DurationPlace {
  std::string_view context;
  std::string_view expected;
};

// What stands between brackets: any arithmetic.
Result<DurationExpr> parse_duration(TokenReader& tokens, const DurationPlace& place);
// What follows `offset`: a signed literal or call, after which arithmetic belongs to the expression around it
// (`x offset -2 ^ 2` squares x), or arithmetic that begins with parentheses (`x offset (2) ^ 2`).
Result<DurationExpr> parse_offset_duration(TokenReader& tokens);

}  // namespace obelisk::promql
