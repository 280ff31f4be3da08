#pragma once
// String literals as Go writes and reads them. Pure functions.
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace obelisk::promql {

// The text between two `quote` characters with its escapes undone; nullopt when an escape is unknown or cut,
// and then `failed_at` is its offset.
std::optional<std::string> unescape_go_string(std::string_view inside, char quote, size_t* failed_at);
// Go's strconv.Quote: always double quotes, printable UTF-8 kept.
std::string quote_go_string(std::string_view text);

}  // namespace obelisk::promql
