#include "collect/scrape/target_series.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/self_metrics.h"
#include "base/text.h"
#include "model/ids.h"

namespace obelisk::scrape {
namespace {

constexpr uint64_t kStaleBits = 0x7ff0000000000002;
constexpr size_t kExemplarColumnsMax =
    64;  // a batch is cut at that, so that odd labels do not make it rows x columns

size_t label_bytes(LabelsView labels) {
  size_t bytes = labels.size() * sizeof(LabelRef);
  for (const LabelRef& label : labels) bytes += label.name.size() + label.value.size();
  return bytes;
}

uint64_t hash_exemplar(const ExpositionExemplar& exemplar) {
  uint64_t hash = hash_labels(exemplar.labels) ^ std::bit_cast<uint64_t>(exemplar.value);
  return exemplar.time ? hash ^ static_cast<uint64_t>(exemplar.time->value) * 0x9E3779B97F4A7C15u : hash;
}

// "trace_id", "traceID", "TraceId": clients differ.
bool is_named(std::string_view label, std::string_view lower_name_without_underscore) {
  std::string plain = to_lower(label);
  std::erase(plain, '_');
  return plain == lower_name_without_underscore;
}

Counter& duplicate_samples() {
  static Counter& counted =
      counter("obelisk_scrape_duplicate_samples_total",
              "Scraped samples left out because their series had one with the same time already.");
  return counted;
}

}  // namespace

double stale_marker() {
  return std::bit_cast<double>(kStaleBits);
}
bool is_stale_marker(double value) {
  return std::bit_cast<uint64_t>(value) == kStaleBits;
}

void TargetSeries::set_honor(bool labels, bool timestamps) {
  if (labels != honor_labels_) by_text_.clear();  // the same text now means other labels
  honor_labels_ = labels;
  honor_timestamps_ = timestamps;
}

// The labels of the page and of the target together, sorted. Valid until renamed_ is cleared.
std::vector<LabelRef> TargetSeries::with_target_labels(LabelsView labels) {
  std::vector<LabelRef> merged(labels.begin(), labels.end());
  auto find = [&merged](std::string_view name) {
    return std::find_if(merged.begin(), merged.end(),
                        [&](const LabelRef& label) { return label.name == name; });
  };
  for (const Label& label : target_labels_) {
    auto clash = find(label.name);
    if (clash == merged.end()) {
      merged.push_back({label.name, label.value});
    } else if (!honor_labels_) {
      std::string renamed = "exported_" + label.name;
      while (find(renamed) != merged.end() || target_labels_.has(renamed)) renamed.insert(0, "exported_");
      clash->name = renamed_.emplace_back(std::move(renamed));
      merged.push_back({label.name, label.value});
    }
  }
  std::sort(merged.begin(), merged.end());
  return merged;
}

LabelsView TargetSeries::copy_labels(LabelsView labels) {
  LabelRef* copies = labels_arena_->allocate_array<LabelRef>(labels.size());
  for (size_t i = 0; i < labels.size(); ++i)
    new (copies + i) LabelRef{labels_arena_->copy(labels[i].name), labels_arena_->copy(labels[i].value)};
  return {copies, labels.size()};
}

TargetSeries::Series& TargetSeries::find_or_add(LabelsView labels, uint64_t& key, size_t& added) {
  for (key = hash_labels(labels);; ++key) {
    auto [it, inserted] = by_labels_.try_emplace(key);
    if (inserted) {
      ++added;
      it->second.labels = copy_labels(labels);
      live_label_bytes_ += label_bytes(labels);
      return it->second;
    }
    if (labels_equal(it->second.labels, labels)) return it->second;
  }
}

TargetSeries::Series& TargetSeries::series_of(const ExpositionSample& sample, size_t& added) {
  auto known = by_text_.find(sample.series_text);
  if (known != by_text_.end()) {
    known->second.last_page = page_number_;
    return by_labels_.at(known->second.series_key);
  }
  Text text{0, page_number_};
  std::vector<LabelRef> labels = with_target_labels(sample.labels);
  Series& series = find_or_add(labels, text.series_key, added);
  renamed_.clear();
  by_text_.emplace(sample.series_text, text);
  return series;
}

std::vector<Batch> TargetSeries::accept(const Exposition& exposition, UnixNanos time, ScrapeReport& report) {
  ++page_number_;
  std::vector<Batch> out;
  BatchBuilder samples(Table::samples);
  BatchBuilder exemplars(Table::exemplars);
  BatchBuilder metadata(Table::metadata);
  for (BatchBuilder* rows : {&samples, &exemplars}) rows->keep_alive(labels_arena_);
  for (const ExpositionSample& sample : exposition.samples) {
    Series& series = series_of(sample, report.series_added);
    bool own_time = honor_timestamps_ && sample.time.has_value();
    UnixNanos at = own_time ? *sample.time : time;
    bool same_time = series.last_time == at.value;
    bool on_this_page = std::exchange(series.last_page, page_number_) == page_number_;
    if (on_this_page && same_time) {
      duplicate_samples().add();
      continue;
    }
    bool no_news = own_time && same_time &&
                   std::bit_cast<uint64_t>(series.last_value) == std::bit_cast<uint64_t>(sample.value);
    series.last_time = at.value;
    series.last_value = sample.value;
    series.tracked = !own_time;
    if (no_news) continue;
    samples.begin_group(series.labels);
    samples.add_row(at);
    samples.set_float(Scope::fixed, column::kValue, sample.value);
    if (sample.start_time) samples.set_int(Scope::fixed, column::kStartTime, sample.start_time->value);
    if (sample.exemplar != kNoExemplar)
      add_exemplar(series, exposition.exemplars[static_cast<size_t>(sample.exemplar)], at, out, exemplars);
  }
  report.samples_scraped = exposition.samples.size();
  report.samples_kept = exposition.samples.size();
  add_stale_markers(time, samples);
  add_metadata(exposition, time, metadata);
  for (BatchBuilder* rows : {&samples, &exemplars, &metadata}) {
    if (rows->row_count() > 0) out.push_back(rows->finish());
  }
  forget_unseen();
  rebuild_arena_when_sparse();
  return out;
}

// A batch is cut when its columns become many; exemplars that differ from the series' last are written.
void TargetSeries::add_exemplar(Series& series, const ExpositionExemplar& exemplar, UnixNanos time,
                                std::vector<Batch>& out, BatchBuilder& rows) {
  uint64_t hash = hash_exemplar(exemplar);
  if (series.exemplar_hash == hash) return;
  series.exemplar_hash = hash;
  rows.begin_group(series.labels);
  rows.add_row(exemplar.time.value_or(time));
  rows.set_float(Scope::fixed, column::kValue, exemplar.value);
  for (const LabelRef& label : exemplar.labels) {
    std::string_view value = rows.arena().copy(label.value);  // the page's own arena does not outlive it
    rows.set_string(Scope::attribute, label.name, value);
    if (is_named(label.name, "traceid")) {
      if (auto id = TraceId::from_hex(value)) rows.set_trace_id(Scope::fixed, column::kTraceId, *id);
    } else if (is_named(label.name, "spanid")) {
      if (auto id = SpanId::from_hex(value))
        rows.set_int(Scope::fixed, column::kSpanId, static_cast<int64_t>(id->value));
    }
  }
  if (rows.column_count() <= kExemplarColumnsMax) return;
  out.push_back(rows.finish());
  rows.keep_alive(labels_arena_);
}

void TargetSeries::add_metadata(const Exposition& exposition, UnixNanos time, BatchBuilder& rows) {
  bool repeat = !metadata_written_ || time - *metadata_written_ >= kMetadataRepeatNanos;
  if (repeat) {
    metadata_written_ = time;
    metadata_hashes_.clear();
  }
  for (const ExpositionFamily& family : exposition.families) {
    if (!family.has_metadata) continue;
    uint64_t hash = hash64(family.unit, hash64(family.help, static_cast<uint64_t>(family.type) + 1));
    auto known = metadata_hashes_.find(family.name);
    if (known != metadata_hashes_.end() && known->second == hash) continue;
    metadata_hashes_.insert_or_assign(std::string(family.name), hash);
    rows.add_row(time);
    rows.set_string(Scope::fixed, column::kMetricFamily, rows.arena().copy(family.name));
    rows.set_string(Scope::fixed, column::kMetricType, metric_type_name(family.type));
    rows.set_string(Scope::fixed, column::kHelp, rows.arena().copy(family.help));
    rows.set_string(Scope::fixed, column::kUnit, rows.arena().copy(family.unit));
  }
}

// For the series that the current page does not have.
void TargetSeries::add_stale_markers(UnixNanos time, BatchBuilder& rows) {
  for (const auto& [key, series] : by_labels_) {
    if (series.last_page == page_number_ || !series.tracked) continue;
    rows.begin_group(series.labels);
    rows.add_row(time);
    rows.set_float(Scope::fixed, column::kValue, stale_marker());
  }
}

void TargetSeries::forget_unseen() {
  std::erase_if(by_text_, [this](const auto& entry) { return entry.second.last_page != page_number_; });
  std::erase_if(by_labels_, [this](const auto& entry) {
    if (entry.second.last_page == page_number_) return false;
    live_label_bytes_ -= label_bytes(entry.second.labels);
    return true;
  });
}

void TargetSeries::rebuild_arena_when_sparse() {
  constexpr size_t kSlackBytes = 64 << 10;
  if (labels_arena_->allocated_bytes() <= 2 * live_label_bytes_ + kSlackBytes) return;
  std::shared_ptr<Arena> old = std::exchange(labels_arena_, std::make_shared<Arena>());
  for (auto& [key, series] : by_labels_) series.labels = copy_labels(series.labels);
}

std::vector<Batch> TargetSeries::end_all(UnixNanos time) {
  ++page_number_;
  std::vector<Batch> out;
  BatchBuilder rows(Table::samples);
  rows.keep_alive(labels_arena_);
  add_stale_markers(time, rows);
  if (rows.row_count() > 0) out.push_back(rows.finish());
  forget_unseen();
  rebuild_arena_when_sparse();
  return out;
}

Batch TargetSeries::about_scrape(const std::vector<std::pair<std::string_view, double>>& values,
                                 UnixNanos time) const {
  BatchBuilder rows(Table::samples);
  for (const auto& [name, value] : values) {
    Labels labels = target_labels_;
    labels.set(kMetricNameLabel, name);
    rows.begin_group_copy(labels.view());
    rows.add_row(time);
    rows.set_float(Scope::fixed, column::kValue, value);
  }
  return rows.finish();
}

Batch TargetSeries::report_batch(const ScrapeReport& report, UnixNanos time) const {
  return about_scrape({{"up", report.up ? 1 : 0},
                       {"scrape_duration_seconds", report.duration_seconds},
                       {"scrape_samples_scraped", static_cast<double>(report.samples_scraped)},
                       {"scrape_samples_post_metric_relabeling", static_cast<double>(report.samples_kept)},
                       {"scrape_series_added", static_cast<double>(report.series_added)}},
                      time);
}

Batch TargetSeries::end_report(UnixNanos time) const {
  double ended = stale_marker();
  return about_scrape({{"up", ended},
                       {"scrape_duration_seconds", ended},
                       {"scrape_samples_scraped", ended},
                       {"scrape_samples_post_metric_relabeling", ended},
                       {"scrape_series_added", ended}},
                      time);
}

}  // namespace obelisk::scrape
