#pragma once
// What an evaluation of a rule writes: series, and the exemplars that belong to them. Pure functions.
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "plan/batch.h"
#include "rules/rule_file.h"
#include "rules/rule_language.h"

namespace obelisk::rules {

struct RuleOutput {
  std::vector<std::pair<Labels, double>> series;
  std::vector<std::pair<Labels, RuleExemplar>> exemplars;  // with the labels of their series
};

// Of a recording rule: its elements under its name, with `rule_labels` on top of theirs.
Result<RuleOutput> recorded_output(const Rule& rule, const std::map<std::string, std::string>& rule_labels,
                                   const RuleVector& vector);
// The exemplar of each element; null: none.
std::vector<const RuleExemplar*> exemplars_by_element(const RuleVector& vector);
// Rows of Table::exemplars.
Batch exemplar_rows(const std::vector<std::pair<Labels, RuleExemplar>>& exemplars);

}  // namespace obelisk::rules
