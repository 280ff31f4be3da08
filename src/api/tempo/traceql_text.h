#pragma once
// Pieces of TraceQL text from values of requests: quoting, and the condition that a tag has a value. Pure
// functions.
#include <string>
#include <string_view>

namespace obelisk::tempo {

std::string traceql_string(std::string_view text);
// ."name": an attribute of the span or its resource.
std::string traceql_attribute(std::string_view name);
// The attribute has this value, given as text: also as the number or boolean that the text writes.
std::string traceql_tag_equals(std::string_view name, std::string_view value);

}  // namespace obelisk::tempo
