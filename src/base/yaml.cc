#include "base/yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <sstream>

#include "base/text.h"

namespace obelisk {
namespace {

constexpr size_t kTextBytesMax = 16 << 20;
constexpr int kDepthMax = 64;
constexpr size_t kNodesMax = 1 << 20;
constexpr std::string_view kBinaryTag = "tag:yaml.org,2002:binary";

// Copies yaml-cpp's tree, bounded.
class Converter {
 public:
  explicit Converter(std::string_view file) : file_(file) {}

  Result<YamlNode> convert(const YAML::Node& from, int depth) {
    YamlNode node;
    node.line = static_cast<uint32_t>(from.Mark().line + 1);
    if (depth > kDepthMax) return yaml_error(file_, node, "nested deeper than 64 levels");
    if (++count_ > kNodesMax) return yaml_error(file_, node, "more than 1 Mi values");
    if (from.Tag() == kBinaryTag) return yaml_error(file_, node, "binary values are not supported");
    if (from.IsScalar()) {
      node.kind = YamlNode::Kind::scalar;
      node.scalar = from.Scalar();
      node.quoted = from.Tag() == "!";
    } else if (from.IsSequence()) {
      node.kind = YamlNode::Kind::list;
      for (const YAML::Node& item : from) {
        OBELISK_TRY(YamlNode converted, convert(item, depth + 1));
        node.items.push_back(std::move(converted));
      }
    } else if (from.IsMap()) {
      node.kind = YamlNode::Kind::map;
      std::vector<YAML::Node> merged;
      for (const auto& entry : from) {
        if (!entry.first.IsScalar()) return yaml_error(file_, node, "a key must be a plain text");
        if (entry.first.Tag() == kBinaryTag) return yaml_error(file_, node, "binary keys are not supported");
        const std::string& key = entry.first.Scalar();
        if (key == "<<" && entry.first.Tag() != "!") {
          merged.push_back(entry.second);
          continue;
        }
        OBELISK_TRY(YamlNode converted, convert(entry.second, depth + 1));
        // The line of the key: an empty value has no place of its own.
        converted.line = static_cast<uint32_t>(entry.first.Mark().line + 1);
        if (node.find(key) != nullptr)
          return yaml_error(file_, converted, fmt::format("key \"{}\" stands twice", key));
        node.entries.push_back({key, std::move(converted)});
      }
      for (const YAML::Node& other : merged) OBELISK_CHECK_OK(merge(other, node, depth + 1));
    }
    return node;
  }

 private:
  // `<<: *map` or a list of maps: their keys, where the map does not have them itself; earlier maps win.
  Result<void> merge(const YAML::Node& from, YamlNode& into, int depth) {
    OBELISK_TRY(YamlNode other, convert(from, depth));
    if (other.kind == YamlNode::Kind::list) {
      for (YamlNode& item : other.items) OBELISK_CHECK_OK(merge_entries(item, into));
      return {};
    }
    return merge_entries(other, into);
  }

  Result<void> merge_entries(YamlNode& other, YamlNode& into) {
    if (other.kind != YamlNode::Kind::map) return yaml_error(file_, into, "<< takes a map or a list of maps");
    for (YamlEntry& entry : other.entries) {
      if (into.find(entry.key) == nullptr) into.entries.push_back(std::move(entry));
    }
    return {};
  }

  std::string_view file_;
  size_t count_ = 0;
};

// Takes no notice of anything.
class Nothing : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
  }
  void OnMapEnd() override {}
};

// 0, 1, or 2 for more than one. Not by LoadAll: yaml-cpp finds documents without end in some malformed texts.
size_t count_documents(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  Nothing nothing;
  size_t count = 0;
  while (count < 2 && parser.HandleNextDocument(nothing)) ++count;
  return count;
}

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
  for (const auto& [name, value] : entries) {
    if (name == key) return &value;
  }
  return nullptr;
}

Error yaml_error(std::string_view file, const YamlNode& at, std::string_view message) {
  return Error{ErrorCode::parse_error, fmt::format("{}:{}: {}", file, at.line, message),
               Position{0, at.line, 1}};
}

