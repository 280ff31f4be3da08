#include "wire/otlp_logs.h"

#include <fmt/format.h>

#include <deque>
#include <limits>

#include "wire/loki_labels.h"
#include "wire/otlp_envelope.h"
#include "wire/prometheus_names.h"
#include "wire/row_batches.h"

namespace obelisk {
namespace {

using protobuf::Reader;

constexpr uint64_t kTimeMax = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());

struct RecordFields {
  uint64_t time = 0;
  uint64_t observed_time = 0;
  int64_t severity_number = 0;
  std::string_view severity_text, trace_id, span_id, event_name, body;
  uint32_t dropped_attributes_count = 0;
  uint32_t flags = 0;
};

class LogDecoder : public OtlpRecordHandler {
 public:
  LogDecoder(std::shared_ptr<const std::string> body, UnixNanos now, const LogMapping& mapping)
      : batches_(Table::logs, std::move(body)),
        now_(now),
        mapping_(mapping),
        labels_of_records_(mapping.labels_of_records()) {}

  void begin_resource(const std::vector<AttributeView>& attributes) override {
    metadata_.clear();
    labels_.clear();
    label_texts_.clear();
    // Texts are gathered first: views into a growing vector would not stay valid.
    label_texts_.reserve(attributes.size());
    for (const AttributeView& attribute : attributes) {
      switch (mapping_.resource_action(attribute.key)) {
        case LogAttributeAction::drop:
          break;
        case LogAttributeAction::structured_metadata:
          metadata_.push_back(attribute);
          break;
        case LogAttributeAction::index_label:
          label_texts_.push_back(any_value_to_text(attribute.value));
          labels_.push_back({label_name_of(attribute.key), label_texts_.back()});
      }
    }
    normalize_labels(labels_);
    if (mapping_.discover_service_name) discover_service_name(labels_);
    if (labels_.empty()) labels_.push_back({kServiceNameLabel, kUnknownService});  // a stream has one
    begin_group();
  }
  void begin_scope(const OtlpScope& scope) override {
    scope_ = scope;
    std::erase_if(scope_.attributes, [&](const AttributeView& attribute) {
      return mapping_.scope_action(attribute.key) == LogAttributeAction::drop;
    });
  }
  void end_scope() override {
    BatchBuilder& rows = batches_.rows();
    rows.fill_int(first_row_, Scope::fixed, column::kOrigin, kLogOriginOtlp);
    fill_attributes(rows, first_row_, Scope::resource, metadata_);
    fill_scope(rows, first_row_, scope_);
    first_row_ = rows.row_count();
  }

  void record(std::string_view message) override {
    BatchBuilder& rows = batches_.rows();
    if (labels_of_records_) begin_stream_of(message);
    rows.add_row(UnixNanos{0});
    attribute_count_ = 0;
    RecordFields record;
    read(message, record, rows);
    finish_row(record, rows);
    if (batches_.must_cut()) {
      end_scope();
      batches_.cut();
      begin_group();
    }
  }

  DecodedLogs finish() {
    result_.batches = batches_.finish();
    return std::move(result_);
  }

 private:
  void begin_group() {
    batches_.rows().begin_group_copy(labels_);
    first_row_ = batches_.rows().row_count();
  }

  static std::string_view label_name_of(std::string_view attribute, Arena& arena) {
    std::string_view known = stream_label_of(attribute);
    return known.empty() ? prometheus_label_name(attribute, arena) : known;
  }
  std::string_view label_name_of(std::string_view attribute) { return label_name_of(attribute, names_); }

  // The record's own labels make its stream; only for mappings that take labels from records.
  void begin_stream_of(std::string_view message) {
    std::vector<LabelRef> labels = labels_;
    std::deque<std::string> texts;
    Reader reader = protobuf::reader_of(message);
    while (reader.next()) {
      if (reader.tag_and_type() == protobuf::length_field(3)) {
        std::string_view severity = protobuf::string_of(reader);
        if (mapping_.severity_text_as_label && !severity.empty())
          labels.push_back({column::kSeverityText, severity});
      } else if (reader.tag_and_type() == protobuf::length_field(6)) {
        AttributeView attribute = decode_attribute(protobuf::string_of(reader));
        if (mapping_.record_action(attribute.key) != LogAttributeAction::index_label) continue;
        texts.push_back(any_value_to_text(attribute.value));
        labels.push_back({label_name_of(attribute.key), texts.back()});
      } else {
        reader.skip();
      }
    }
    normalize_labels(labels);
    batches_.rows().begin_group_copy(labels);
  }

