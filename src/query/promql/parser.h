#pragma once
// Parses PromQL and checks its types, as Prometheus 3 does. Errors have code parse_error (or unsupported)
// with the place in the query; their text is Prometheus' where it is one of the messages users know. Bounds:
// kQueryBytesMax, kDepthMax.
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "query/promql/ast.h"

namespace obelisk::promql {

struct ParserOptions {
  bool experimental_functions = true;
};

Result<NodePtr> parse(std::string_view query, const ParserOptions& options = {});

// A selector alone, as match[] parameters hold it. One that every series meets is refused (invalid_argument).
Result<std::vector<Matcher>> parse_selector(std::string_view selector);

// "1:5: parse error: unexpected end of input", the form in which Prometheus' APIs report a parse error. Other
// errors: their message.
std::string parse_error_text(const Error& error);

// Part of parse(): the types of operands and arguments.
Result<void> check_types(const Node& node, std::string_view query);

}  // namespace obelisk::promql
