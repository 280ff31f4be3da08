#pragma once
// Rule files of Prometheus and Loki, and the same for TraceQL: groups of recording and alerting rules.
// Loading checks everything that can be wrong before anything runs: unknown keys (with the nearest valid
// name), expressions, durations, label names, duplicate groups. Errors name file and line.
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/tenant.h"
#include "rules/rule_language.h"

namespace obelisk::rules {

struct Rule {
  enum class Kind : uint8_t { recording, alerting };
  Kind kind = Kind::recording;
  std::string name;        // of the series it records, or of the alert
  std::string expression;  // in the group's language, checked when the file is loaded
  int64_t for_nanos = 0;
  int64_t keep_firing_for_nanos = 0;
  int64_t window_nanos = 0;  // TraceQL: the spans it counts started this long before; 0: the group's
  std::map<std::string, std::string> labels;       // values of alerting rules are templates
  std::map<std::string, std::string> annotations;  // templates
};

struct RuleGroup {
  RuleLanguage language = RuleLanguage::promql;
  Tenant tenant = kDefaultTenant;
  std::string file;  // or the namespace, of groups that came by an API
  std::string name;
  int64_t interval_nanos = 0;  // 0: the global evaluation_interval
  int64_t query_offset_nanos = 0;
  int64_t window_nanos = 0;  // TraceQL: of rules without one of their own; 0: the interval
  uint64_t limit = 0;        // 0: none
  std::map<std::string, std::string> labels;
  std::vector<Rule> rules;
};

// `file` is used for messages and as part of the groups' identity.
Result<std::vector<RuleGroup>> parse_rule_file(std::string_view text, const std::string& file,
                                               RuleLanguage language = RuleLanguage::promql);
// One group as a document of its own, as rule APIs take it.
Result<RuleGroup> parse_rule_group(std::string_view text, const std::string& file, RuleLanguage language);
// The group as YAML that parse_rule_group reads to the same group; every line begins with `indent`.
std::string format_rule_group(const RuleGroup& group, const std::string& indent = "");

// Reads every file that the patterns name (a pattern may have * and ? in its last path component). A pattern
// without wildcard that names no file is logged, as Prometheus does.
Result<std::vector<RuleGroup>> load_rule_files(const std::vector<std::string>& patterns,
                                               RuleLanguage language = RuleLanguage::promql);

}  // namespace obelisk::rules
