#pragma once
// TraceQL: text to tree. The whole grammar is read, also what is not evaluated yet; validate.h refuses that
// by name. Binding, loosest first: `|`; `&&` and `||` (one level); comparisons and relations (one level); +
// -; ! and unary minus;
// * / %; ^ (to the right). Everything else binds to the left.
// Bounds: queries up to kQueryBytesMax, nesting up to kDepthMax (ast.h). Errors: code parse_error with the
// position.
#include <string_view>

#include "base/result.h"
#include "query/traceql/ast.h"

namespace obelisk::traceql {

inline constexpr size_t kQueryBytesMax = 128 * 1024;  // Tempo's max_query_expression_size_bytes

// Parsed, not validated.
Result<Query> parse(std::string_view query);

}  // namespace obelisk::traceql
