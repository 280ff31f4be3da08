#pragma once
// JSON as the same tree that configuration files are read into, so that one reader serves both. Numbers and
// booleans keep their spelling. At most kJsonNodesMax values and 64 levels.
#include <string_view>

#include "base/yaml.h"

namespace obelisk::collect {

inline constexpr size_t kJsonNodesMax = 4 << 20;

// `what` names the text in errors.
Result<YamlNode> parse_json_tree(std::string_view text, std::string_view what);

// The node at a path of keys, or null. text_at: its text, empty when it is not there.
const YamlNode* node_at(const YamlNode& from, std::initializer_list<std::string_view> path);
std::string text_at(const YamlNode& from, std::initializer_list<std::string_view> path);
// The items of the list at `key`; empty when there is none.
const std::vector<YamlNode>& items_at(const YamlNode& from, std::string_view key);
const std::vector<YamlEntry>& entries_at(const YamlNode& from, std::string_view key);

}  // namespace obelisk::collect
