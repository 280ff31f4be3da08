#pragma once
// Which texts a column may have in a row group: a Bloom filter of about 12 bits a distinct text in 64-bit
// words, five bits of one word a text; false in about one of a hundred. It stands in the directory, so that
// looking for a value that few row groups have (a request id) reads only those. Made for columns with a
// dictionary of many entries: few are told apart by reading them, and texts without a dictionary would take
// more than they save. Pure functions.
#include <span>
#include <string>
#include <string_view>

namespace obelisk {

inline constexpr size_t kValueFilterEntriesMin = 64;

std::string make_value_filter(std::span<const std::string_view> entries);
// False only when the text is none of the entries.
bool may_have_value(std::string_view filter, std::string_view text);

}  // namespace obelisk
