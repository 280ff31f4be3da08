#pragma once
// Checks a parsed query and completes it: types, regexes (compiled), ids in one spelling, and a slot for
// every attribute that is read. Errors: invalid_argument for what makes no sense, unsupported for what the
// grammar has and the engine has not; both with the position.
#include <string_view>

#include "base/result.h"
#include "query/traceql/ast.h"

namespace obelisk::traceql {

Result<void> validate(Query& query, std::string_view text);

// parse() and validate().
Result<Query> prepare(std::string_view text);

}  // namespace obelisk::traceql
