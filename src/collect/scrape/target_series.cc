#include "collect/scrape/target_series.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/self_metrics.h"
#include "base/text.h"
#include "collect/scrape/target_page.h"
#include "model/ids.h"

namespace obelisk::scrape {
namespace {

// A batch is cut at that, so that odd labels do not make it rows x columns.
constexpr size_t kExemplarColumnsMax = 64;

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

void TargetSeries::set_settings(PageSettings settings) {
  if (settings == settings_) return;
  settings_ = std::move(settings);
  forget_texts();  // the same text may now mean other labels
}

uint32_t TargetSeries::find_text(std::string_view spelling, uint32_t guess) const {
  if (guess != kNone && texts_[guess].spelling == spelling) return guess;
  auto known = by_text_.find(spelling);
  return known == by_text_.end() ? kNone : known->second;
}

// Remembers the order of the page.
void TargetSeries::follow(uint32_t text, Page& out) {
  if (out.previous == kNone) {
    first_text_ = text;
  } else {
    texts_[out.previous].next = text;
  }
  out.previous = text;
  texts_[text].last_page = page_number_;
}

// A row of a series with one value; nullptr where there is nothing to add.
TargetSeries::Series* TargetSeries::begin_sample(const Text& text, std::optional<UnixNanos> own_time,
                                                 double value, Page& out) {
  ++out.scraped;
  if (text.series == kNone) return nullptr;  // dropped by relabelling
  ++out.kept;
  Series& series = series_[text.series];
  bool has_own_time = settings_.honor_timestamps && own_time.has_value();
  UnixNanos at = has_own_time ? *own_time : out.time;
  bool same_time = series.last_time == at.value;
  bool on_this_page = std::exchange(series.last_page, page_number_) == page_number_;
  if (on_this_page && same_time) {
    duplicate_samples().add();
    return nullptr;
  }
  bool no_news = has_own_time && same_time && !out.again &&
                 std::bit_cast<uint64_t>(series.last_value) == std::bit_cast<uint64_t>(value);
  series.last_time = at.value;
  series.last_value = value;
  series.tracked = !has_own_time || settings_.track_timestamps_staleness;
  if (no_news) return nullptr;
  out.samples.begin_series(series.labels, series.hash);
  out.samples.add(at.value, value);
  return &series;
}

// A native histogram shows several exemplars in ascending time, most of which the last page had as well.
bool TargetSeries::is_new(Series& series, const ExpositionExemplar& exemplar) {
  if (!exemplar.time) return true;
  if (exemplar.time->value <= series.exemplar_time) return false;
  series.exemplar_time = exemplar.time->value;
  return true;
}

Result<void> TargetSeries::accept_parsed(const Exposition& exposition, Page& out) {
  for (const ExpositionSample& sample : exposition.samples) {
    uint32_t guess = out.previous == kNone ? first_text_ : texts_[out.previous].next;
    uint32_t text = find_text(sample.series_text, guess);
    if (text == kNone) {
      OBELISK_TRY(text, add_text(sample, out));
    }
    follow(text, out);
    Series* series = begin_sample(texts_[text], sample.time, sample.value, out);
    if (series == nullptr) continue;
    if (!sample.histogram.empty()) out.samples.set_histogram(out.histograms->copy(sample.histogram));
    UnixNanos at = UnixNanos{series->last_time};
    if (sample.start_time) out.samples.set_start(sample.start_time->value);
    for (uint32_t i = 0; i < sample.exemplar_count; ++i) {
      const ExpositionExemplar& exemplar = exposition.exemplars[static_cast<size_t>(sample.exemplar) + i];
      if (sample.exemplar_count == 1 || is_new(*series, exemplar)) add_exemplar(*series, exemplar, at, out);
    }
  }
  return {};
}

Result<void> TargetSeries::accept_whole(ExpositionFormat format, std::string_view page, Page& out) {
  OBELISK_TRY(Exposition exposition, parse_exposition(format, page, settings_.exposition));
  if (format == ExpositionFormat::openmetrics_text) {
    has_start_lines_ = std::any_of(exposition.samples.begin(), exposition.samples.end(),
                                   [](const ExpositionSample& sample) { return sample.start_time; });
  }
  OBELISK_CHECK_OK(accept_parsed(exposition, out));
  add_metadata(exposition, out.time, out.metadata);
  return {};
}

Result<std::vector<Batch>> TargetSeries::accept_page(ExpositionFormat format, std::string_view page,
                                                     UnixNanos time, ScrapeReport& report) {
  ++page_number_;
  Page out;
  out.time = time;
  out.samples.reserve(last_row_count_ + 16, last_row_count_ + 16);
  out.exemplars.keep_alive(labels_arena_);
  auto run = [&]() -> Result<void> {
    bool is_text = format == ExpositionFormat::prometheus_text ||
                   (format == ExpositionFormat::openmetrics_text && !has_start_lines_);
    bool is_protobuf = format == ExpositionFormat::prometheus_protobuf;
    // Samples of a histogram that becomes one are looked at together, which in protobuf they are.
    if (is_protobuf || (is_text && !settings_.exposition.classic_to_custom_bounds)) {
      OBELISK_TRY(bool done, is_protobuf ? accept_protobuf(page, out) : accept_text(format, page, out));
      if (done) return {};
      ++page_number_;
      out.restart();
      out.exemplars.keep_alive(labels_arena_);
    }
    return accept_whole(format, page, out);
  };
  Result<void> outcome = run();
  report.samples_scraped = out.scraped;
  report.samples_kept = out.kept;
  report.series_added = out.added.size();
  if (outcome.ok() && settings_.sample_limit > 0 && out.kept > settings_.sample_limit)
    outcome = make_error(
        ErrorCode::too_large,
        fmt::format("sample limit exceeded: {} samples, the limit is {}", out.kept, settings_.sample_limit));
  if (!outcome.ok()) {
    // What came with this page is never stored, so it cannot end.
    for (uint32_t added : out.added) series_[added].tracked = false;
    if (outcome.error().code != ErrorCode::too_large)
      report.samples_scraped = report.samples_kept = report.series_added = 0;
    return outcome.error();
  }
  add_stale_markers(time, out.samples);
  last_row_count_ = out.samples.row_count();
  std::vector<Batch> batches = std::move(out.finished);
  if (out.samples.row_count() > 0) {
    out.samples.keep_alive(labels_arena_);
    out.samples.keep_alive(out.histograms);
    batches.push_back(out.samples.finish());
  }
  if (out.exemplars.row_count() > 0) batches.push_back(out.exemplars.finish());
  if (out.metadata.row_count() > 0) batches.push_back(out.metadata.finish());
  forget_unseen();
  rebuild_arenas_when_sparse();
  return batches;
}

// A batch is cut when its columns become many; exemplars that differ from the series' last are written.
void TargetSeries::add_exemplar(Series& series, const ExpositionExemplar& exemplar, UnixNanos time,
                                Page& out) {
  uint64_t hash = hash_exemplar(exemplar);
  if (series.exemplar_hash == hash) return;
  series.exemplar_hash = hash;
  BatchBuilder& rows = out.exemplars;
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
  out.finished.push_back(rows.finish());
  rows.keep_alive(labels_arena_);
}

bool TargetSeries::metadata_is_due(UnixNanos time) const {
  return !metadata_written_ || time - *metadata_written_ >= kMetadataRepeatNanos;
}

void TargetSeries::add_metadata(const Exposition& exposition, UnixNanos time, BatchBuilder& rows) {
  if (metadata_is_due(time)) {
    metadata_written_ = time;
    metadata_hashes_.clear();
  }
  auto all = std::make_shared<std::vector<FamilyMetadata>>();
  for (const ExpositionFamily& family : exposition.families) {
    if (!family.has_metadata) continue;
    all->push_back({std::string(family.name), metric_type_name(family.type), std::string(family.help),
                    std::string(family.unit)});
    uint64_t hash = hash64(family.unit, hash64(family.help, static_cast<uint64_t>(family.type) + 1));
    auto [known, added] = metadata_hashes_.try_emplace(std::string(family.name), hash);
    if (!added && known->second == hash) continue;
    known->second = hash;
    rows.add_row(time);
    rows.set_string(Scope::fixed, column::kMetricFamily, rows.arena().copy(family.name));
    rows.set_string(Scope::fixed, column::kMetricType, metric_type_name(family.type));
    rows.set_string(Scope::fixed, column::kHelp, rows.arena().copy(family.help));
    rows.set_string(Scope::fixed, column::kUnit, rows.arena().copy(family.unit));
  }
  families_ = std::move(all);
}

// For the series that the current page does not have.
void TargetSeries::add_stale_markers(UnixNanos time, SampleBatchBuilder& rows) {
  for (const Series& series : series_) {
    if (!series.live || !series.tracked || series.last_page == page_number_) continue;
    rows.begin_series(series.labels, series.hash);
    rows.add(time.value, stale_marker());
  }
}

std::vector<Batch> TargetSeries::end_all(UnixNanos time) {
  ++page_number_;
  std::vector<Batch> out;
  SampleBatchBuilder rows;
  rows.keep_alive(labels_arena_);
  add_stale_markers(time, rows);
  if (rows.row_count() > 0) out.push_back(rows.finish());
  forget_unseen();
  forget_texts();
  rebuild_arenas_when_sparse();
  return out;
}

}  // namespace obelisk::scrape
