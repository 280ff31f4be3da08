#pragma once
// The filter of a tag request: a query that may be half typed.
#include <optional>
#include <string_view>

#include "query/traceql/ast.h"

namespace obelisk::traceql {

// A query of one spanset filter. Of text that does not parse, the conditions between && that do are kept;
// nullopt when there is nothing to filter by.
std::optional<Query> parse_tag_filter(std::string_view text);

}  // namespace obelisk::traceql
