#include "query/logql/stage_capture.h"

#include <fmt/format.h>

#include <algorithm>

#include "plan/regex.h"
#include "query/logql/lexer.h"
#include "query/logql/line_pattern.h"
#include "query/logql/line_regex.h"

namespace obelisk::logql {
namespace {

class RegexpStage : public RowStage {
 public:
  RegexpStage(std::shared_ptr<const Regex> regex, LabelDemand demand)
      : regex_(std::move(regex)), demand_(std::move(demand)) {}

  bool apply(LogRow& row) override {
    std::vector<std::string_view> groups = regex_->captures(row.line);
    const std::vector<std::string>& names = regex_->group_names();
    for (size_t i = 1; i < groups.size(); ++i) {
      if (names[i - 1].empty()) continue;
      std::string_view name = row.labels.parsed_name(names[i - 1]);
      if (demand_.wants(name)) row.labels.set_parsed(name, groups[i]);
    }
    return true;
  }

 private:
  std::shared_ptr<const Regex> regex_;
  LabelDemand demand_;
};

class PatternStage : public RowStage {
 public:
  PatternStage(LinePattern pattern, LabelDemand demand)
      : pattern_(std::move(pattern)), demand_(std::move(demand)) {}

  bool apply(LogRow& row) override {
    pattern_.capture(row.line, values_);
    for (size_t i = 0; i < values_.size(); ++i) {
      std::string_view name = row.labels.parsed_name(pattern_.names()[i]);
      if (demand_.wants(name)) row.labels.set_parsed(name, values_[i]);
    }
    return true;
  }

 private:
  LinePattern pattern_;
  LabelDemand demand_;
  std::vector<std::string_view> values_;
};

// The names of all named groups as they stand, before the expression is compiled: RE2 refuses a name used
// twice with a message of its own.
std::vector<std::string> group_names_in(std::string_view pattern) {
  std::vector<std::string> names;
  for (size_t i = 0; i + 3 < pattern.size(); ++i) {
    if (pattern[i] == '\\') {
      ++i;
      continue;
    }
    std::string_view rest = pattern.substr(i);
    size_t open = rest.starts_with("(?P<")                                      ? 4
                  : rest.starts_with("(?<") && rest[3] != '=' && rest[3] != '!' ? 3
                                                                                : 0;
    size_t close = open == 0 ? std::string_view::npos : rest.find('>');
    if (close != std::string_view::npos) names.emplace_back(rest.substr(open, close - open));
  }
  return names;
}

// Without the "parse error : " that it comes with.
std::string bare_message(const Error& error) {
  std::string_view text = error.message;
  constexpr std::string_view kPrefix = "parse error : ";
  if (text.starts_with(kPrefix)) text.remove_prefix(kPrefix.size());
  return std::string(text);
}

}  // namespace

Result<RowStagePtr> make_regexp_stage(std::string_view pattern, LabelDemand demand) {
  std::vector<std::string> names = group_names_in(pattern);
  std::sort(names.begin(), names.end());
  if (auto twice = std::adjacent_find(names.begin(), names.end()); twice != names.end()) {
    return parse_error(fmt::format("invalid regexp parser: duplicate extracted label name '{}'", *twice));
  }
  Result<std::shared_ptr<const Regex>> regex = compile_line_regex(pattern);
  if (!regex.ok()) return parse_error("invalid regexp parser: " + bare_message(regex.error()));
  bool any = false;
  for (const std::string& name : (*regex)->group_names()) {
    if (name.empty()) continue;
    any = true;
    if (name[0] >= '0' && name[0] <= '9')
      return parse_error(fmt::format("invalid regexp parser: invalid extracted label name '{}'", name));
  }
  if (!any) return parse_error("invalid regexp parser: at least one named capture must be supplied");
  return RowStagePtr(std::make_unique<RegexpStage>(*std::move(regex), std::move(demand)));
}

Result<RowStagePtr> make_pattern_stage(std::string_view pattern, LabelDemand demand) {
  OBELISK_TRY(LinePattern parsed, LinePattern::for_parser(pattern));
  return RowStagePtr(std::make_unique<PatternStage>(std::move(parsed), std::move(demand)));
}

}  // namespace obelisk::logql
