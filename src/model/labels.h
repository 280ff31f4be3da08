#pragma once
// Label sets: the identity of a series (Prometheus data model) and of a log stream.
// Labels owns its strings; LabelsView is the same thing borrowed from a batch, a part or an arena. Both are
// sorted by name with no name twice and no empty value (an empty value means the label is absent).
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/hash.h"

namespace obelisk {

inline constexpr std::string_view kMetricNameLabel = "__name__";

struct LabelRef {
  std::string_view name;
  std::string_view value;
  auto operator<=>(const LabelRef&) const = default;
  bool operator==(const LabelRef&) const = default;
};

using LabelsView = std::span<const LabelRef>;

// The value of `name`, empty when absent.
std::string_view label_value(LabelsView labels, std::string_view name);
// The same sorted labels always give the same hash, in every process: the 128-bit XXH3 of their canonical
// encoding, which is how remote write 1.0 spells them (per label 0x0a, length, 0x0a, length, name, 0x12,
// length, value; lengths as shortest varints). So a decoder whose sender wrote them sorted and without empty
// values hashes the bytes it got.
Hash128 hash_labels_wide(LabelsView labels);
Hash128 hash_encoded_labels(std::string_view canonical_encoding);
// The lower half.
uint64_t hash_labels(LabelsView labels);
bool labels_equal(LabelsView a, LabelsView b);

struct Label {
  std::string name;
  std::string value;
  auto operator<=>(const Label&) const = default;
  bool operator==(const Label&) const = default;
};

class Labels {
 public:
  Labels() = default;
  // Sorts; a later duplicate of a name replaces the earlier; empty values are dropped.
  explicit Labels(std::vector<Label> labels);
  Labels(std::initializer_list<std::pair<std::string_view, std::string_view>> labels);
  explicit Labels(LabelsView labels);

  std::string_view get(std::string_view name) const;
  bool has(std::string_view name) const;
  // Sets, replaces, or (with an empty value) removes.
  void set(std::string_view name, std::string_view value);
  void remove(std::string_view name);
  uint64_t hash() const;
  bool empty() const { return labels_.empty(); }
  size_t size() const { return labels_.size(); }
  auto begin() const { return labels_.begin(); }
  auto end() const { return labels_.end(); }
  const std::vector<Label>& entries() const { return labels_; }
  // Views into this object, valid while it is neither changed nor moved.
  std::vector<LabelRef> view() const;
  // {a="1", b="2"} as Prometheus prints it; the metric name in front when present.
  std::string to_string() const;

  auto operator<=>(const Labels&) const = default;
  bool operator==(const Labels&) const = default;

 private:
  std::vector<Label> labels_;
};

}  // namespace obelisk

template <>
struct std::hash<obelisk::Labels> {
  size_t operator()(const obelisk::Labels& labels) const { return labels.hash(); }
};
