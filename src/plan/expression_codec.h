#pragma once
// A predicate as bytes and back: how erasures stand in the manifest. Format: docs/formats/manifest.md,
// "Predicate". Decoding trusts nothing: at most kExpressionDepthMax levels and kExpressionNodesMax nodes, and
// regular expressions are compiled again. Pure functions.
#include <string>
#include <string_view>

#include "plan/expression.h"

namespace obelisk {

// Deeper or larger than any query language makes of a selector.
inline constexpr int kExpressionDepthMax = 64;
inline constexpr uint64_t kExpressionNodesMax = 10'000;

// too_large beyond the bounds above.
Result<std::string> encode_expression(const Expr& expr);
// All of `bytes` must be one expression: corrupt otherwise.
Result<Expr> decode_expression(std::string_view bytes);

}  // namespace obelisk
