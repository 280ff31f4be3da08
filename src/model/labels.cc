#include "model/labels.h"

#include <algorithm>

#include "base/hash.h"
#include "base/json_writer.h"

namespace obelisk {
namespace {

// Order-dependent mix of per-string hashes: lengths are covered because each string is hashed whole.
uint64_t mix(uint64_t state, std::string_view name, std::string_view value) {
  return hash64(value, hash64(name, state));
}

}  // namespace

std::string_view label_value(LabelsView labels, std::string_view name) {
  auto it =
      std::lower_bound(labels.begin(), labels.end(), name,
                       [](const LabelRef& label, std::string_view wanted) { return label.name < wanted; });
  return it != labels.end() && it->name == name ? it->value : std::string_view();
}

uint64_t hash_labels(LabelsView labels) {
  uint64_t state = labels.size();
  for (const LabelRef& label : labels) state = mix(state, label.name, label.value);
  return state;
}

bool labels_equal(LabelsView a, LabelsView b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

Labels::Labels(std::vector<Label> labels) : labels_(std::move(labels)) {
  std::stable_sort(labels_.begin(), labels_.end(),
                   [](const Label& a, const Label& b) { return a.name < b.name; });
  // Of equal names the last wins: keep an entry only when its successor has another name.
  size_t kept = 0;
  for (size_t i = 0; i < labels_.size(); ++i) {
    bool superseded = i + 1 < labels_.size() && labels_[i + 1].name == labels_[i].name;
    if (superseded || labels_[i].value.empty()) continue;
    if (kept != i) labels_[kept] = std::move(labels_[i]);
    ++kept;
  }
  labels_.resize(kept);
}

Labels::Labels(std::initializer_list<std::pair<std::string_view, std::string_view>> labels) {
  std::vector<Label> entries;
  entries.reserve(labels.size());
  for (const auto& [name, value] : labels) entries.push_back({std::string(name), std::string(value)});
  *this = Labels(std::move(entries));
}

Labels::Labels(LabelsView labels) {
  labels_.reserve(labels.size());
  for (const LabelRef& label : labels) labels_.push_back({std::string(label.name), std::string(label.value)});
}

std::string_view Labels::get(std::string_view name) const {
  auto it = std::lower_bound(labels_.begin(), labels_.end(), name,
                             [](const Label& label, std::string_view wanted) { return label.name < wanted; });
  return it != labels_.end() && it->name == name ? std::string_view(it->value) : std::string_view();
}

bool Labels::has(std::string_view name) const {
  return !get(name).empty();
}

void Labels::set(std::string_view name, std::string_view value) {
  auto it = std::lower_bound(labels_.begin(), labels_.end(), name,
                             [](const Label& label, std::string_view wanted) { return label.name < wanted; });
  bool found = it != labels_.end() && it->name == name;
  if (value.empty()) {
    if (found) labels_.erase(it);
  } else if (found) {
    it->value = value;
  } else {
    labels_.insert(it, Label{std::string(name), std::string(value)});
  }
}

void Labels::remove(std::string_view name) {
  set(name, {});
}

uint64_t Labels::hash() const {
  uint64_t state = labels_.size();
  for (const Label& label : labels_) state = mix(state, label.name, label.value);
  return state;
}

std::vector<LabelRef> Labels::view() const {
  std::vector<LabelRef> refs;
  refs.reserve(labels_.size());
  for (const Label& label : labels_) refs.push_back({label.name, label.value});
  return refs;
}

std::string Labels::to_string() const {
  std::string out(get(kMetricNameLabel));
  std::string inside;
  for (const Label& label : labels_) {
    if (label.name == kMetricNameLabel) continue;
    if (!inside.empty()) inside += ", ";
    inside += label.name;
    inside += '=';
    append_json_string(inside, label.value);
  }
  if (!inside.empty() || out.empty()) out += "{" + inside + "}";
  return out;
}

}  // namespace obelisk
