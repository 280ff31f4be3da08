#pragma once
// Which labels anything after a parser can ask for: a parser may leave the others out. `everything` for
// queries whose result shows all labels.

#include <set>
#include <string>
#include <string_view>

namespace obelisk::logql {

struct LabelDemand {
  bool everything = true;
  std::set<std::string, std::less<>> names;

  bool wants(std::string_view name) const { return everything || names.contains(name); }
  void add(std::string_view name) {
    if (!everything) names.emplace(name);
  }
};

}  // namespace obelisk::logql
