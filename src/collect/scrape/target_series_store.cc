// TargetSeries: what it remembers. Spellings and the series they stand for, with the labels that the target,
// the relabelling rules and the limits make of them; and how both are forgotten.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "collect/scrape/target_page.h"

namespace obelisk::scrape {
namespace {

size_t label_bytes(LabelsView labels) {
  size_t bytes = labels.size() * sizeof(LabelRef);
  for (const LabelRef& label : labels) bytes += label.name.size() + label.value.size();
  return bytes;
}

// Whether a page spells `name=""`: the parsers leave out labels without a value, but with honor_labels one
// removes the target's label (which is how federation keeps its own instance label away). A quote within a
// value is written \", so that the text looked for cannot be part of one.
bool spells_empty(std::string_view spelling, std::string_view name) {
  for (const std::string& text : {fmt::format("{}=\"\"", name), fmt::format("\"{}\"=\"\"", name)}) {
    for (size_t at = spelling.find(text); at != std::string_view::npos; at = spelling.find(text, at + 1)) {
      if (at > 0 && std::string_view("{, \t").find(spelling[at - 1]) != std::string_view::npos) return true;
    }
  }
  return false;
}

}  // namespace

// The labels of the page and of the target together.
Labels TargetSeries::with_target_labels(LabelsView labels, std::string_view spelling) const {
  Labels merged(labels);
  std::vector<Label> clashes;
  for (const Label& label : target_labels_) {
    if (settings_.honor_labels) {
      if (!merged.has(label.name) && !spells_empty(spelling, label.name)) merged.set(label.name, label.value);
      continue;
    }
    if (merged.has(label.name)) clashes.push_back({label.name, std::string(merged.get(label.name))});
    merged.set(label.name, label.value);
  }
  for (Label& clash : clashes) {
    std::string renamed = "exported_" + clash.name;
    while (merged.has(renamed)) renamed.insert(0, "exported_");
    merged.set(renamed, clash.value);
  }
  return merged;
}

Result<void> TargetSeries::check_limits(const Labels& labels) const {
  std::string_view metric = labels.get(kMetricNameLabel).substr(0, 50);
  if (settings_.label_limit > 0 && labels.size() > settings_.label_limit)
    return make_error(ErrorCode::too_large,
                      fmt::format("label_limit exceeded (metric: {}, number of labels: {}, limit: {})",
                                  metric, labels.size(), settings_.label_limit));
  for (const Label& label : labels) {
    if (settings_.label_name_bytes > 0 && label.name.size() > settings_.label_name_bytes)
      return make_error(
          ErrorCode::too_large,
          fmt::format("label_name_length_limit exceeded (metric: {}, label name: {}, length: {}, limit: {})",
                      metric, label.name.substr(0, 50), label.name.size(), settings_.label_name_bytes));
    if (settings_.label_value_bytes > 0 && label.value.size() > settings_.label_value_bytes)
      return make_error(
          ErrorCode::too_large,
          fmt::format(
              "label_value_length_limit exceeded (metric: {}, label name: {}, value: \"{}\", length: {}, "
              "limit: {})",
              metric, label.name.substr(0, 50), label.value.substr(0, 50), label.value.size(),
              settings_.label_value_bytes));
  }
  return {};
}

Result<void> TargetSeries::check_names(const Labels& labels) const {
  if (settings_.names == collect::NameScheme::utf8) return {};
  std::string metric(labels.get(kMetricNameLabel));
  std::replace(metric.begin(), metric.end(), ':', '_');
  bool valid = collect::is_label_name(metric, settings_.names);
  for (const Label& label : labels) valid = valid && collect::is_label_name(label.name, settings_.names);
  if (valid) return {};
  return make_error(ErrorCode::parse_error,
                    "invalid metric name or label names: " + labels.to_string().substr(0, 200));
}

LabelsView TargetSeries::copy_labels(LabelsView labels) {
  LabelRef* copies = labels_arena_->allocate_array<LabelRef>(labels.size());
  for (size_t i = 0; i < labels.size(); ++i)
    new (copies + i) LabelRef{labels_arena_->copy(labels[i].name), labels_arena_->copy(labels[i].value)};
  return {copies, labels.size()};
}

Result<uint32_t> TargetSeries::find_or_add_series(const Labels& labels, Page& out) {
  std::vector<LabelRef> view = labels.view();
  Hash128 hash = hash_labels_wide(view);
  for (uint64_t key = hash.low;; ++key) {
    auto [it, inserted] = by_labels_.try_emplace(key, kNone);
    if (!inserted) {
      if (labels_equal(series_[it->second].labels, view)) return it->second;
      continue;
    }
    if (free_series_.empty()) {
      it->second = static_cast<uint32_t>(series_.size());
      series_.emplace_back();
    } else {
      it->second = free_series_.back();
      free_series_.pop_back();
      series_[it->second] = {};
    }
    Series& series = series_[it->second];
    series.labels = copy_labels(view);
    series.hash = hash;
    series.key = key;
    series.live = true;
    live_label_bytes_ += label_bytes(view);
    out.added.push_back(it->second);
    return it->second;
  }
}

// What a spelling not seen before stands for.
Result<uint32_t> TargetSeries::add_text(const ExpositionSample& sample, Page& out) {
  Labels labels = with_target_labels(sample.labels, sample.series_text);
  uint32_t series = kNone;
  if (collect::relabel(settings_.relabel, labels)) {
    if (!labels.has(kMetricNameLabel))
      return make_error(ErrorCode::parse_error, fmt::format("{}: relabelling left no metric name",
                                                            sample.series_text.substr(0, 200)));
    OBELISK_CHECK_OK(check_names(labels));
    OBELISK_CHECK_OK(check_limits(labels));
    OBELISK_TRY(series, find_or_add_series(labels, out));
  }
  uint32_t index = 0;
  if (free_texts_.empty()) {
    index = static_cast<uint32_t>(texts_.size());
    texts_.emplace_back();
  } else {
    index = free_texts_.back();
    free_texts_.pop_back();
  }
  texts_[index] = Text{texts_arena_->copy(sample.series_text), series, kNone, 0};
  live_text_bytes_ += sample.series_text.size();
  by_text_.emplace(texts_[index].spelling, index);
  return index;
}

void TargetSeries::forget_unseen() {
  for (uint32_t i = 0; i < texts_.size(); ++i) {
    Text& text = texts_[i];
    if (text.spelling.empty() || text.last_page == page_number_) continue;
    by_text_.erase(text.spelling);
    live_text_bytes_ -= text.spelling.size();
    text = {};
    free_texts_.push_back(i);
  }
  for (uint32_t i = 0; i < series_.size(); ++i) {
    Series& series = series_[i];
    if (!series.live || series.last_page == page_number_) continue;
    live_label_bytes_ -= label_bytes(series.labels);
    forget_key(series.key);
    series = {};
    free_series_.push_back(i);
  }
}

// Closes the gap that a removed key leaves: what had to take a later key because of it moves up.
void TargetSeries::forget_key(uint64_t gap) {
  by_labels_.erase(gap);
  for (uint64_t key = gap + 1;; ++key) {
    auto it = by_labels_.find(key);
    if (it == by_labels_.end()) return;
    uint32_t index = it->second;
    uint64_t home = series_[index].hash.low;
    if (key - home < key - gap) continue;  // its home is behind the gap
    by_labels_.erase(it);
    by_labels_.emplace(gap, index);
    series_[index].key = gap;
    gap = key;
  }
}

void TargetSeries::forget_texts() {
  texts_.clear();
  free_texts_.clear();
  by_text_.clear();
  texts_arena_ = std::make_unique<Arena>();
  live_text_bytes_ = 0;
  first_text_ = kNone;
}

void TargetSeries::rebuild_arenas_when_sparse() {
  constexpr size_t kSlackBytes = 64 << 10;
  if (labels_arena_->allocated_bytes() > 2 * live_label_bytes_ + kSlackBytes) {
    std::shared_ptr<Arena> old = std::exchange(labels_arena_, std::make_shared<Arena>());
    for (Series& series : series_) {
      if (series.live) series.labels = copy_labels(series.labels);
    }
  }
  if (texts_arena_->allocated_bytes() > 2 * live_text_bytes_ + kSlackBytes) {
    by_text_.clear();
    std::unique_ptr<Arena> old = std::exchange(texts_arena_, std::make_unique<Arena>());
    for (uint32_t i = 0; i < texts_.size(); ++i) {
      if (texts_[i].spelling.empty()) continue;
      texts_[i].spelling = texts_arena_->copy(texts_[i].spelling);
      by_text_.emplace(texts_[i].spelling, i);
    }
  }
}

}  // namespace obelisk::scrape
