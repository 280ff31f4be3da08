#pragma once
// The text of a bad regular expression in Go's words, as LogQL's users know it: error parsing regexp: missing
// closing ): `(`.
#include <string>
#include <string_view>

#include "base/result.h"

namespace obelisk::logql {

std::string regex_error_text(std::string_view pattern, const Error& error);

}  // namespace obelisk::logql
