#include "query/logql/row_labels.h"

#include <algorithm>
#include <cstring>

#include "query/core/utf8_runes.h"

namespace obelisk::logql {
namespace {

constexpr size_t kBlockBytes = 16 * 1024;
constexpr std::string_view kSuffix = "_extracted";

bool name_less(const LabelRef& a, const LabelRef& b) {
  return a.name < b.name;
}

}  // namespace

std::string_view RowText::keep(std::string_view bytes) {
  if (bytes.empty()) return {};
  while (block_ < blocks_.size() && used_ + bytes.size() > sizes_[block_]) {
    ++block_;
    used_ = 0;
  }
  if (block_ == blocks_.size()) {
    sizes_.push_back(std::max(kBlockBytes, bytes.size()));
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(sizes_.back()));
    used_ = 0;
  }
  char* target = blocks_[block_].get() + used_;
  std::memcpy(target, bytes.data(), bytes.size());
  used_ += bytes.size();
  return {target, bytes.size()};
}

void RowText::reset() {
  // One oversized row must not hold its memory for the rest of the query.
  constexpr size_t kBlocksKept = 4;
  if (blocks_.size() > kBlocksKept) {
    blocks_.resize(kBlocksKept);
    sizes_.resize(kBlocksKept);
  }
  block_ = 0;
  used_ = 0;
}

void RowLabels::begin(LabelsView stream) {
  stream_ = stream;
  if (hidden_.size() < stream.size() || hidden_count_ > 0)
    hidden_.assign(std::max(hidden_.size(), stream.size()), 0);
  hidden_count_ = 0;
  added_.clear();
  has_error_ = false;
  error_ = {};
  error_details_ = {};
  text_.reset();
}

size_t RowLabels::stream_index(std::string_view name) const {
  for (size_t i = 0; i < stream_.size(); ++i) {
    if (stream_[i].name == name) return hidden_[i] ? stream_.size() : i;
  }
  return stream_.size();
}

bool RowLabels::stream_has(std::string_view name) const {
  return std::any_of(stream_.begin(), stream_.end(),
                     [&](const LabelRef& label) { return label.name == name; });
}

const RowLabels::Entry* RowLabels::find(std::string_view name) const {
  for (const Entry& entry : added_) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

RowLabels::Entry* RowLabels::find(std::string_view name) {
  return const_cast<Entry*>(static_cast<const RowLabels*>(this)->find(name));
}

void RowLabels::hide(size_t index) {
  hidden_[index] = 1;
  ++hidden_count_;
}

bool RowLabels::get(std::string_view name, std::string_view& value) const {
  if (const Entry* entry = find(name)) {
    value = entry->value;
    return true;
  }
  size_t index = stream_index(name);
  if (index == stream_.size()) return false;
  value = stream_[index].value;
  return true;
}

std::string_view RowLabels::text_of(std::string_view name) const {
  if (name == kErrorLabel) return error_;
  if (name == kErrorDetailsLabel) return error_details_;
  std::string_view value;
  get(name, value);
  return value;
}

void RowLabels::add_metadata(std::string_view name, std::string_view value) {
  if (name == kErrorLabel) return set_error(value, {});
  if (stream_has(name)) name = text_.keep(std::string(name) + std::string(kSuffix));
  if (find(name) == nullptr) added_.push_back({name, value, LabelSource::metadata});
}

std::string_view RowLabels::parsed_name(std::string_view name) {
  const Entry* entry = find(name);
  bool taken = (entry != nullptr && entry->source == LabelSource::metadata) || stream_has(name);
  return taken ? text_.keep(std::string(name) + std::string(kSuffix)) : name;
}

bool RowLabels::has_parsed(std::string_view name) const {
  const Entry* entry = find(name);
  return entry != nullptr && entry->source == LabelSource::parsed;
}

void RowLabels::set(LabelSource source, std::string_view name, std::string_view value) {
  if (Entry* entry = find(name)) {
    if (entry->source == LabelSource::parsed && source != LabelSource::parsed) return;
    entry->value = value;
    entry->source = source;
  } else {
    added_.push_back({name, value, source});
  }
  if (size_t index = stream_index(name); index != stream_.size()) hide(index);
}

void RowLabels::remove(std::string_view name) {
  std::erase_if(added_, [&](const Entry& entry) { return entry.name == name; });
  if (size_t index = stream_index(name); index != stream_.size()) hide(index);
}

LabelSource RowLabels::source_of(std::string_view name) const {
  const Entry* entry = find(name);
  return entry == nullptr ? LabelSource::stream : entry->source;
}

void RowLabels::set_error(std::string_view error, std::string_view details) {
  has_error_ = true;
  error_ = text_.keep(error);
  if (!details.empty()) error_details_ = text_.keep(details);
}

void RowLabels::reset_error() {
  has_error_ = false;
  error_ = {};
}

LabelsView RowLabels::sorted() {
  if (unchanged() && error_details_.empty()) return stream_;
  sorted_.clear();
  for (size_t i = 0; i < stream_.size(); ++i) {
    if (!hidden_[i]) sorted_.push_back(stream_[i]);
  }
  size_t from_stream = sorted_.size();
  for (const Entry& entry : added_) sorted_.push_back({entry.name, entry.value});
  if (has_error_) sorted_.push_back({kErrorLabel, error_});
  if (!error_details_.empty()) sorted_.push_back({kErrorDetailsLabel, error_details_});
  auto middle = sorted_.begin() + static_cast<long>(from_stream);
  std::sort(middle, sorted_.end(), name_less);
  std::inplace_merge(sorted_.begin(), middle, sorted_.end(), name_less);
  return sorted_;
}

void RowLabels::collect(LabelSource source, std::vector<LabelRef>& out) const {
  out.clear();
  if (source == LabelSource::stream) {
    for (size_t i = 0; i < stream_.size(); ++i) {
      if (!hidden_[i]) out.push_back(stream_[i]);
    }
  }
  for (const Entry& entry : added_) {
    if (entry.source == source) out.push_back({entry.name, entry.value});
  }
  if (source == LabelSource::parsed) {
    if (has_error_) out.push_back({kErrorLabel, error_});
    if (!error_details_.empty()) out.push_back({kErrorDetailsLabel, error_details_});
  }
  std::sort(out.begin(), out.end(), name_less);
}

std::string_view sanitize_label_name(std::string_view name, bool may_lead, RowText& text) {
  while (!name.empty() && static_cast<unsigned char>(name.front()) <= ' ') name.remove_prefix(1);
  while (!name.empty() && static_cast<unsigned char>(name.back()) <= ' ') name.remove_suffix(1);
  auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  if (name.empty()) return {};
  bool leading_digit = may_lead && name[0] >= '0' && name[0] <= '9';
  if (!leading_digit && std::all_of(name.begin(), name.end(), allowed)) return name;
  std::string clean = leading_digit ? "_" : "";
  for (size_t i = 0; i < name.size();) {
    if (allowed(name[i])) {
      clean += name[i++];
    } else {
      clean += '_';
      i += decode_rune(name.substr(i)).length;
    }
  }
  return text.keep(clean);
}

}  // namespace obelisk::logql
