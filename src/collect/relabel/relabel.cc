#include "collect/relabel/relabel.h"

#include <fmt/format.h>
#include <locale.h>
#include <openssl/evp.h>
#include <wctype.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace obelisk::collect {
namespace {

constexpr std::array<std::string_view, 11> kActionNames{"replace",   "keep",      "drop",     "keepequal",
                                                        "dropequal", "hashmod",   "labelmap", "labeldrop",
                                                        "labelkeep", "lowercase", "uppercase"};

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// What stands at a '$': a group's name and how long its spelling is. Length 0: the dollar sign is only that.
struct Reference {
  std::string_view name;
  size_t length = 0;
};

Reference reference_at(std::string_view text, size_t dollar) {
  size_t begin = dollar + 1;
  bool braced = begin < text.size() && text[begin] == '{';
  if (braced) ++begin;
  size_t end = begin;
  while (end < text.size() && is_word(text[end])) ++end;
  if (end == begin || (braced && (end == text.size() || text[end] != '}'))) return {};
  return {text.substr(begin, end - begin), end + (braced ? 1 : 0) - dollar};
}

bool has_reference(std::string_view text) {
  for (size_t at = text.find('$'); at != std::string_view::npos; at = text.find('$', at + 1)) {
    if (reference_at(text, at).length > 0) return true;
  }
  return false;
}

std::string_view group_text(const Regex& regex, const std::vector<std::string_view>& groups,
                            std::string_view name) {
  bool digits = std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (digits) {
    std::optional<uint64_t> number = parse_uint64(name);
    return number && *number < groups.size() ? groups[*number] : std::string_view();
  }
  const std::vector<std::string>& names = regex.group_names();
  for (size_t i = 0; i < names.size() && i + 1 < groups.size(); ++i) {
    if (names[i] == name && groups[i + 1].data() != nullptr) return groups[i + 1];
  }
  return {};
}

std::string expand(std::string_view text, const Regex& regex, const std::vector<std::string_view>& groups) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    if (text[i] != '$') {
      out += text[i++];
      continue;
    }
    if (i + 1 < text.size() && text[i + 1] == '$') {
      out += '$';
      i += 2;
      continue;
    }
    Reference reference = reference_at(text, i);
    if (reference.length == 0) {
      out += text[i++];
      continue;
    }
    out += group_text(regex, groups, reference.name);
    i += reference.length;
  }
  return out;
}

// The last eight bytes of the MD5 sum, the first of them the highest: what Prometheus shards by.
uint64_t md5_tail(std::string_view text) {
  unsigned char sum[EVP_MAX_MD_SIZE] = {};
  unsigned int size = 0;
  [[maybe_unused]] int done = EVP_Digest(text.data(), text.size(), sum, &size, EVP_md5(), nullptr);
  OBELISK_ASSERT(done == 1 && size == 16);
  uint64_t tail = 0;
  for (size_t i = 8; i < 16; ++i) tail = tail << 8 | sum[i];
  return tail;
}

