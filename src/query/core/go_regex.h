#pragma once
// Go's replacement templates over regular expressions: `$1`, `${name}`, `$$`, where $name is the longest run
// of letters, digits and underscores. Pure functions.
#include <string>
#include <string_view>
#include <vector>

#include "plan/regex.h"

namespace obelisk {

// The replacement with the groups of one match put in; unknown groups are empty. `groups` as Regex::captures
// gives them.
std::string expand_go_replacement(std::string_view replacement, const std::vector<std::string_view>& groups,
                                  const std::vector<std::string>& group_names);

// Every match replaced, as regexp.ReplaceAllString (`literal`: ReplaceAllLiteralString) does. The result is
// cut off at `bytes_max`.
std::string replace_all_matches(const Regex& regex, std::string_view text, std::string_view replacement,
                                bool literal, size_t bytes_max);

}  // namespace obelisk
