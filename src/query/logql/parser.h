#pragma once
// Parses LogQL into the tree of ast.h by recursive descent. Structural rules are checked here (grouping,
// unwrap, parameters, a matcher that is not empty-compatible); what needs compiling (regular expressions,
// templates, patterns, address ranges) is checked by check_query of pipeline.h. Nesting is bounded by
// kDepthMax. Pure functions.
#include <string_view>

#include "base/result.h"
#include "query/logql/ast.h"
#include "query/logql/lexer.h"

namespace obelisk::logql {

inline constexpr int kDepthMax = 128;

Result<Query> parse_query(std::string_view text);
// Only `{a="b"}`: the selectors of series and volume requests. `allow_empty`: "{}" and empty-compatible
// matchers pass.
Result<std::vector<Matcher>> parse_matchers(std::string_view text, bool allow_empty);

}  // namespace obelisk::logql
