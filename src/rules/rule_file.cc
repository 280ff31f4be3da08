#include "rules/rule_file.h"

#include <fmt/format.h>
#include <glob.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>

#include "base/json_writer.h"
#include "base/log.h"
#include "base/text.h"
#include "base/yaml.h"
#include "rules/alert_template.h"

namespace obelisk::rules {
namespace {

bool is_label_name(std::string_view name) {
  return !name.empty() && is_valid_utf8(name);
}

Result<void> check_labels(const std::map<std::string, std::string>& labels, const YamlNode& at,
                          const std::string& file) {
  for (const auto& [name, value] : labels) {
    if (!is_label_name(name) || name == kMetricNameLabel) {
      return yaml_error(file, at, fmt::format("invalid label name \"{}\"", name));
    }
    if (!is_valid_utf8(value)) return yaml_error(file, at, fmt::format("label {} is not UTF-8", name));
  }
  return {};
}

Result<void> check_templates(const Rule& rule, const YamlNode& at, const std::string& file) {
  for (const auto* texts : {&rule.labels, &rule.annotations}) {
    for (const auto& [name, text] : *texts) {
      if (Result<void> checked = check_alert_template(text); !checked.ok()) {
        return yaml_error(file, at, fmt::format("template of {}: {}", name, checked.error().message));
      }
    }
  }
  return {};
}

Result<Rule> parse_rule(const YamlNode& node, const std::string& file, RuleLanguage language) {
  Rule rule;
  std::string record;
  std::string alert;
  YamlMap map(node, file, "rule");
  map.string("record", record);
  map.string("alert", alert);
  map.required_string("expr", rule.expression);
  map.duration("for", rule.for_nanos);
  map.duration("keep_firing_for", rule.keep_firing_for_nanos);
  if (language == RuleLanguage::traceql) map.duration("window", rule.window_nanos);
  map.string_map("labels", rule.labels);
  map.string_map("annotations", rule.annotations);
  OBELISK_CHECK_OK(map.finish());
  if (record.empty() == alert.empty()) return yaml_error(file, node, "a rule has either record or alert");
  rule.kind = alert.empty() ? Rule::Kind::recording : Rule::Kind::alerting;
  rule.name = alert.empty() ? record : alert;
  if (Result<void> checked = rule_evaluator(language).check(rule.expression); !checked.ok()) {
    return yaml_error(
        file, *node.find("expr"),
        fmt::format("{} \"{}\": {}", alert.empty() ? "record" : "alert", rule.name, checked.error().message));
  }
  OBELISK_CHECK_OK(check_labels(rule.labels, node, file));
  if (rule.kind == Rule::Kind::alerting) {
    OBELISK_CHECK_OK(check_templates(rule, node, file));
    return rule;
  }
  if (rule.for_nanos != 0 || rule.keep_firing_for_nanos != 0 || !rule.annotations.empty()) {
    return yaml_error(file, node,
                      "for, keep_firing_for and annotations belong to alerts, not to recording rules");
  }
  if (!is_valid_utf8(rule.name)) return yaml_error(file, node, "record: not a valid metric name");
  // A UTF-8 name may hold braces, but here they are a selector in the wrong key.
  if (rule.name.find_first_of("{}") != std::string::npos)
    return yaml_error(
        file, *node.find("record"),
        fmt::format("record \"{}\": a name has no braces; does it belong into expr?", rule.name));
  return rule;
}

Result<RuleGroup> parse_group(const YamlNode& node, const std::string& file, RuleLanguage language) {
  RuleGroup group;
  group.language = language;
  group.file = file;
  int64_t limit = 0;
  YamlMap map(node, file, "rule group");
  map.required_string("name", group.name);
  map.duration("interval", group.interval_nanos);
  map.duration("query_offset", group.query_offset_nanos);
  if (language == RuleLanguage::traceql) map.duration("window", group.window_nanos);
  map.integer("limit", limit, 0, 1'000'000);
  map.string_map("labels", group.labels);
  map.list("rules", [&](const YamlNode& item) -> Result<void> {
    OBELISK_TRY(Rule rule, parse_rule(item, file, language));
    group.rules.push_back(std::move(rule));
    return {};
  });
  OBELISK_CHECK_OK(map.finish());
  OBELISK_CHECK_OK(check_labels(group.labels, node, file));
  group.limit = static_cast<uint64_t>(limit);
  return group;
}

Result<std::vector<std::string>> files_of(const std::string& pattern) {
  size_t slash = pattern.find_last_of('/');
  std::string_view directory =
      slash == std::string::npos ? std::string_view() : std::string_view(pattern).substr(0, slash);
  if (directory.find_first_of("*?[") != std::string_view::npos) {
    return make_error(
        ErrorCode::invalid_argument,
        fmt::format("rule file pattern {}: * and ? are allowed in the last path component only", pattern));
  }
  bool has_wildcard = pattern.find_first_of("*?[") != std::string::npos;
  glob_t found{};
  int code = glob(pattern.c_str(), 0, nullptr, &found);
  std::vector<std::string> files;
  for (size_t i = 0; code == 0 && i < found.gl_pathc; ++i) files.emplace_back(found.gl_pathv[i]);
  globfree(&found);
  if (files.empty() && !has_wildcard)
    log_warning("rules", fmt::format("rule file {} does not exist or cannot be read", pattern));
  return files;
}

}  // namespace

Result<RuleGroup> parse_rule_group(std::string_view text, const std::string& file, RuleLanguage language) {
  OBELISK_TRY(YamlNode root, parse_yaml(text, file));
  return parse_group(root, file, language);
}

namespace {

// A scalar in double quotes, where every text is itself.
std::string quoted(std::string_view text) {
  JsonWriter out;
  out.value(text);
  return out.take();
}

void format_map(std::string& out, const std::string& indent, std::string_view key,
                const std::map<std::string, std::string>& map) {
  if (map.empty()) return;
  out += fmt::format("{}{}:\n", indent, key);
  for (const auto& [name, value] : map)
    out += fmt::format("{}  {}: {}\n", indent, quoted(name), quoted(value));
}

}  // namespace

std::string format_rule_group(const RuleGroup& group, const std::string& indent) {
  std::string out = fmt::format("{}name: {}\n", indent, quoted(group.name));
  if (group.interval_nanos != 0)
    out += fmt::format("{}interval: {}\n", indent, format_prometheus_duration(group.interval_nanos));
  if (group.query_offset_nanos != 0)
    out += fmt::format("{}query_offset: {}\n", indent, format_prometheus_duration(group.query_offset_nanos));
  if (group.window_nanos != 0)
    out += fmt::format("{}window: {}\n", indent, format_prometheus_duration(group.window_nanos));
  if (group.limit != 0) out += fmt::format("{}limit: {}\n", indent, group.limit);
  format_map(out, indent, "labels", group.labels);
  out += fmt::format("{}rules:{}\n", indent, group.rules.empty() ? " []" : "");
  for (const Rule& rule : group.rules) {
    bool alerting = rule.kind == Rule::Kind::alerting;
    out += fmt::format("{}- {}: {}\n", indent, alerting ? "alert" : "record", quoted(rule.name));
    std::string inner = indent + "  ";
    out += fmt::format("{}expr: {}\n", inner, quoted(rule.expression));
    if (rule.for_nanos != 0)
      out += fmt::format("{}for: {}\n", inner, format_prometheus_duration(rule.for_nanos));
    if (rule.keep_firing_for_nanos != 0)
      out += fmt::format("{}keep_firing_for: {}\n", inner,
                         format_prometheus_duration(rule.keep_firing_for_nanos));
    if (rule.window_nanos != 0)
      out += fmt::format("{}window: {}\n", inner, format_prometheus_duration(rule.window_nanos));
    format_map(out, inner, "labels", rule.labels);
    format_map(out, inner, "annotations", rule.annotations);
  }
  return out;
}

Result<std::vector<RuleGroup>> parse_rule_file(std::string_view text, const std::string& file,
                                               RuleLanguage language) {
  bool more = false;
  OBELISK_TRY(YamlNode root, parse_first_yaml(text, file, more));
  if (more) log_warning("rules", fmt::format("{}: only the first YAML document is read", file));
  std::vector<RuleGroup> groups;
  std::set<std::string> names;
  YamlMap map(root, file, "rule file");
  map.list("groups", [&](const YamlNode& item) -> Result<void> {
    OBELISK_TRY(RuleGroup group, parse_group(item, file, language));
    if (!names.insert(group.name).second)
      return yaml_error(file, item, fmt::format("group \"{}\" stands twice", group.name));
    groups.push_back(std::move(group));
    return {};
  });
  OBELISK_CHECK_OK(map.finish());
  return groups;
}

Result<std::vector<RuleGroup>> load_rule_files(const std::vector<std::string>& patterns,
                                               RuleLanguage language) {
  std::vector<RuleGroup> all;
  std::set<std::string> seen;
  for (const std::string& pattern : patterns) {
    OBELISK_TRY(std::vector<std::string> files, files_of(pattern));
    for (const std::string& file : files) {
      if (!seen.insert(file).second) continue;
      std::ifstream stream(file, std::ios::binary);
      std::string text(std::istreambuf_iterator<char>(stream), {});
      if (!stream.good() && !stream.eof())
        return make_error(ErrorCode::io, fmt::format("cannot read {}", file));
      OBELISK_TRY(std::vector<RuleGroup> groups, parse_rule_file(text, file, language));
      std::move(groups.begin(), groups.end(), std::back_inserter(all));
    }
  }
  return all;
}

}  // namespace obelisk::rules
