#pragma once
// Which label sets of a part have a label with a value, for parts of very many: a condition on labels then
// looks at the sets that can satisfy it instead of all. Eight bytes for every label whose value is not the
// same in all sets. Immutable once made; views the sets it was made of.
#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "model/labels.h"
#include "plan/expression.h"

namespace obelisk {

class LabelTable;

class LabelSetIndex {
 public:
  LabelSetIndex() = default;
  explicit LabelSetIndex(const LabelTable& table);

  // The one value of the label in all sets (empty: none has it); nullopt when they differ.
  std::optional<std::string_view> common_value(std::string_view name) const;
  // The sets with this label and (not empty) value, ascending; a few more may be among them.
  std::vector<uint32_t> sets_with(std::string_view name, std::string_view value) const;

 private:
  struct Name {
    std::string_view first_value;
    uint32_t count = 0;
    bool differs = false;
    std::vector<std::pair<uint32_t, uint32_t>> sets;  // (hash of the value, set), sorted; when it differs
  };
  size_t size_ = 0;
  absl::flat_hash_map<std::string_view, Name> names_;
};

// `expr` with the conditions on labels that all sets satisfy, or none, replaced by true or false: every row
// group would have to find that out.
Expr settle_labels(const Expr& expr, const LabelTable& table);
// What the labels of each set say of the condition.
std::vector<Decision> decide_sets(const Expr& expr, const LabelTable& table);

}  // namespace obelisk
