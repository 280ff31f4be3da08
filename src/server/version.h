#pragma once
// What this build is. The revision is the git commit that CMake saw, or "unknown".
#include <string_view>

namespace obelisk::server {

inline constexpr std::string_view kVersion = "0.1.0";
std::string_view revision();

}  // namespace obelisk::server
