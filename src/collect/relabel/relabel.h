#pragma once
// Relabelling: Prometheus' eleven actions on a label set. relabel() is a pure function; the rules are checked
// when they are read (read_relabel_rule), so that applying them cannot fail.
//
// Actions: replace (the default), keep, drop, keepequal, dropequal, hashmod (MD5), labelmap, labeldrop,
// labelkeep, lowercase, uppercase. A regex matches the whole of what it is compared with, and `.` matches
// line ends. In target_label and replacement, $1, ${1}, $name and ${name} stand for what its groups matched,
// $$ for a dollar sign. Immutable after reading; safe from any thread.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/yaml.h"
#include "model/labels.h"
#include "plan/regex.h"

namespace obelisk::collect {

enum class RelabelAction : uint8_t {
  replace,
  keep,
  drop,
  keepequal,
  dropequal,
  hashmod,
  labelmap,
  labeldrop,
  labelkeep,
  lowercase,
  uppercase,
};
std::string_view relabel_action_name(RelabelAction action);

// Which names labels and metrics may have: any UTF-8, or [a-zA-Z_][a-zA-Z0-9_]*.
enum class NameScheme : uint8_t { utf8, legacy };
bool is_label_name(std::string_view name, NameScheme scheme);

struct RelabelRule {
  static constexpr std::string_view kDefaultRegex = "(.*)";

  RelabelAction action = RelabelAction::replace;
  std::vector<std::string> source_labels;
  std::string separator = ";";
  std::string regex_text = std::string(kDefaultRegex);
  std::shared_ptr<const Regex> regex;
  uint64_t modulus = 0;
  std::string target_label;
  std::string replacement = "$1";
  NameScheme scheme = NameScheme::utf8;

  bool operator==(const RelabelRule& other) const;
};
using RelabelRules = std::vector<RelabelRule>;

// Applies the rules in their order. False: the labels are dropped (and may be half changed).
bool relabel(const RelabelRules& rules, Labels& labels);
// One rule alone, for tools that show the steps.
bool relabel_one(const RelabelRule& rule, Labels& labels);

// One item of relabel_configs. Errors name the file and the line.
Result<RelabelRule> read_relabel_rule(const YamlNode& node, const std::string& file, NameScheme scheme);
// The list `key` of `map`.
void read_relabel_rules(YamlMap& map, std::string_view key, const std::string& file, NameScheme scheme,
                        RelabelRules& out);

}  // namespace obelisk::collect
