#pragma once
// Label names in URLs: U__ and then the name, with each character that a classic name cannot have as _hex_
// (of its code point) and each underscore doubled. Pure functions.
#include <optional>
#include <string>
#include <string_view>

namespace obelisk::prometheus_api {
// The name that `text` stands for: itself when it does not begin with U__ or is no valid escape.
std::string unescape_label_name(std::string_view text);
}  // namespace obelisk::prometheus_api
