#pragma once
// The label matchers of a selector: {job="x", "a.quoted.name"=~"y", "metric.name"}.
#include <string>
#include <vector>

#include "base/result.h"
#include "query/promql/ast.h"
#include "query/promql/token_reader.h"

namespace obelisk::promql {

// Reads the braces if there are any. `metric_name` is the name written in front of them (may be empty); the
// name comes first in the result, as a matcher of __name__.
Result<std::vector<Matcher>> parse_matchers(TokenReader& tokens, const std::string& metric_name,
                                            uint32_t selector_begin);

Result<Matcher> make_matcher(std::string name, Matcher::Op op, std::string value);

}  // namespace obelisk::promql
