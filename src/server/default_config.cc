#include "server/default_config.h"

#include <algorithm>

#include "collect/config/redacted_yaml.h"

namespace obelisk::server {

const std::string_view kDefaultConfig =
#include <default_config.inc>  // the example of docs/CONFIGURATION.md: CMakeLists.txt
    ;

namespace {

std::string text_of(const YamlNode& node) {
  return collect::redacted_yaml(node);
}

// Maps are laid over each other; everything else is replaced.
void lay_over(const YamlNode& given, YamlNode& base) {
  bool maps = given.kind == YamlNode::Kind::map && base.kind == YamlNode::Kind::map;
  if (!maps) {
    if (given.kind != YamlNode::Kind::null) base = given;
    return;
  }
  for (const YamlEntry& entry : given.entries) {
    auto held = std::find_if(base.entries.begin(), base.entries.end(),
                             [&](const YamlEntry& other) { return other.key == entry.key; });
    if (held == base.entries.end()) {
      base.entries.push_back(entry);
    } else {
      lay_over(entry.value, held->value);
    }
  }
}

// Takes out what is as in `defaults`.
void drop_equal(const YamlNode& defaults, YamlNode& node) {
  std::erase_if(node.entries, [&](YamlEntry& entry) {
    const YamlNode* other = defaults.find(entry.key);
    if (other == nullptr) return false;
    if (text_of(*other) == text_of(entry.value)) return true;
    if (other->kind == YamlNode::Kind::map && entry.value.kind == YamlNode::Kind::map)
      drop_equal(*other, entry.value);
    return false;
  });
}

}  // namespace

std::string config_yaml(const YamlNode& given, ShownConfig shown) {
  Result<YamlNode> defaults = parse_yaml(kDefaultConfig, "defaults");
  OBELISK_ASSERT(defaults.ok());
  if (shown == ShownConfig::defaults) return text_of(*defaults);
  YamlNode tree = *defaults;
  lay_over(given, tree);
  if (shown == ShownConfig::differences) drop_equal(*defaults, tree);
  return text_of(tree);
}

}  // namespace obelisk::server
