#pragma once
// Text as a value in the query of a URL, as Go's url.QueryEscape writes it: a blank becomes a plus. Pure.
#include <string>
#include <string_view>

namespace obelisk {

std::string query_escape(std::string_view text);

}  // namespace obelisk