  void read(std::string_view message, RecordFields& record, BatchBuilder& rows) {
    Reader reader = protobuf::reader_of(message);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case protobuf::fixed64_field(1):
          record.time = reader.get_fixed64();
          break;
        case protobuf::varint_field(2):
          record.severity_number = reader.get_enum();
          break;
        case protobuf::length_field(3):
          record.severity_text = protobuf::string_of(reader);
          break;
        case protobuf::length_field(5):
          record.body = protobuf::string_of(reader);
          break;
        case protobuf::length_field(6):
          add_attribute(protobuf::string_of(reader), rows);
          break;
        case protobuf::varint_field(7):
          record.dropped_attributes_count = reader.get_uint32();
          break;
        case protobuf::fixed32_field(8):
          record.flags = reader.get_fixed32();
          break;
        case protobuf::length_field(9):
          record.trace_id = protobuf::string_of(reader);
          break;
        case protobuf::length_field(10):
          record.span_id = protobuf::string_of(reader);
          break;
        case protobuf::fixed64_field(11):
          record.observed_time = reader.get_fixed64();
          break;
        case protobuf::length_field(12):
          record.event_name = protobuf::string_of(reader);
          break;
        default:
          reader.skip();
      }
    }
  }

  void add_attribute(std::string_view message, BatchBuilder& rows) {
    if (++attribute_count_ > kOtlpAttributesMax) return;  // finish_row rejects the record
    AttributeView attribute = decode_attribute(message);
    if (!mapping_.record.empty() &&
        mapping_.record_action(attribute.key) != LogAttributeAction::structured_metadata)
      return;
    set_attribute(rows, Scope::attribute, attribute);
  }

  std::string_view line_of(std::string_view body, BatchBuilder& rows) {
    if (body.empty()) return {};
    AnyValueView value = decode_any_value(body);
    if (value.type == ColumnType::string) return value.text;
    if (value.type == ColumnType::any) check_any_value(body);
    return rows.arena().copy(any_value_to_text(value));
  }

  void finish_row(const RecordFields& record, BatchBuilder& rows) {
    if (record.time > kTimeMax || record.observed_time > kTimeMax) {
      return reject("a log record's time is beyond the year 2262");
    }
    if (attribute_count_ > kOtlpAttributesMax) {
      return reject(fmt::format("a log record has more than {} attributes", kOtlpAttributesMax));
    }
    uint64_t time = record.time != 0 ? record.time : record.observed_time;
    rows.set_time(time != 0 ? UnixNanos{static_cast<int64_t>(time)} : now_);
    rows.set_string(Scope::fixed, column::kLine, line_of(record.body, rows));
    set_ids(record, rows);
    if (record.severity_number != 0) set(rows, column::kSeverityNumber, record.severity_number);
    if (!record.severity_text.empty() && !mapping_.severity_text_as_label)
      rows.set_string(Scope::fixed, column::kSeverityText, record.severity_text);
    if (record.observed_time != 0)
      set(rows, column::kObservedTime, static_cast<int64_t>(record.observed_time));
    if (!record.event_name.empty()) rows.set_string(Scope::fixed, column::kEventName, record.event_name);
    if (record.flags != 0) set(rows, column::kFlags, record.flags);
    if (record.dropped_attributes_count != 0) {
      set(rows, column::kDroppedAttributesCount, record.dropped_attributes_count);
    }
  }

  static void set_ids(const RecordFields& record, BatchBuilder& rows) {
    std::optional<TraceId> trace_id = TraceId::from_bytes(record.trace_id);
    if (!trace_id || trace_id->is_none()) return;  // a span id without its trace means nothing
    rows.set_trace_id(Scope::fixed, column::kTraceId, *trace_id);
    std::optional<SpanId> span_id = SpanId::from_bytes(record.span_id);
    if (span_id && !span_id->is_none()) set(rows, column::kSpanId, static_cast<int64_t>(span_id->value));
  }

  static void set(BatchBuilder& rows, std::string_view name, int64_t value) {
    rows.set_int(Scope::fixed, name, value);
  }

  void reject(std::string reason) {
    batches_.rows().drop_row();
    if (result_.rejected_records++ == 0) result_.rejection = std::move(reason);
  }

  RowBatches batches_;
  const UnixNanos now_;
  const LogMapping& mapping_;
  const bool labels_of_records_;
  Arena names_;  // of labels that are not Loki's defaults
  DecodedLogs result_;
  std::vector<AttributeView> metadata_;  // of the resource, without those that are labels
  std::vector<LabelRef> labels_;
  std::vector<std::string> label_texts_;
  OtlpScope scope_;
  size_t first_row_ = 0;
  size_t attribute_count_ = 0;
};

}  // namespace

Result<DecodedLogs> decode_otlp_logs(std::shared_ptr<const std::string> body, UnixNanos now,
                                     const LogMapping& mapping) {
  protobuf::Place place;
  DecodedLogs result;
  std::string_view bytes = *body;
  LogDecoder decoder(std::move(body), now, mapping);
  OBELISK_CHECK_OK(protobuf::decode_guarded("OTLP logs", bytes, place, [&] {
    walk_otlp_request(bytes, place, decoder);
    result = decoder.finish();
  }));
  return result;
}

}  // namespace obelisk
