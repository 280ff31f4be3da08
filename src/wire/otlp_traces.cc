#include "wire/otlp_traces.h"

#include <fmt/format.h>

#include <limits>

#include "wire/events_and_links.h"
#include "wire/otlp_envelope.h"
#include "wire/row_batches.h"

namespace obelisk {
namespace {

using protobuf::Reader;

constexpr uint64_t kTimeMax = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());

struct SpanFields {
  std::string_view trace_id, span_id, parent_span_id, name, trace_state, status_message;
  uint64_t start = 0;
  uint64_t end = 0;
  int64_t kind = 0;
  int64_t status_code = 0;
  uint32_t flags = 0;
  uint32_t dropped_attributes_count = 0;
  uint32_t dropped_events_count = 0;
  uint32_t dropped_links_count = 0;
};

void read_status(std::string_view message, SpanFields& span) {
  Reader reader = protobuf::reader_of(message);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protobuf::length_field(2):
        span.status_message = protobuf::string_of(reader);
        break;
      case protobuf::varint_field(3):
        span.status_code = reader.get_enum();
        break;
      default:
        reader.skip();
    }
  }
}

class TraceDecoder : public OtlpRecordHandler {
 public:
  // The batches keep `owner`, of whatever the messages are views of.
  explicit TraceDecoder(std::shared_ptr<const void> owner) : batches_(Table::spans, std::move(owner)) {}

  void begin_resource(const std::vector<AttributeView>& attributes) override { resource_ = &attributes; }
  void begin_scope(const OtlpScope& scope) override {
    scope_ = &scope;
    first_row_ = batches_.rows().row_count();
  }
  void end_scope() override {
    BatchBuilder& rows = batches_.rows();
    fill_attributes(rows, first_row_, Scope::resource, *resource_);
    fill_scope(rows, first_row_, *scope_);
    first_row_ = rows.row_count();
  }

  void record(std::string_view message) override {
    BatchBuilder& rows = batches_.rows();
    rows.add_row(UnixNanos{0});
    SpanFields span;
    read(message, span, rows);
    finish_row(span, rows);
    if (batches_.must_cut()) {
      end_scope();
      batches_.cut();
      first_row_ = 0;
    }
  }

  DecodedTraces finish() {
    result_.batches = batches_.finish();
    return std::move(result_);
  }

 private:
  void read(std::string_view message, SpanFields& span, BatchBuilder& rows) {
    events_.clear();
    links_.clear();
    attribute_count_ = 0;
    const char* at = message.data();
    const char* end = at + message.size();
    while (at < end) {
      if (read_short_field(at, end, span, rows)) continue;
      Reader reader(at, static_cast<size_t>(end - at));
      if (!reader.next()) return;
      read_field(reader, span, rows);
      at = reader.data().data();
    }
  }

  // What nearly every field is: a key of one byte, then eight bytes, a number below 128 or a text of fewer
  // bytes. False for all else, which is not thereby wrong; `at` then stays.
  bool read_short_field(const char*& at, const char* end, SpanFields& span, BatchBuilder& rows) {
    if (end - at < 2) return false;
    auto key = static_cast<uint8_t>(at[0]), next = static_cast<uint8_t>(at[1]);
    switch (key) {
      case protobuf::fixed64_field(7):
      case protobuf::fixed64_field(8): {
        if (end - at < 9) return false;
        Reader value(at, 9);
        value.next();
        (key == protobuf::fixed64_field(7) ? span.start : span.end) = value.get_fixed64();
        at += 9;
        return true;
      }
      case protobuf::varint_field(6):
        if (next >= 0x80) return false;
        span.kind = next;
        at += 2;
        return true;
      case protobuf::length_field(1):
      case protobuf::length_field(2):
      case protobuf::length_field(4):
      case protobuf::length_field(5):
      case protobuf::length_field(9): {
        if (next >= 0x80 || next > end - at - 2) return false;
        std::string_view value(at + 2, next);
        at += 2 + next;
        read_text(key, value, span, rows);
        return true;
      }
      default:
        return false;
    }
  }

  void read_text(uint32_t key, std::string_view value, SpanFields& span, BatchBuilder& rows) {
    switch (key) {
      case protobuf::length_field(1):
        span.trace_id = value;
        break;
      case protobuf::length_field(2):
        span.span_id = value;
        break;
      case protobuf::length_field(3):
        span.trace_state = value;
        break;
      case protobuf::length_field(4):
        span.parent_span_id = value;
        break;
      case protobuf::length_field(5):
        span.name = value;
        break;
      case protobuf::length_field(9):
        add_attribute(value, rows);
        break;
      case protobuf::length_field(11):
        events_.decode_event(value);
        break;
      case protobuf::length_field(13):
        links_.decode_link(value);
        break;
      case protobuf::length_field(15):
        read_status(value, span);
        break;
      default:
        break;
    }
  }

  void read_field(Reader& reader, SpanFields& span, BatchBuilder& rows) {
    switch (reader.tag_and_type()) {
      case protobuf::varint_field(6):
        span.kind = reader.get_enum();
        break;
      case protobuf::fixed64_field(7):
        span.start = reader.get_fixed64();
        break;
      case protobuf::fixed64_field(8):
        span.end = reader.get_fixed64();
        break;
      case protobuf::varint_field(10):
        span.dropped_attributes_count = reader.get_uint32();
        break;
      case protobuf::varint_field(12):
        span.dropped_events_count = reader.get_uint32();
        break;
      case protobuf::varint_field(14):
        span.dropped_links_count = reader.get_uint32();
        break;
      case protobuf::fixed32_field(16):
        span.flags = reader.get_fixed32();
        break;
      default:
        if (reader.wire_type() == protozero::pbf_wire_type::length_delimited) {
          uint32_t key = static_cast<uint32_t>(reader.tag_and_type());
          read_text(key, protobuf::string_of(reader), span, rows);
        } else {
          reader.skip();
        }
    }
  }

