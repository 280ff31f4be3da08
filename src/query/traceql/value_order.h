#pragma once
// A total order of stored values and of labels, for keys: by kind, then by value. NaN is a value like others,
// before all other numbers; with the operators of StoredValue it would be equal to any. Pure functions.
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "query/traceql/value.h"

namespace obelisk::traceql {

struct ValueOrder {
  using is_transparent = void;
  // StoredValue, or a Value that is no list.
  template <typename A, typename B>
  bool operator()(const A& a, const B& b) const {
    if (a.type != b.type) return a.type < b.type;
    if (a.integer != b.integer) return a.integer < b.integer;
    if (std::isnan(a.number) || std::isnan(b.number)) {
      if (std::isnan(a.number) != std::isnan(b.number)) return std::isnan(a.number);
    } else if (a.number != b.number) {
      return a.number < b.number;
    }
    return a.text < b.text;
  }
};

struct LabelOrder {
  using Label = std::pair<std::string, StoredValue>;
  bool operator()(const Label& a, const Label& b) const {
    return a.first != b.first ? a.first < b.first : ValueOrder()(a.second, b.second);
  }
  bool operator()(const std::vector<Label>& a, const std::vector<Label>& b) const {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(), LabelOrder());
  }
};

}  // namespace obelisk::traceql
