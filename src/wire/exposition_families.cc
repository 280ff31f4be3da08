#include "wire/exposition_families.h"

namespace obelisk {

bool has_sample_suffix(MetricType type, std::string_view suffix) {
  switch (type) {
    case MetricType::counter:
      return suffix == "_total" || suffix == "_created";
    case MetricType::summary:
      return suffix.empty() || suffix == "_count" || suffix == "_sum" || suffix == "_created";
    case MetricType::histogram:
      return suffix == "_bucket" || suffix == "_count" || suffix == "_sum" || suffix == "_created";
    case MetricType::gaugehistogram:
      return suffix == "_bucket" || suffix == "_gcount" || suffix == "_gsum";
    case MetricType::info:
      return suffix == "_info";
    case MetricType::gauge:
    case MetricType::stateset:
    case MetricType::unknown:
      return suffix.empty();
  }
  return false;
}

uint32_t ExpositionFamilies::find_or_add(std::string_view name) {
  auto [it, added] = by_name_.try_emplace(name, static_cast<uint32_t>(out_.families.size()));
  if (added) out_.families.emplace_back().name = name;
  last_ = it->second;
  return last_;
}

bool ExpositionFamilies::is_member(uint32_t family, std::string_view sample_name) const {
  const ExpositionFamily& candidate = out_.families[family];
  return sample_name.starts_with(candidate.name) &&
         has_sample_suffix(candidate.type, sample_name.substr(candidate.name.size()));
}

uint32_t ExpositionFamilies::family_of_sample(std::string_view sample_name) {
  if (last_ != UINT32_MAX && (out_.families[last_].name == sample_name || is_member(last_, sample_name)))
    return last_;
  if (auto it = by_name_.find(sample_name); it != by_name_.end()) return last_ = it->second;
  size_t underscore = sample_name.rfind('_');
  if (underscore != std::string_view::npos) {
    auto it = by_name_.find(sample_name.substr(0, underscore));
    if (it != by_name_.end() && is_member(it->second, sample_name)) return last_ = it->second;
  }
  return find_or_add(sample_name);
}

}  // namespace obelisk
