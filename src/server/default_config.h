#pragma once
// obelisk.yaml with every key and its default, taken from docs/CONFIGURATION.md when this is built: what
// /status/config lays the given configuration over.
#include <string>
#include <string_view>

#include "base/yaml.h"

namespace obelisk::server {

extern const std::string_view kDefaultConfig;

// As YAML, with secrets hidden: all that is in force, only what differs from the defaults, or the defaults.
enum class ShownConfig : uint8_t { in_force, differences, defaults };
std::string config_yaml(const YamlNode& given, ShownConfig shown);

}  // namespace obelisk::server