  void add_attribute(std::string_view message, BatchBuilder& rows) {
    if (++attribute_count_ > kOtlpAttributesMax) return;  // finish_row rejects the span
    AttributeView attribute;
    if (!decode_short_attribute(message, attribute)) attribute = decode_attribute(message);
    set_attribute(rows, Scope::attribute, attribute);
  }

  void finish_row(const SpanFields& span, BatchBuilder& rows) {
    std::optional<TraceId> trace_id = TraceId::from_bytes(span.trace_id);
    std::optional<SpanId> span_id = SpanId::from_bytes(span.span_id);
    if (!trace_id || trace_id->is_none())
      return reject("a trace id is not 16 bytes with one that is not zero");
    if (!span_id || span_id->is_none()) return reject("a span id is not 8 bytes with one that is not zero");
    std::optional<SpanId> parent = SpanId::from_bytes(span.parent_span_id);
    if (!parent && !span.parent_span_id.empty()) return reject("a parent span id is not 8 bytes");
    if (span.start > kTimeMax || span.end > kTimeMax) return reject("a span time is beyond the year 2262");
    if (attribute_count_ > kOtlpAttributesMax) {
      return reject(fmt::format("a span has more than {} attributes", kOtlpAttributesMax));
    }
    UnixNanos start{static_cast<int64_t>(span.start)};
    if (!events_.empty() && !events_.set_events(rows, start)) return reject_nested("events");
    if (!links_.empty() && !links_.set_links(rows)) return reject_nested("links");
    rows.set_time(start);
    rows.set_trace_id(Scope::fixed, column::kTraceId, *trace_id);
    set(rows, column::kSpanId, static_cast<int64_t>(span_id->value));
    set(rows, column::kDuration, span.end > span.start ? static_cast<int64_t>(span.end - span.start) : 0);
    rows.set_string(Scope::fixed, column::kName, span.name);
    set(rows, column::kKind, span.kind);
    set(rows, column::kStatusCode, span.status_code);
    if (parent && !parent->is_none()) set(rows, column::kParentSpanId, static_cast<int64_t>(parent->value));
    set_optional(span, rows);
  }

  void set_optional(const SpanFields& span, BatchBuilder& rows) {
    if (!span.status_message.empty())
      rows.set_string(Scope::fixed, column::kStatusMessage, span.status_message);
    if (!span.trace_state.empty()) rows.set_string(Scope::fixed, column::kTraceState, span.trace_state);
    if (span.flags != 0) set(rows, column::kFlags, span.flags);
    if (span.dropped_attributes_count != 0) {
      set(rows, column::kDroppedAttributesCount, span.dropped_attributes_count);
    }
    if (span.dropped_events_count != 0) set(rows, column::kDroppedEventsCount, span.dropped_events_count);
    if (span.dropped_links_count != 0) set(rows, column::kDroppedLinksCount, span.dropped_links_count);
  }

  static void set(BatchBuilder& rows, std::string_view name, int64_t value) {
    rows.set_int(Scope::fixed, name, value);
  }

  void reject_nested(std::string_view of) {
    reject(
        fmt::format("the {} of a span have more than {} different attributes", of, NestedRecords::kKeysMax));
  }

  void reject(std::string reason) {
    batches_.rows().drop_row();
    if (result_.rejected_spans++ == 0) result_.rejection = std::move(reason);
  }

  RowBatches batches_;
  DecodedTraces result_;
  const std::vector<AttributeView>* resource_ = nullptr;
  const OtlpScope* scope_ = nullptr;
  size_t first_row_ = 0;
  size_t attribute_count_ = 0;
  NestedRecords events_;
  NestedRecords links_;
};

}  // namespace

Result<std::vector<Batch>> decode_otlp_traces_together(
    std::span<const std::shared_ptr<const std::string>> bodies) {
  using Bodies = std::vector<std::shared_ptr<const std::string>>;
  TraceDecoder decoder(std::make_shared<const Bodies>(bodies.begin(), bodies.end()));
  DecodedTraces decoded;
  for (size_t i = 0; i < bodies.size(); ++i) {
    std::string_view bytes = *bodies[i];
    protobuf::Place place;
    OBELISK_CHECK_OK(protobuf::decode_guarded("OTLP traces", bytes, place, [&] {
      walk_otlp_request(bytes, place, decoder);
      if (i + 1 == bodies.size()) decoded = decoder.finish();
    }));
  }
  if (decoded.rejected_spans > 0)
    return make_error(ErrorCode::invalid_argument, std::move(decoded.rejection));
  return std::move(decoded.batches);
}

Result<DecodedTraces> decode_otlp_traces(std::shared_ptr<const std::string> body) {
  protobuf::Place place;
  DecodedTraces result;
  std::string_view bytes = *body;
  TraceDecoder decoder(std::move(body));
  OBELISK_CHECK_OK(protobuf::decode_guarded("OTLP traces", bytes, place, [&] {
    walk_otlp_request(bytes, place, decoder);
    result = decoder.finish();
  }));
  return result;
}

}  // namespace obelisk
