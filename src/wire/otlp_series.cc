#include "wire/otlp_series.h"

#include <algorithm>
#include <limits>

#include "base/text.h"
#include "wire/loki_labels.h"
#include "wire/prometheus_names.h"

namespace obelisk {
namespace {

constexpr std::string_view kTargetInfo = "target_info";
constexpr uint64_t kTargetInfoInterval = 150ull * kNanosPerSecond;

int64_t cut_to_millis(uint64_t nanos) {
  return static_cast<int64_t>(nanos - nanos % static_cast<uint64_t>(kNanosPerMilli));
}

bool is_identifying(std::string_view key) {
  return key == "service.name" || key == "service.namespace" || key == "service.instance.id";
}

bool is_promoted(std::string_view key, const OtlpTranslation& translation) {
  auto contains = [&](const std::vector<std::string>& names) {
    return std::find(names.begin(), names.end(), key) != names.end();
  };
  if (translation.promote_all_resource_attributes) return !contains(translation.ignore_resource_attributes);
  return contains(translation.promote_resource_attributes);
}

std::string_view text_of(const AttributeView& attribute, Arena& arena) {
  if (attribute.value.type == ColumnType::string) return attribute.value.text;
  return arena.copy(any_value_to_text(attribute.value));
}

std::string_view find_text(const std::vector<AttributeView>& attributes, std::string_view key, Arena& arena) {
  std::string_view found;
  for (const AttributeView& attribute : attributes) {
    if (attribute.key == key) found = text_of(attribute, arena);
  }
  return found;
}

std::string_view concatenate(std::string_view a, std::string_view b, std::string_view c, Arena& arena) {
  char* target = arena.allocate(a.size() + b.size() + c.size());
  std::copy(c.begin(), c.end(), std::copy(b.begin(), b.end(), std::copy(a.begin(), a.end(), target)));
  return {target, a.size() + b.size() + c.size()};
}

}  // namespace

OtlpSeriesWriter::OtlpSeriesWriter(std::shared_ptr<const std::string> body, UnixNanos now,
                                   const OtlpTranslation& translation)
    : shared_(std::make_shared<Shared>()),
      now_(now),
      translation_(translation),
      samples_(Table::samples, shared_),
      delta_samples_(Table::samples, shared_),
      exemplars_(Table::exemplars, shared_),
      metadata_(Table::metadata, shared_) {
  shared_->body = std::move(body);
}

void OtlpSeriesWriter::begin_resource(const std::vector<AttributeView>& attributes) {
  job_ = find_text(attributes, "service.name", arena());
  std::string_view name_space = find_text(attributes, "service.namespace", arena());
  if (!job_.empty() && !name_space.empty()) job_ = concatenate(name_space, "/", job_, arena());
  instance_ = find_text(attributes, "service.instance.id", arena());
  target_attributes_.clear();
  has_target_info_ = false;
  promoted_.clear();
  scope_labels_.clear();
  for (const AttributeView& attribute : attributes) {
    bool identifying = is_identifying(attribute.key);
    has_target_info_ |= !identifying;
    if (!identifying || translation_.keep_identifying_resource_attributes)
      target_attributes_.push_back(attribute);
    if (is_promoted(attribute.key, translation_)) {
      promoted_.push_back(
          {prometheus_label_name(attribute.key, arena(), translation_), text_of(attribute, arena())});
    }
  }
  first_time_ = last_time_ = 0;
}

void OtlpSeriesWriter::begin_scope(const OtlpScope& scope) {
  scope_labels_.clear();
  if (!translation_.promote_scope_metadata || scope.name.empty()) return;
  scope_labels_ = {{"otel_scope_name", scope.name},
                   {"otel_scope_version", scope.version},
                   {"otel_scope_schema_url", scope.schema_url}};
  for (const AttributeView& attribute : scope.attributes) {
    std::string_view key = concatenate("otel_scope_", attribute.key, {}, arena());
    scope_labels_.push_back({prometheus_label_name(key, arena(), translation_), text_of(attribute, arena())});
  }
}

void OtlpSeriesWriter::end_resource() {
  bool identified = !job_.empty() || !instance_.empty();
  if (!has_target_info_ || !identified || last_time_ == 0) return;
  promoted_.clear();
  scope_labels_.clear();
  begin_metric(std::string(kTargetInfo), MetricType::gauge, "Target metadata", "", false);
  uint64_t last = last_time_;
  std::vector<AttributeView> attributes = target_attributes_;
  set_labels(attributes);
  start_time_ = 0;
  size_t written = 0;
  for (time_ = first_time_;
       time_ < last && written < kTargetInfosMax && target_infos_ < kRequestTargetInfosMax;
       time_ += kTargetInfoInterval, ++written, ++target_infos_) {
    sample({}, 1);
  }
  time_ = last;
  sample({}, 1);
}

void OtlpSeriesWriter::begin_metric(std::string family, MetricType type, std::string_view help,
                                    std::string unit, bool delta) {
  family_ = std::move(family);
  type_ = type;
  help_ = help;
  unit_ = std::move(unit);
  delta_ = delta;
  has_metadata_row_ = false;
}

void OtlpSeriesWriter::set_labels(const std::vector<AttributeView>& attributes) {
  labels_.clear();
  add_attribute_labels(attributes);
  for (const LabelRef& label : promoted_) add_label(label.name, label.value, false);
  for (const LabelRef& label : scope_labels_) add_label(label.name, label.value, true);
  // Appended last: of equal names the last wins.
  if (!job_.empty()) labels_.push_back({"job", job_});
  if (!instance_.empty()) labels_.push_back({"instance", instance_});
  normalize_labels(labels_);
}

void OtlpSeriesWriter::add_label(std::string_view name, std::string_view value, bool replace) {
  if (name.empty() || name == kMetricNameLabel) return;
  auto same =
      std::find_if(labels_.begin(), labels_.end(), [&](const LabelRef& label) { return label.name == name; });
  if (same == labels_.end()) {
    labels_.push_back({name, value});
  } else if (replace) {
    same->value = value;
  }
}

void OtlpSeriesWriter::add_attribute_labels(const std::vector<AttributeView>& attributes) {
  sorted_ = attributes;
  auto by_key = [](const AttributeView& a, const AttributeView& b) { return a.key < b.key; };
  if (!std::is_sorted(sorted_.begin(), sorted_.end(), by_key))
    std::stable_sort(sorted_.begin(), sorted_.end(), by_key);
  for (const AttributeView& attribute : sorted_) {
    std::string_view name = prometheus_label_name(attribute.key, arena(), translation_);
    std::string_view value = text_of(attribute, arena());
    if (name.empty() || name == kMetricNameLabel) continue;
    auto same = std::find_if(labels_.begin(), labels_.end(),
                             [&](const LabelRef& label) { return label.name == name; });
    if (same == labels_.end()) {
      labels_.push_back({name, value});
    } else {
      same->value = concatenate(same->value, ";", value, arena());
    }
  }
}

void OtlpSeriesWriter::begin_point(const std::vector<AttributeView>& attributes, uint64_t time,
                                   uint64_t start_time) {
  set_labels(attributes);
  time_ = time;
  start_time_ = start_time;
  if (first_time_ == 0 || time < first_time_) first_time_ = time;
  last_time_ = std::max(last_time_, time);
}

LabelsView OtlpSeriesWriter::series_labels(const SeriesPart& part) {
  LabelRef extra[2] = {{kMetricNameLabel, concatenate(family_, part.suffix, {}, arena())},
                       {part.label_name, part.label_value}};
  size_t extra_count = part.label_name.empty() ? 1 : 2;
  LabelRef* merged = arena().allocate_array<LabelRef>(labels_.size() + extra_count);
  size_t count = 0;
  size_t next_extra = 0;
  for (const LabelRef& label : labels_) {
    while (next_extra < extra_count && extra[next_extra].name < label.name)
      merged[count++] = extra[next_extra++];
    bool replaced = next_extra < extra_count && extra[next_extra].name == label.name;
    if (!replaced) merged[count++] = label;
  }
  while (next_extra < extra_count) merged[count++] = extra[next_extra++];
  return {merged, count};
}

BatchBuilder& OtlpSeriesWriter::add_sample_row(const SeriesPart& part) {
  if (!has_metadata_row_) add_metadata_row();
  RowBatches& target = delta_ ? delta_samples_ : samples_;
  if (target.must_cut()) target.cut();
  BatchBuilder& rows = target.rows();
  rows.begin_group(series_labels(part));
  rows.add_row(UnixNanos{cut_to_millis(time_)});
  if (start_time_ != 0) rows.set_int(Scope::fixed, column::kStartTime, cut_to_millis(start_time_));
  if (delta_) rows.set_int(Scope::fixed, column::kTemporality, column::kTemporalityDelta);
  return rows;
}

void OtlpSeriesWriter::sample(const SeriesPart& part, double value) {
  add_sample_row(part).set_float(Scope::fixed, column::kValue, value);
}

void OtlpSeriesWriter::native_histogram(std::string_view encoded) {
  BatchBuilder& rows = add_sample_row({});
  rows.set_string(Scope::fixed, column::kHistogram, arena().copy(encoded), ColumnType::bytes);
}

void OtlpSeriesWriter::exemplar(const SeriesPart& part, const OtlpExemplar& exemplar) {
  if (exemplars_.must_cut()) exemplars_.cut();
  BatchBuilder& rows = exemplars_.rows();
  rows.begin_group(series_labels(part));
  // An exemplar without a usable time of its own has its point's.
  bool usable =
      exemplar.time != 0 && exemplar.time <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  rows.add_row(UnixNanos{cut_to_millis(usable ? exemplar.time : time_)});
  rows.set_float(Scope::fixed, column::kValue, exemplar.value);
  std::optional<TraceId> trace_id = TraceId::from_bytes(exemplar.trace_id);
  if (trace_id && !trace_id->is_none()) {
    rows.set_trace_id(Scope::fixed, column::kTraceId, *trace_id);
    rows.set_string(Scope::attribute, "trace_id", arena().copy(trace_id->to_hex()));
  }
  std::optional<SpanId> span_id = SpanId::from_bytes(exemplar.span_id);
  if (span_id && !span_id->is_none()) {
    rows.set_int(Scope::fixed, column::kSpanId, static_cast<int64_t>(span_id->value));
    rows.set_string(Scope::attribute, "span_id", arena().copy(span_id->to_hex()));
  }
  for (const AttributeView& attribute : exemplar.attributes) {
    if (attribute.key == "trace_id" || attribute.key == "span_id")
      continue;  // the exemplar's own fields are meant
    rows.set_string(Scope::attribute, attribute.key, text_of(attribute, arena()));
  }
}

void OtlpSeriesWriter::add_metadata_row() {
  has_metadata_row_ = true;
  BatchBuilder& rows = metadata_.rows();
  rows.add_row(now_);
  rows.set_string(Scope::fixed, column::kMetricFamily, arena().copy(family_));
  rows.set_string(Scope::fixed, column::kMetricType, metric_type_name(type_));
  rows.set_string(Scope::fixed, column::kHelp, help_);
  rows.set_string(Scope::fixed, column::kUnit, arena().copy(unit_));
}

std::vector<Batch> OtlpSeriesWriter::finish() {
  std::vector<Batch> all;
  for (RowBatches* batches : {&samples_, &delta_samples_, &exemplars_, &metadata_}) {
    for (Batch& batch : batches->finish()) all.push_back(std::move(batch));
  }
  return all;
}

}  // namespace obelisk