Result<YamlNode> parse_first_yaml(std::string_view text, std::string_view file, bool& more) {
  if (text.size() > kTextBytesMax)
    return make_error(ErrorCode::too_large, fmt::format("{}: larger than 16 MiB", file));
  try {
    std::string copy(text);
    size_t documents = count_documents(copy);
    if (documents == 0) return YamlNode{};
    more = documents > 1;
    return Converter(file).convert(YAML::Load(copy), 0);
  } catch (const YAML::Exception& exception) {
    YamlNode at;
    at.line = static_cast<uint32_t>(std::max(exception.mark.line, 0) + 1);
    return yaml_error(file, at, exception.msg);
  }
}

Result<YamlNode> parse_yaml(std::string_view text, std::string_view file) {
  bool more = false;
  OBELISK_TRY(YamlNode root, parse_first_yaml(text, file, more));
  if (more) return make_error(ErrorCode::parse_error, fmt::format("{}: more than one YAML document", file));
  return root;
}

std::string_view nearest_name(std::string_view name, const std::vector<std::string_view>& candidates) {
  std::string_view best;
  size_t best_distance = std::max<size_t>(1, name.size() / 3) + 1;
  for (std::string_view candidate : candidates) {
    size_t distance = edit_distance(name, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

YamlMap::YamlMap(const YamlNode& node, std::string_view file, std::string_view what)
    : node_(node), file_(file), what_(what) {
  if (node.kind != YamlNode::Kind::map && node.kind != YamlNode::Kind::null) {
    fail(node, fmt::format("{} must be a map of keys", what_));
  }
}

void YamlMap::fail(const YamlNode& at, std::string_view message) {
  if (!error_) error_ = yaml_error(file_, at, message);
}

const YamlNode* YamlMap::take(std::string_view key) {
  known_.push_back(key);
  const YamlNode* found = node_.find(key);
  return found == nullptr || found->kind == YamlNode::Kind::null ? nullptr : found;
}

const YamlNode* YamlMap::take_scalar(std::string_view key) {
  const YamlNode* found = take(key);
  if (found != nullptr && found->kind != YamlNode::Kind::scalar) {
    fail(*found, fmt::format("{}: {} must be a single value", what_, key));
    return nullptr;
  }
  return found;
}

void YamlMap::string(std::string_view key, std::string& out) {
  if (const YamlNode* found = take_scalar(key)) out = found->scalar;
}

void YamlMap::required_string(std::string_view key, std::string& out) {
  string(key, out);
  if (node_.find(key) == nullptr || out.empty()) fail(node_, fmt::format("{}: {} is missing", what_, key));
}

namespace {

// YAML 1.1 spells its words three ways: yes, Yes, YES.
bool is_spelled(std::string_view text, std::string_view word) {
  if (!equals_ignoring_case(text, word)) return false;
  bool upper = std::none_of(text.begin(), text.end(), [](char c) { return c >= 'a' && c <= 'z'; });
  return upper || text.substr(1) == word.substr(1);
}

}  // namespace

void YamlMap::boolean(std::string_view key, bool& out) {
  const YamlNode* found = take_scalar(key);
  if (found == nullptr) return;
  auto is_one_of = [&](std::initializer_list<std::string_view> words) {
    return !found->quoted && std::any_of(words.begin(), words.end(), [&](std::string_view word) {
      return is_spelled(found->scalar, word);
    });
  };
  if (is_one_of({"true", "yes", "on", "y"})) {
    out = true;
  } else if (is_one_of({"false", "no", "off", "n"})) {
    out = false;
  } else {
    fail(*found, fmt::format("{}: {} must be true or false, not \"{}\"", what_, key, found->scalar));
  }
}

void YamlMap::integer(std::string_view key, int64_t& out, int64_t min, int64_t max) {
  const YamlNode* found = take_scalar(key);
  if (found == nullptr) return;
  std::optional<int64_t> value = parse_int64(found->scalar);
  if (!value || *value < min || *value > max) {
    fail(*found, fmt::format("{}: {} must be a whole number from {} to {}, not \"{}\"", what_, key, min, max,
                             found->scalar));
    return;
  }
  out = *value;
}

void YamlMap::duration(std::string_view key, int64_t& out) {
  const YamlNode* found = take_scalar(key);
  if (found == nullptr) return;
  Result<int64_t> value = parse_prometheus_duration(found->scalar);
  if (!value.ok()) return fail(*found, fmt::format("{}: {}: {}", what_, key, value.error().message));
  out = *value;
}

void YamlMap::byte_size(std::string_view key, uint64_t& out) {
  const YamlNode* found = take_scalar(key);
  if (found == nullptr) return;
  std::string_view text = found->scalar;
  size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  std::optional<uint64_t> number = parse_uint64(text.substr(0, digits));
  std::string unit = to_lower(text.substr(digits));
  static constexpr std::string_view kPrefixes = "kmgt";
  uint64_t shift = 0;
  bool known = unit.empty() || unit == "b";
  if (!known) {
    size_t prefix = kPrefixes.find(unit[0]);
    known = prefix != std::string_view::npos &&
            (unit.size() == 1 || unit.substr(1) == "b" || unit.substr(1) == "ib");
    shift = 10 * (prefix + 1);
  }
  if (!number || !known || *number > (UINT64_MAX >> shift)) {
    return fail(*found, fmt::format("{}: {} must be a size such as 64MB, not \"{}\"", what_, key, text));
  }
  out = *number << shift;
}

void YamlMap::string_list(std::string_view key, std::vector<std::string>& out) {
  const YamlNode* found = take(key);
  if (found == nullptr) return;
  out.clear();
  if (found->kind == YamlNode::Kind::null) return;
  if (found->kind != YamlNode::Kind::list)
    return fail(*found, fmt::format("{}: {} must be a list", what_, key));
  for (const YamlNode& item : found->items) {
    if (item.kind != YamlNode::Kind::scalar)
      return fail(item, fmt::format("{}: {} must be a list of texts", what_, key));
    out.push_back(item.scalar);
  }
}

void YamlMap::string_map(std::string_view key, std::map<std::string, std::string>& out) {
  const YamlNode* found = take(key);
  if (found == nullptr) return;
  if (found->kind != YamlNode::Kind::map)
    return fail(*found, fmt::format("{}: {} must be a map", what_, key));
  for (const auto& [name, value] : found->entries) {
    if (value.kind != YamlNode::Kind::scalar && value.kind != YamlNode::Kind::null) {
      return fail(value, fmt::format("{}: {}.{} must be a single value", what_, key, name));
    }
    out[name] = value.scalar;
  }
}

void YamlMap::node(std::string_view key, const std::function<Result<void>(const YamlNode&)>& read) {
  const YamlNode* found = take(key);
  if (found == nullptr || error_) return;
  if (Result<void> result = read(*found); !result.ok()) error_ = result.error();
}

void YamlMap::list(std::string_view key, const std::function<Result<void>(const YamlNode&)>& read) {
  const YamlNode* found = take(key);
  if (found == nullptr || error_) return;
  if (found->kind != YamlNode::Kind::list)
    return fail(*found, fmt::format("{}: {} must be a list", what_, key));
  for (const YamlNode& item : found->items) {
    if (Result<void> result = read(item); !result.ok()) {
      error_ = result.error();
      return;
    }
  }
}

void YamlMap::refuse(std::initializer_list<std::string_view> keys, std::string_view why) {
  for (std::string_view key : keys) {
    known_.push_back(key);
    if (const YamlNode* found = node_.find(key)) fail(*found, fmt::format("{}: {} {}", what_, key, why));
  }
}

Result<void> YamlMap::finish() {
  if (error_) return *error_;
  for (const auto& [key, value] : node_.entries) {
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    std::string_view nearest = nearest_name(key, known_);
    return yaml_error(file_, value,
                      nearest.empty()
                          ? fmt::format("{}: unknown key \"{}\"", what_, key)
                          : fmt::format("{}: unknown key \"{}\", did you mean \"{}\"?", what_, key, nearest));
  }
  return {};
}

}  // namespace obelisk
