#include "wire/remote_write.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/text.h"
#include "wire/exposition.h"
#include "wire/loki_labels.h"
#include "wire/protobuf.h"
#include "wire/remote_write_histogram.h"
#include "wire/row_batches.h"

namespace obelisk {
namespace {

using protobuf::Reader;

constexpr int64_t kMillisMax = std::numeric_limits<int64_t>::max() / kNanosPerMilli;

MetricType type_of(int32_t number) {
  static constexpr MetricType kTypes[] = {
      MetricType::unknown,        MetricType::counter, MetricType::gauge, MetricType::histogram,
      MetricType::gaugehistogram, MetricType::summary, MetricType::info,  MetricType::stateset};
  return number >= 0 && number < 8 ? kTypes[number] : MetricType::unknown;
}

LabelRef read_label(std::string_view message) {
  LabelRef label;
  Reader reader = protobuf::reader_of(message);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protobuf::length_field(1):
        label.name = protobuf::string_of(reader);
        break;
      case protobuf::length_field(2):
        label.value = protobuf::string_of(reader);
        break;
      default:
        reader.skip();
    }
  }
  return label;
}

class RemoteWriteDecoder {
 public:
  RemoteWriteDecoder(const std::shared_ptr<const std::string>& body, UnixNanos now)
      : samples_(Table::samples, body),
        exemplars_(Table::exemplars, body),
        metadata_(Table::metadata, body),
        now_(now) {}

