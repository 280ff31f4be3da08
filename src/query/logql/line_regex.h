#pragma once
// Regular expressions over log lines: unanchored, `.` stops at a line end (unlike label matchers), Go's
// syntax with
// (?<name>...) as well. Errors read as Go's: error parsing regexp: missing closing ): `(`.
#include <memory>
#include <string_view>

#include "plan/regex.h"

namespace obelisk::logql {

Result<std::shared_ptr<const Regex>> compile_line_regex(std::string_view pattern);

}  // namespace obelisk::logql