void append_utf8(std::string& out, uint32_t point) {
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xC0 | point >> 6);
    out += static_cast<char>(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    out += static_cast<char>(0xE0 | point >> 12);
    out += static_cast<char>(0x80 | (point >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (point & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | point >> 18);
    out += static_cast<char>(0x80 | (point >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (point >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (point & 0x3F));
  }
}

// Letter case of any script, by the C library's own UTF-8 tables, whatever the process' locale is.
std::string change_case(std::string_view text, bool upper) {
  static const locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  std::string out;
  out.reserve(text.size());
  std::string valid = replace_invalid_utf8(text);
  for (size_t i = 0; i < valid.size();) {
    auto lead = static_cast<unsigned char>(valid[i]);
    size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    uint32_t point = length == 1 ? lead : lead & (0xFFu >> (length + 1));
    for (size_t k = 1; k < length; ++k)
      point = point << 6 | (static_cast<unsigned char>(valid[i + k]) & 0x3F);
    if (utf8 != nullptr) {
      point = static_cast<uint32_t>(upper ? towupper_l(point, utf8) : towlower_l(point, utf8));
    } else if (point < 0x80) {
      point =
          static_cast<uint32_t>(upper ? toupper(static_cast<int>(point)) : tolower(static_cast<int>(point)));
    }
    append_utf8(out, point);
    i += length;
  }
  return out;
}

std::string joined(const RelabelRule& rule, const Labels& labels) {
  std::string text;
  for (size_t i = 0; i < rule.source_labels.size(); ++i) {
    if (i > 0) text += rule.separator;
    text += labels.get(rule.source_labels[i]);
  }
  return text;
}

void replace(const RelabelRule& rule, const std::string& value, Labels& labels) {
  std::vector<std::string_view> groups = rule.regex->captures(value);
  if (groups.empty()) return;
  std::string target = expand(rule.target_label, *rule.regex, groups);
  if (!is_label_name(target, rule.scheme)) return;
  labels.set(target, expand(rule.replacement, *rule.regex, groups));  // an empty value removes
}

void map_names(const RelabelRule& rule, Labels& labels) {
  const std::vector<Label> before = labels.entries();
  for (const Label& label : before) {
    std::vector<std::string_view> groups = rule.regex->captures(label.name);
    if (!groups.empty()) labels.set(expand(rule.replacement, *rule.regex, groups), label.value);
  }
}

void remove_names(const RelabelRule& rule, bool matching, Labels& labels) {
  const std::vector<Label> before = labels.entries();
  for (const Label& label : before) {
    if (rule.regex->matches(label.name) == matching) labels.remove(label.name);
  }
}

}  // namespace

std::string_view relabel_action_name(RelabelAction action) {
  return kActionNames[static_cast<size_t>(action)];
}

bool is_label_name(std::string_view name, NameScheme scheme) {
  if (name.empty()) return false;
  if (scheme == NameScheme::utf8) return is_valid_utf8(name);
  return !(name[0] >= '0' && name[0] <= '9') && std::all_of(name.begin(), name.end(), is_word);
}

bool RelabelRule::operator==(const RelabelRule& other) const {
  return action == other.action && source_labels == other.source_labels && separator == other.separator &&
         regex_text == other.regex_text && modulus == other.modulus && target_label == other.target_label &&
         replacement == other.replacement && scheme == other.scheme;
}

bool relabel_one(const RelabelRule& rule, Labels& labels) {
  std::string value = joined(rule, labels);
  switch (rule.action) {
    case RelabelAction::replace:
      replace(rule, value, labels);
      return true;
    case RelabelAction::keep:
      return rule.regex->matches(value);
    case RelabelAction::drop:
      return !rule.regex->matches(value);
    case RelabelAction::keepequal:
      return labels.get(rule.target_label) == value;
    case RelabelAction::dropequal:
      return labels.get(rule.target_label) != value;
    case RelabelAction::hashmod:
      labels.set(rule.target_label, fmt::format("{}", md5_tail(value) % rule.modulus));
      return true;
    case RelabelAction::labelmap:
      map_names(rule, labels);
      return true;
    case RelabelAction::labeldrop:
    case RelabelAction::labelkeep:
      remove_names(rule, rule.action == RelabelAction::labeldrop, labels);
      return true;
    case RelabelAction::lowercase:
    case RelabelAction::uppercase:
      labels.set(rule.target_label, change_case(value, rule.action == RelabelAction::uppercase));
      return true;
  }
  return true;
}

bool relabel(const RelabelRules& rules, Labels& labels) {
  return std::all_of(rules.begin(), rules.end(),
                     [&](const RelabelRule& rule) { return relabel_one(rule, labels); });
}

namespace {

// The name with its references taken for letters: whether any expansion could be a label name.
bool is_name_template(std::string_view text, NameScheme scheme) {
  std::string plain;
  for (size_t i = 0; i < text.size();) {
    Reference reference = text[i] == '$' ? reference_at(text, i) : Reference{};
    plain += reference.length > 0 ? 'a' : text[i];
    i += std::max<size_t>(reference.length, 1);
  }
  return is_label_name(plain, scheme);
}

struct Given {
  bool source_labels, separator, regex, modulus, target_label, replacement;
};

// What Prometheus refuses of a rule, in its order.
std::string problem_of(const RelabelRule& rule, const Given& given) {
  using enum RelabelAction;
  auto is = [&rule](std::initializer_list<RelabelAction> actions) {
    return std::find(actions.begin(), actions.end(), rule.action) != actions.end();
  };
  std::string_view name = relabel_action_name(rule.action);
  if (rule.action == hashmod && rule.modulus == 0) return "action hashmod needs a modulus other than 0";
  if (is({replace, hashmod, lowercase, uppercase, keepequal, dropequal}) && rule.target_label.empty())
    return fmt::format("action {} needs a target_label", name);
  bool name_ok = rule.action == replace && has_reference(rule.target_label)
                     ? is_name_template(rule.target_label, rule.scheme)
                     : is_label_name(rule.target_label, rule.scheme);
  if (is({replace, hashmod, lowercase, uppercase, keepequal, dropequal}) && !name_ok)
    return fmt::format("\"{}\" is not a valid target_label for action {}", rule.target_label, name);
  if (is({lowercase, uppercase, keepequal, dropequal}) && given.replacement)
    return fmt::format("action {} takes no replacement", name);
  if (rule.action == labelmap && !is_name_template(rule.replacement, rule.scheme))
    return fmt::format("\"{}\" is not a valid replacement for action labelmap", rule.replacement);
  if (is({keepequal, dropequal}) && (given.regex || given.modulus || given.separator))
    return fmt::format("action {} takes source_labels and target_label only", name);
  if (is({labeldrop, labelkeep}) &&
      (given.source_labels || given.target_label || given.modulus || given.separator || given.replacement))
    return fmt::format("action {} takes a regex only", name);
  return "";
}

}  // namespace

Result<RelabelRule> read_relabel_rule(const YamlNode& node, const std::string& file, NameScheme scheme) {
  if (node.kind == YamlNode::Kind::null) return yaml_error(file, node, "an empty relabelling rule");
  RelabelRule rule;
  rule.scheme = scheme;
  std::string action = "replace";
  int64_t modulus = 0;
  YamlMap map(node, file, "relabelling rule");
  map.string_list("source_labels", rule.source_labels);
  map.string("separator", rule.separator);
  map.string("regex", rule.regex_text);
  map.integer("modulus", modulus, 0, INT64_MAX);
  map.string("target_label", rule.target_label);
  map.string("replacement", rule.replacement);
  map.string("action", action);
  OBELISK_CHECK_OK(map.finish());
  const YamlNode* given_action = node.find("action");
  if (given_action != nullptr && given_action->kind == YamlNode::Kind::null)
    return yaml_error(file, *given_action, "relabelling rule: action is empty");
  const auto* known = std::find(kActionNames.begin(), kActionNames.end(), to_lower(action));
  if (known == kActionNames.end()) {
    std::string_view near = nearest_name(action, {kActionNames.begin(), kActionNames.end()});
    return yaml_error(file, *given_action,
                      fmt::format("relabelling rule: unknown action \"{}\"{}", action,
                                  near.empty() ? "" : fmt::format(", did you mean \"{}\"?", near)));
  }
  auto regex = Regex::compile(rule.regex_text, Regex::Mode::anchored);
  if (!regex.ok()) return yaml_error(file, *node.find("regex"), "relabelling rule: " + regex.error().message);
  rule.regex = std::move(*regex);
  rule.action = static_cast<RelabelAction>(known - kActionNames.begin());
  rule.modulus = static_cast<uint64_t>(modulus);
  for (const std::string& label : rule.source_labels) {
    if (!is_label_name(label, scheme))
      return yaml_error(file, *node.find("source_labels"),
                        fmt::format("relabelling rule: \"{}\" is not a valid label name", label));
  }
  Given given{!rule.source_labels.empty(),
              rule.separator != ";",
              rule.regex_text != RelabelRule::kDefaultRegex,
              modulus != 0,
              !rule.target_label.empty(),
              rule.replacement != "$1"};
  if (std::string problem = problem_of(rule, given); !problem.empty())
    return yaml_error(file, node, "relabelling rule: " + problem);
  return rule;
}

void read_relabel_rules(YamlMap& map, std::string_view key, const std::string& file, NameScheme scheme,
                        RelabelRules& out) {
  map.list(key, [&](const YamlNode& item) -> Result<void> {
    OBELISK_TRY(RelabelRule rule, read_relabel_rule(item, file, scheme));
    out.push_back(std::move(rule));
    return {};
  });
}

}  // namespace obelisk::collect
