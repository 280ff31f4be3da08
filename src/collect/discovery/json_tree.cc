#include "collect/discovery/json_tree.h"

#include <fmt/format.h>
#include <simdjson.h>

namespace obelisk::collect {
namespace {

constexpr int kDepthMax = 64;

using Element = simdjson::dom::element;

// False when the text is too deep or has too many values.
bool convert(const Element& from, YamlNode& to, int depth, size_t& count) {
  if (depth > kDepthMax || ++count > kJsonNodesMax) return false;
  switch (from.type()) {
    case simdjson::dom::element_type::ARRAY:
      to.kind = YamlNode::Kind::list;
      for (Element item : simdjson::dom::array(from)) {
        if (!convert(item, to.items.emplace_back(), depth + 1, count)) return false;
      }
      return true;
    case simdjson::dom::element_type::OBJECT:
      to.kind = YamlNode::Kind::map;
      for (auto field : simdjson::dom::object(from)) {
        to.entries.push_back({std::string(field.key), {}});
        if (!convert(field.value, to.entries.back().value, depth + 1, count)) return false;
      }
      return true;
    case simdjson::dom::element_type::STRING:
      to.kind = YamlNode::Kind::scalar;
      to.quoted = true;
      to.scalar = std::string(std::string_view(from));
      return true;
    case simdjson::dom::element_type::NULL_VALUE:
      return true;
    default:
      to.kind = YamlNode::Kind::scalar;
      to.scalar = simdjson::minify(from);
      return true;
  }
}

}  // namespace

Result<YamlNode> parse_json_tree(std::string_view text, std::string_view what) {
  simdjson::dom::parser parser;
  Element root;
  simdjson::padded_string padded(text);
  if (auto code = parser.parse(padded).get(root); code != simdjson::SUCCESS)
    return make_error(ErrorCode::parse_error, fmt::format("{}: {}", what, simdjson::error_message(code)));
  YamlNode tree;
  size_t count = 0;
  if (!convert(root, tree, 0, count))
    return make_error(ErrorCode::too_large,
                      fmt::format("{}: more than {} values or {} levels", what, kJsonNodesMax, kDepthMax));
  return tree;
}

const YamlNode* node_at(const YamlNode& from, std::initializer_list<std::string_view> path) {
  const YamlNode* node = &from;
  for (std::string_view key : path) {
    node = node->find(key);
    if (node == nullptr) return nullptr;
  }
  return node;
}

std::string text_at(const YamlNode& from, std::initializer_list<std::string_view> path) {
  const YamlNode* node = node_at(from, path);
  return node != nullptr ? node->scalar : "";
}

const std::vector<YamlNode>& items_at(const YamlNode& from, std::string_view key) {
  static const std::vector<YamlNode> none;
  const YamlNode* node = from.find(key);
  return node != nullptr ? node->items : none;
}

const std::vector<YamlEntry>& entries_at(const YamlNode& from, std::string_view key) {
  static const std::vector<YamlEntry> none;
  const YamlNode* node = from.find(key);
  return node != nullptr ? node->entries : none;
}

}  // namespace obelisk::collect
