#include "wire/openmetrics_rules.h"

#include <fmt/format.h>

#include <cmath>

#include "base/text.h"
#include "wire/exposition_families.h"

namespace obelisk {
namespace {

constexpr size_t kExemplarCharactersMax = 128;  // the specification's bound on names and values together

size_t code_points(std::string_view text) {
  size_t count = 0;
  for (char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return count;
}

bool is_histogram(MetricType type) {
  return type == MetricType::histogram || type == MetricType::gaugehistogram;
}

// "le" and "quantile" in the places where they name a part of a metric rather than the metric.
std::string_view part_label(MetricType type, std::string_view family) {
  if (is_histogram(type)) return "le";
  if (type == MetricType::summary) return "quantile";
  if (type == MetricType::stateset) return family;
  return {};
}

std::string group_key(LabelsView labels, std::string_view without) {
  std::string key;
  for (const LabelRef& label : labels) {
    if (label.name == kMetricNameLabel || label.name == without) continue;
    key += fmt::format("{}:{}={}:{},", label.name.size(), label.name, label.value.size(), label.value);
  }
  return key;
}

}  // namespace

std::string OpenMetricsRules::claim(std::string_view suffix) {
  std::string name = fmt::format("{}{}", name_, suffix);
  return claimed_.insert(name).second ? "" : fmt::format("the name \"{}\" is used twice", name);
}

std::string OpenMetricsRules::begin_family(std::string_view name) {
  if (std::string problem = end_family(); !problem.empty()) return problem;
  has_family_ = true;
  name_ = name;
  type_ = MetricType::unknown;
  unit_ = {};
  has_type_ = has_help_ = has_unit_ = has_samples_ = false;
  seen_groups_.clear();
  return claim("");
}

std::string OpenMetricsRules::check_unit() const {
  if (unit_.empty()) return "";
  if (type_ == MetricType::info || type_ == MetricType::stateset) return "info and stateset have no unit";
  bool is_suffix =
      name_.size() > unit_.size() && name_.ends_with(unit_) && name_[name_.size() - unit_.size() - 1] == '_';
  return is_suffix ? "" : fmt::format("the unit \"{}\" is not the end of the name \"{}\"", unit_, name_);
}

std::string OpenMetricsRules::end_family() {
  if (!has_family_) return "";
  if (std::string problem = end_group(); !problem.empty()) return problem;
  return check_unit();
}

std::string OpenMetricsRules::metadata(Metadata kind, std::string_view family, MetricType type,
                                       std::string_view unit) {
  if (!has_family_ || family != name_) {
    if (std::string problem = begin_family(family); !problem.empty()) return problem;
  }
  if (has_samples_) return "metadata after the samples it describes";
  bool& seen = kind == Metadata::type ? has_type_ : kind == Metadata::help ? has_help_ : has_unit_;
  if (seen) return "the same metadata twice";
  seen = true;
  if (kind == Metadata::unit) unit_ = unit;
  if (kind != Metadata::type) return "";
  type_ = type;
  static constexpr std::string_view kSuffixes[] = {"_total",  "_created", "_count", "_sum",
                                                   "_bucket", "_gcount",  "_gsum",  "_info"};
  for (std::string_view suffix : kSuffixes) {
    if (!has_sample_suffix(type, suffix)) continue;
    if (std::string problem = claim(suffix); !problem.empty()) return problem;
  }
  return "";
}

std::string OpenMetricsRules::sample(const ExpositionSample& sample, std::string_view name,
                                     const ExpositionExemplar* exemplar) {
  bool member = has_family_ && name.starts_with(name_) && has_sample_suffix(type_, name.substr(name_.size()));
  if (!member) {
    if (std::string problem = begin_family(name); !problem.empty()) return problem;
  }
  has_samples_ = true;
  std::string_view suffix = name.substr(name_.size());
  if (std::string problem = check_group(sample); !problem.empty()) return problem;
  if (std::string problem = check_value(sample, suffix); !problem.empty()) return problem;
  if (suffix == "_bucket") {
    if (std::string problem = check_bucket(sample); !problem.empty()) return problem;
  }
  if (suffix == "_count" || suffix == "_gcount") count_ = sample.value;
  if (suffix == "_sum" || suffix == "_gsum") sum_ = sample.value;
  return exemplar == nullptr ? "" : check_exemplar(suffix, *exemplar);
}

std::string OpenMetricsRules::check_group(const ExpositionSample& sample) {
  std::string group = group_key(sample.labels, part_label(type_, name_));
  bool same = in_group_ && group == group_;
  if (same && sample.time.has_value() != group_time_.has_value())
    return "some samples of a metric have a time, some not";
  if (same && sample.time && *sample.time < *group_time_) return "times of a metric go backwards";
  bool same_point = same && sample.time == group_time_;
  if (!same_point) {
    if (std::string problem = end_group(); !problem.empty()) return problem;
  }
  if (!same && !seen_groups_.insert(group).second) return "samples of different metrics are interleaved";
  group_ = std::move(group);
  group_time_ = sample.time;
  in_group_ = true;
  return "";
}

std::string OpenMetricsRules::check_value(const ExpositionSample& sample, std::string_view suffix) const {
  double value = sample.value;
  bool counts = !(value >= 0);  // negative, or not a number
  switch (type_) {
    case MetricType::counter:
      return counts ? "a counter is not a number of at least 0" : "";
    case MetricType::histogram:
      return counts ? "a count, bucket or sum is not a number of at least 0" : "";
    case MetricType::gaugehistogram:
      if (suffix == "_gsum") return std::isnan(value) ? "the sum is not a number" : "";
      return counts ? "a count or bucket is not a number of at least 0" : "";
    case MetricType::summary: {
      if (!suffix.empty()) return counts ? "a count or sum is not a number of at least 0" : "";
      std::string_view text = label_value(sample.labels, "quantile");
      std::optional<double> quantile = parse_float(text);
      if (!quantile || !(*quantile >= 0 && *quantile <= 1))
        return "a summary needs a quantile label from 0 to 1";
      return value < 0 ? "a quantile has a negative value" : "";
    }
    case MetricType::info:
      return value != 1 ? "an info has a value other than 1" : "";
    case MetricType::stateset:
      if (label_value(sample.labels, name_).empty()) return "a stateset needs a label with its own name";
      return value != 0 && value != 1 ? "a state is neither 0 nor 1" : "";
    case MetricType::gauge:
    case MetricType::unknown:
      return "";
  }
  return "";
}

std::string OpenMetricsRules::check_bucket(const ExpositionSample& sample) {
  std::string_view text = label_value(sample.labels, "le");
  std::optional<double> bound = parse_float(text);
  if (!bound || std::isnan(*bound)) return "a bucket needs an le label that is a number";
  if (std::isinf(*bound) && text != "+Inf") return "the last bucket is written le=\"+Inf\"";
  if (last_bound_ && *bound <= *last_bound_) return "buckets are not in ascending order";
  if (last_count_ && sample.value < *last_count_) return "bucket counts decrease";
  last_bound_ = bound;
  last_count_ = sample.value;
  if (*bound < 0) negative_bounds_ = true;
  if (std::isinf(*bound)) infinite_count_ = sample.value;
  return "";
}

std::string OpenMetricsRules::check_exemplar(std::string_view suffix,
                                             const ExpositionExemplar& exemplar) const {
  bool allowed =
      (is_histogram(type_) && suffix == "_bucket") || (type_ == MetricType::counter && suffix == "_total");
  if (!allowed) return "only buckets and counters have exemplars";
  size_t characters = 0;
  for (const LabelRef& label : exemplar.labels)
    characters += code_points(label.name) + code_points(label.value);
  return characters > kExemplarCharactersMax ? "the labels of an exemplar are longer than 128 characters"
                                             : "";
}

std::string OpenMetricsRules::end_group() {
  std::string problem;
  if (in_group_ && is_histogram(type_)) {
    if (!infinite_count_) {
      problem = "a histogram lacks its bucket le=\"+Inf\"";
    } else if (count_ && *count_ != *infinite_count_) {
      problem = "the count differs from the bucket le=\"+Inf\"";
    } else if (negative_bounds_ && type_ == MetricType::histogram && sum_) {
      problem = "a histogram with negative buckets has no sum";
    } else if (sum_.has_value() != count_.has_value() && !(negative_bounds_ && !sum_)) {
      problem = "a histogram has either both sum and count or none of them";
    } else if (sum_ && *sum_ < 0 && !negative_bounds_) {
      problem = "the sum is negative without negative buckets";
    }
  }
  last_bound_ = last_count_ = infinite_count_ = count_ = sum_ = std::nullopt;
  negative_bounds_ = false;
  in_group_ = false;
  return problem;
}

std::string OpenMetricsRules::finish() {
  return end_family();
}

}  // namespace obelisk
