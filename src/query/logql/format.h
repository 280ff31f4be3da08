#pragma once
// Writes a query back as text: on one line, or indented the way /format_query shows it. What it writes parses
// to the same tree. Pure functions.
#include <string>

#include "query/logql/ast.h"

namespace obelisk::logql {

std::string to_string(const Query& query);
std::string to_string(const std::vector<Matcher>& matchers);
// Lines of at most 100 characters where that is possible.
std::string format_query(const Query& query);

}  // namespace obelisk::logql
