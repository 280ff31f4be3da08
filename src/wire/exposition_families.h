#pragma once
// Finds the family of a name while a page is parsed. Used inside wire/ only.
#include <string_view>
#include <unordered_map>

#include "wire/exposition.h"

namespace obelisk {

class ExpositionFamilies {
 public:
  explicit ExpositionFamilies(Exposition& out) : out_(out) {}

  // The family with this name, made when it is new.
  uint32_t find_or_add(std::string_view name);
  // The family a sample belongs to: the one with its name, else a histogram, summary or the like whose name
  // and a suffix of its type make the sample's name, else a new one.
  uint32_t family_of_sample(std::string_view sample_name);

 private:
  bool is_member(uint32_t family, std::string_view sample_name) const;

  Exposition& out_;
  std::unordered_map<std::string_view, uint32_t> by_name_;
  uint32_t last_ = UINT32_MAX;  // samples of a family stand together
};

// True when a family of this type has samples named name + suffix.
bool has_sample_suffix(MetricType type, std::string_view suffix);

}  // namespace obelisk
