#include "wire/remote_write_rows.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/histogram.h"
#include "wire/loki_labels.h"
#include "wire/remote_write_histogram.h"

namespace obelisk {

MetricType remote_write_metric_type(int32_t number) {
  static constexpr MetricType kTypes[] = {
      MetricType::unknown,        MetricType::counter, MetricType::gauge, MetricType::histogram,
      MetricType::gaugehistogram, MetricType::summary, MetricType::info,  MetricType::stateset};
  return number >= 0 && number < 8 ? kTypes[number] : MetricType::unknown;
}

RemoteWriteRows::RemoteWriteRows(const std::shared_ptr<const std::string>& body, UnixNanos now)
    : shared_(std::make_shared<Shared>()),
      now_(now),
      exemplars_(Table::exemplars, shared_),
      metadata_(Table::metadata, shared_) {
  shared_->body = body;
  samples_.keep_alive(shared_);
  // A series with one sample takes about 130 bytes; fewer rows than reserved cost nothing that lasts.
  samples_.reserve(body->size() / 100 + 1, body->size() / 100 + 1);
}

std::string RemoteWriteRows::check_labels(std::vector<LabelRef>& labels) {
  for (const LabelRef& label : labels) {
    if (label.name.empty()) return "a label has no name";
  }
  size_t before = labels.size();
  size_t empty = static_cast<size_t>(
      std::count_if(labels.begin(), labels.end(), [](const LabelRef& label) { return label.value.empty(); }));
  normalize_labels(labels);
  if (labels.size() + empty != before)
    return "duplicate label name in " + Labels(LabelsView(labels)).to_string();
  if (label_value(labels, kMetricNameLabel).empty())
    return "no metric name in " + Labels(LabelsView(labels)).to_string();
  return {};
}

void RemoteWriteRows::begin_series(LabelsView labels, const Hash128& hash) {
  LabelRef* copies = shared_->arena.allocate_array<LabelRef>(labels.size());
  std::uninitialized_copy(labels.begin(), labels.end(), copies);
  labels_ = {copies, labels.size()};
  hash_ = hash;
  samples_.begin_series(labels_, hash_);
  has_exemplar_group_ = false;
}

LabelRef* RemoteWriteRows::label_room(size_t count) {
  OBELISK_ASSERT(count <= kLabelRoomMax);
  if (count > room_left_) {
    room_ = shared_->arena.allocate_array<LabelRef>(kLabelRoomMax);
    room_left_ = kLabelRoomMax;
  }
  return room_;
}

void RemoteWriteRows::begin_series_in_room(size_t count, const Hash128& hash) {
  // The lists of a request are larger than the nearest caches: their memory is fetched before it is written.
  constexpr size_t kLine = 64, kAhead = 12 * kLine;
  const char* ahead = reinterpret_cast<const char*>(room_) + kAhead;
  for (size_t line = 0; line < 3; ++line) __builtin_prefetch(ahead + line * kLine, 1);
  labels_ = {room_, count};
  room_ += count;
  room_left_ -= count;
  hash_ = hash;
  samples_.begin_series(labels_, hash_);
  has_exemplar_group_ = false;
}

void RemoteWriteRows::cut() {
  result_.batches.push_back(samples_.finish());
  samples_.keep_alive(shared_);
  samples_.begin_series(labels_, hash_);
}

void RemoteWriteRows::reject_time(int64_t millis) {
  reject(fmt::format("timestamp {} ms is out of range", millis));
}

void RemoteWriteRows::histogram(std::string_view message) {
  Result<RemoteWriteHistogram> decoded = read_remote_write_histogram(message);
  if (!decoded.ok()) return reject(decoded.error().message);
  // A stale marker has its NaN in the sum; the store keeps it as a float, which ends a histogram series as
  // well.
  if (is_stale_marker(decoded->histogram.sum))
    return sample(stale_marker(), decoded->timestamp_ms, decoded->start_timestamp_ms);
  if (!fits(decoded->timestamp_ms) || !fits(decoded->start_timestamp_ms))
    return reject_time(fits(decoded->timestamp_ms) ? decoded->start_timestamp_ms : decoded->timestamp_ms);
  if (samples_.row_count() >= RowBatches::kRowsMax) cut();
  samples_.add_histogram(decoded->timestamp_ms * kNanosPerMilli,
                         shared_->arena.copy(encode_histogram(decoded->histogram)),
                         decoded->start_timestamp_ms * kNanosPerMilli);
}

void RemoteWriteRows::exemplar(const std::vector<LabelRef>& labels, double value, int64_t millis) {
  if (!fits(millis)) return reject_time(millis);
  if (exemplars_.must_cut()) {
    exemplars_.cut();
    has_exemplar_group_ = false;
  }
  BatchBuilder& rows = exemplars_.rows();
  if (!has_exemplar_group_) rows.begin_group(labels_, hash_);
  has_exemplar_group_ = true;
  rows.add_row(UnixNanos::from_millis(millis));
  rows.set_float(Scope::fixed, column::kValue, value);
  for (const LabelRef& label : labels) rows.set_string(Scope::attribute, label.name, label.value);
}

void RemoteWriteRows::metadata(std::string_view family, MetricType type, std::string_view help,
                               std::string_view unit) {
  if (family.empty()) return;  // metadata about nothing
  BatchBuilder& rows = metadata_.rows();
  rows.add_row(now_);
  rows.set_string(Scope::fixed, column::kMetricFamily, family);
  rows.set_string(Scope::fixed, column::kMetricType, metric_type_name(type));
  rows.set_string(Scope::fixed, column::kHelp, help);
  rows.set_string(Scope::fixed, column::kUnit, unit);
}

void RemoteWriteRows::reject(std::string reason, uint64_t samples) {
  if (result_.rejected_samples == 0) result_.rejection = std::move(reason);
  result_.rejected_samples += samples;
}

DecodedRemoteWrite RemoteWriteRows::finish() {
  if (samples_.row_count() > 0) result_.batches.push_back(samples_.finish());
  for (RowBatches* batches : {&exemplars_, &metadata_}) {
    for (Batch& batch : batches->finish()) result_.batches.push_back(std::move(batch));
  }
  return std::move(result_);
}

}  // namespace obelisk
