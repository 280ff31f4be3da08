#pragma once
// What follows a binary operator (bool, on, ignoring, group_left, group_right, fill) and the pieces it shares
// with other places: label lists and signed numbers.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "query/promql/ast.h"
#include "query/promql/token_reader.h"

namespace obelisk::promql {

// Fills return_bool, has_matching, has_group_modifier and matching of `node`.
Result<void> parse_binary_modifiers(TokenReader& tokens, Node& node);
// (a, "b.c",)
Result<std::vector<std::string>> parse_grouping_labels(TokenReader& tokens);
Result<double> parse_signed_number(TokenReader& tokens, std::string_view context, std::string_view expected);
// Inf and NaN, in any case.
std::optional<double> special_number(const Token& token);

}  // namespace obelisk::promql
