#pragma once
// What OpenMetrics 1.0.0 asks of a page beyond the shape of its lines: one family at a time, metadata before
// samples, no clashing names, metrics not interleaved, times in order, and what each type allows as suffix,
// label and value. Fed line by line; every call returns the reason for refusing the line, or an empty string.
// Used inside wire/ only.
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "wire/exposition.h"

namespace obelisk {

class OpenMetricsRules {
 public:
  enum class Metadata : uint8_t { type, help, unit };

  // A metadata line about `family`; the family's new field is set by the caller afterwards.
  std::string metadata(Metadata kind, std::string_view family, MetricType type, std::string_view unit);
  // A sample line, with the sample's name as on the page.
  std::string sample(const ExpositionSample& sample, std::string_view name,
                     const ExpositionExemplar* exemplar);
  // After the last line.
  std::string finish();

 private:
  std::string begin_family(std::string_view name);
  std::string end_family();
  std::string claim(std::string_view suffix);
  std::string check_unit() const;
  std::string check_group(const ExpositionSample& sample);
  std::string check_value(const ExpositionSample& sample, std::string_view suffix) const;
  std::string check_exemplar(std::string_view suffix, const ExpositionExemplar& exemplar) const;
  std::string check_bucket(const ExpositionSample& sample);
  std::string end_group();

  std::unordered_set<std::string> claimed_;  // names of families and of their samples
  // The current family.
  bool has_family_ = false;
  std::string_view name_;
  MetricType type_ = MetricType::unknown;
  std::string_view unit_;
  bool has_type_ = false, has_help_ = false, has_unit_ = false, has_samples_ = false;
  std::unordered_set<std::string> seen_groups_;
  // The current metric: samples with the same labels but for le, quantile and the state.
  std::string group_;
  bool in_group_ = false;
  std::optional<UnixNanos> group_time_;
  std::optional<double> last_bound_, last_count_, infinite_count_, count_, sum_;
  bool negative_bounds_ = false;
};

}  // namespace obelisk
