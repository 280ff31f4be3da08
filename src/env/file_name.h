#pragma once
// Free texts (tenants, namespaces) as names of files: every byte that is no letter or digit stands as %XX, so
// that no name leaves its directory. Pure functions. A name is at most three times as long as the text.
#include <optional>
#include <string>
#include <string_view>

namespace obelisk {

std::string file_name_of(std::string_view text);
// The text of a name that file_name_of could have made; nullopt for others.
std::optional<std::string> text_of_file_name(std::string_view name);

}  // namespace obelisk
