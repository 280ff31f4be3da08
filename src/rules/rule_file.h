#pragma once
// Prometheus rule files: groups of recording and alerting rules. Loading checks everything that can be wrong
// before anything runs: unknown keys (with the nearest valid name), expressions, durations, label names,
// duplicate groups. Errors name file and line.
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace obelisk::rules {

struct Rule {
  enum class Kind : uint8_t { recording, alerting };
  Kind kind = Kind::recording;
  std::string name;        // of the series it records, or of the alert
  std::string expression;  // PromQL, parsed when the file is loaded
  int64_t for_nanos = 0;
  int64_t keep_firing_for_nanos = 0;
  std::map<std::string, std::string> labels;       // values of alerting rules are templates
  std::map<std::string, std::string> annotations;  // templates
};

struct RuleGroup {
  std::string file;
  std::string name;
  int64_t interval_nanos = 0;  // 0: the global evaluation_interval
  int64_t query_offset_nanos = 0;
  uint64_t limit = 0;  // 0: none
  std::map<std::string, std::string> labels;
  std::vector<Rule> rules;
};

// `file` is used for messages and as part of the groups' identity.
Result<std::vector<RuleGroup>> parse_rule_file(std::string_view text, const std::string& file);

// Reads every file that the patterns name (a pattern may have * and ? in its last path component). A pattern
// without wildcard that names no file is logged, as Prometheus does.
Result<std::vector<RuleGroup>> load_rule_files(const std::vector<std::string>& patterns);

}  // namespace obelisk::rules
