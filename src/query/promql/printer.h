#pragma once
// Writes a syntax tree back as PromQL: on one line, or split over lines where one exceeds 100 characters, as
// Prometheus' format_query does. parse(to_string(parse(x))) gives the same tree as parse(x).
#include <string>

#include "query/promql/ast.h"

namespace obelisk::promql {

std::string to_string(const Node& node);
std::string pretty(const Node& node);
// job="x"; names that are not plain identifiers are quoted.
std::string to_string(const Matcher& matcher);
std::string to_string(const DurationExpr& duration);

}  // namespace obelisk::promql
