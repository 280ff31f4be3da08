#include "model/labels.h"

#include <algorithm>
#include <memory>

#include "base/json_writer.h"

namespace obelisk {
namespace {

// Bytes of a label's canonical encoding, and where it ends.
char* put_length(char* out, size_t length) {
  while (length >= 0x80) {
    *out++ = static_cast<char>(length | 0x80);
    length >>= 7;
  }
  *out++ = static_cast<char>(length);
  return out;
}

size_t length_bytes(size_t length) {
  size_t bytes = 1;
  for (; length >= 0x80; length >>= 7) ++bytes;
  return bytes;
}

char* put_text(char* out, char tag, std::string_view text) {
  *out++ = tag;
  out = put_length(out, text.size());
  return std::copy(text.begin(), text.end(), out);
}

size_t text_bytes(std::string_view text) {
  return 1 + length_bytes(text.size()) + text.size();
}

char* put_label(char* out, std::string_view name, std::string_view value) {
  *out++ = 0x0a;
  out = put_length(out, text_bytes(name) + text_bytes(value));
  return put_text(put_text(out, 0x0a, name), 0x12, value);
}

// At most so many bytes a label, beside its texts: three tags and three lengths of ten bytes.
constexpr size_t kLabelOverheadMax = 33;

// The hash of name and value pairs, in any container.
template <typename AnyLabels>
Hash128 hash_any_labels(const AnyLabels& labels) {
  size_t bytes_max = 0;
  for (const auto& label : labels) bytes_max += label.name.size() + label.value.size() + kLabelOverheadMax;
  char on_stack[1024];
  std::unique_ptr<char[]> on_heap;
  if (bytes_max > sizeof(on_stack)) on_heap = std::make_unique_for_overwrite<char[]>(bytes_max);
  char* begin = on_heap ? on_heap.get() : on_stack;
  char* end = begin;
  for (const auto& label : labels) end = put_label(end, label.name, label.value);
  return hash_encoded_labels({begin, static_cast<size_t>(end - begin)});
}

}  // namespace

std::string_view label_value(LabelsView labels, std::string_view name) {
  auto it =
      std::lower_bound(labels.begin(), labels.end(), name,
                       [](const LabelRef& label, std::string_view wanted) { return label.name < wanted; });
  return it != labels.end() && it->name == name ? it->value : std::string_view();
}

Hash128 hash_encoded_labels(std::string_view canonical_encoding) {
  return hash128(canonical_encoding);
}

Hash128 hash_labels_wide(LabelsView labels) {
  return hash_any_labels(labels);
}

uint64_t hash_labels(LabelsView labels) {
  return hash_labels_wide(labels).low;
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
  return hash_any_labels(labels_).low;
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