  void read_request(std::string_view body, protobuf::Place& place) {
    Reader reader = protobuf::reader_of(body);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case protobuf::length_field(1): {
          std::string_view series = protobuf::string_of(reader);
          place.enter(series);
          read_series(series);
          break;
        }
        case protobuf::length_field(3):
          read_metadata(protobuf::string_of(reader));
          break;
        default:
          reader.skip();
      }
      place.enter(body);
    }
  }

  DecodedRemoteWrite finish() {
    for (RowBatches* batches : {&samples_, &exemplars_, &metadata_}) {
      for (Batch& batch : batches->finish()) result_.batches.push_back(std::move(batch));
    }
    return std::move(result_);
  }

 private:
  void read_series(std::string_view message) {
    labels_.clear();
    size_t values = 0;
    Reader reader = protobuf::reader_of(message);
    while (reader.next()) {
      if (reader.tag_and_type() == protobuf::length_field(1)) {
        labels_.push_back(read_label(protobuf::string_of(reader)));
      } else {
        ++values;
        reader.skip();
      }
    }
    if (std::string problem = check_labels(); !problem.empty()) return reject(std::move(problem), values);
    has_sample_group_ = has_exemplar_group_ = false;
    reader = protobuf::reader_of(message);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case protobuf::length_field(2):
          read_sample(protobuf::string_of(reader));
          break;
        case protobuf::length_field(3):
          read_exemplar(protobuf::string_of(reader));
          break;
        case protobuf::length_field(4):
          read_histogram(protobuf::string_of(reader));
          break;
        default:
          reader.skip();
      }
    }
  }

  // Sorts the labels; the reason why they are refused, or nothing.
  std::string check_labels() {
    for (const LabelRef& label : labels_) {
      if (label.name.empty()) return "a label has no name";
      if (!is_valid_utf8(label.name) || !is_valid_utf8(label.value)) return "a label is not valid UTF-8";
    }
    size_t before = labels_.size();
    size_t empty = static_cast<size_t>(std::count_if(
        labels_.begin(), labels_.end(), [](const LabelRef& label) { return label.value.empty(); }));
    normalize_labels(labels_);
    if (labels_.size() + empty != before)
      return "duplicate label name in " + Labels(LabelsView(labels_)).to_string();
    if (label_value(labels_, kMetricNameLabel).empty()) {
      return "no metric name in " + Labels(LabelsView(labels_)).to_string();
    }
    return {};
  }

  LabelsView copy_labels(Arena& arena) const {
    LabelRef* copies = arena.allocate_array<LabelRef>(labels_.size());
    std::uninitialized_copy(labels_.begin(), labels_.end(), copies);
    return {copies, labels_.size()};
  }

  BatchBuilder& rows_of(RowBatches& batches, bool& has_group) {
    if (batches.must_cut()) {
      batches.cut();
      has_group = false;
    }
    if (!has_group) batches.rows().begin_group(copy_labels(batches.rows().arena()));
    has_group = true;
    return batches.rows();
  }

  bool time_fits(int64_t millis) {
    if (millis <= kMillisMax && millis >= -kMillisMax) return true;
    reject(fmt::format("timestamp {} ms is out of range", millis));
    return false;
  }

  void read_sample(std::string_view message) {
    double value = 0;
    int64_t millis = 0;
    Reader reader = protobuf::reader_of(message);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case protobuf::fixed64_field(1):
          value = reader.get_double();
          break;
        case protobuf::varint_field(2):
          millis = reader.get_int64();
          break;
        default:
          reader.skip();
      }
    }
    if (!time_fits(millis)) return;
    BatchBuilder& rows = rows_of(samples_, has_sample_group_);
    rows.add_row(UnixNanos::from_millis(millis));
    rows.set_float(Scope::fixed, column::kValue, value);
  }

  void read_histogram(std::string_view message) {
    Result<RemoteWriteHistogram> decoded = read_remote_write_histogram(message);
    if (!decoded.ok()) return reject(decoded.error().message);
    if (!time_fits(decoded->timestamp_ms)) return;
    BatchBuilder& rows = rows_of(samples_, has_sample_group_);
    rows.add_row(UnixNanos::from_millis(decoded->timestamp_ms));
    // A stale marker has its NaN in the sum; the store keeps it as a float, which ends a histogram series as
    // well.
    if (is_stale_marker(decoded->histogram.sum)) {
      rows.set_float(Scope::fixed, column::kValue, stale_marker());
    } else {
      rows.set_string(Scope::fixed, column::kHistogram,
                      rows.arena().copy(encode_histogram(decoded->histogram)), ColumnType::bytes);
    }
  }

  void read_exemplar(std::string_view message) {
    std::vector<LabelRef>& labels = exemplar_labels_;
    labels.clear();
    double value = 0;
    int64_t millis = 0;
    Reader reader = protobuf::reader_of(message);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case protobuf::length_field(1):
          labels.push_back(read_label(protobuf::string_of(reader)));
          break;
        case protobuf::fixed64_field(2):
          value = reader.get_double();
          break;
        case protobuf::varint_field(3):
          millis = reader.get_int64();
          break;
        default:
          reader.skip();
      }
    }
    if (!time_fits(millis)) return;
    BatchBuilder& rows = rows_of(exemplars_, has_exemplar_group_);
    rows.add_row(UnixNanos::from_millis(millis));
    rows.set_float(Scope::fixed, column::kValue, value);
    for (const LabelRef& label : labels) rows.set_string(Scope::attribute, label.name, label.value);
  }

  void read_metadata(std::string_view message) {
    int32_t type = 0;
    std::string_view family, help, unit;
    Reader reader = protobuf::reader_of(message);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case protobuf::varint_field(1):
          type = reader.get_enum();
          break;
        case protobuf::length_field(2):
          family = protobuf::string_of(reader);
          break;
        case protobuf::length_field(4):
          help = protobuf::string_of(reader);
          break;
        case protobuf::length_field(5):
          unit = protobuf::string_of(reader);
          break;
        default:
          reader.skip();
      }
    }
    if (family.empty()) return;  // metadata about nothing
    BatchBuilder& rows = metadata_.rows();
    rows.add_row(now_);
    rows.set_string(Scope::fixed, column::kMetricFamily, family);
    rows.set_string(Scope::fixed, column::kMetricType, metric_type_name(type_of(type)));
    rows.set_string(Scope::fixed, column::kHelp, help);
    rows.set_string(Scope::fixed, column::kUnit, unit);
  }

  void reject(std::string reason, uint64_t samples = 1) {
    if (result_.rejected_samples == 0) result_.rejection = std::move(reason);
    result_.rejected_samples += samples;
  }

  RowBatches samples_, exemplars_, metadata_;
  const UnixNanos now_;
  DecodedRemoteWrite result_;
  std::vector<LabelRef> labels_, exemplar_labels_;
  bool has_sample_group_ = false;
  bool has_exemplar_group_ = false;
};

}  // namespace

Result<DecodedRemoteWrite> decode_remote_write(std::shared_ptr<const std::string> body, UnixNanos now) {
  protobuf::Place place;
  DecodedRemoteWrite result;
  RemoteWriteDecoder decoder(body, now);
  OBELISK_CHECK_OK(protobuf::decode_guarded("remote write", *body, place, [&] {
    decoder.read_request(*body, place);
    result = decoder.finish();
  }));
  return result;
}

}  // namespace obelisk
