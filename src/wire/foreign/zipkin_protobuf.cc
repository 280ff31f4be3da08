#include <arpa/inet.h>

#include "wire/foreign/foreign_protobuf.h"
#include "wire/foreign/zipkin.h"
#include "wire/foreign/zipkin_span.h"

namespace obelisk {
namespace {

using protobuf::Reader;

class Decoder {
 public:
  Decoder(std::shared_ptr<const std::string> body, protobuf::Place& place)
      : body_(*body), place_(place), rows_(std::move(body)) {}

  DecodedTraces read() {
    read_list(body_, [this](std::string_view message) { read_span(message); });
    return rows_.finish();
  }

 private:
  void read_span(std::string_view message) {
    place_.enter(message);
    span_.clear();
    fields_ = {};
    Reader reader = protobuf::reader_of(message);
    while (reader.next()) read_field(reader);
    finish_zipkin_span(fields_, span_);
    rows_.add(span_);
  }

  void read_field(Reader& reader) {
    switch (reader.tag_and_type()) {
      case protobuf::length_field(1):
        span_.trace_id = read_trace_id(protobuf::string_of(reader), span_);
        return;
      case protobuf::length_field(2):
        span_.parent = optional_span_id(protobuf::string_of(reader));
        return;
      case protobuf::length_field(3):
        span_.span_id = optional_span_id(protobuf::string_of(reader));
        return;
      case protobuf::varint_field(4):
        span_.kind = kind_of(reader.get_enum());
        return;
      case protobuf::length_field(5):
        span_.name = protobuf::string_of(reader);
        return;
      case protobuf::fixed64_field(6):
        span_.start_nanos = nanos_of(reader.get_fixed64());
        return;
      case protobuf::varint_field(7):
        span_.duration_nanos = nanos_of(reader.get_uint64());
        return;
      case protobuf::length_field(8):
        return read_endpoint(protobuf::string_of(reader), fields_.local);
      case protobuf::length_field(9):
        return read_endpoint(protobuf::string_of(reader), fields_.remote);
      case protobuf::length_field(10):
        return read_annotation(protobuf::string_of(reader));
      case protobuf::length_field(11):
        return read_tag(protobuf::string_of(reader));
      case protobuf::varint_field(13):
        fields_.shared = reader.get_bool();
        return;
      default:
        reader.skip();
    }
  }

  // An empty id is none.
  SpanId optional_span_id(std::string_view bytes) {
    return bytes.empty() ? SpanId{} : read_span_id(bytes, span_);
  }

  int64_t nanos_of(uint64_t micros) {
    std::optional<int64_t> nanos = micros > static_cast<uint64_t>(INT64_MAX)
                                       ? std::nullopt
                                       : micros_to_nanos(static_cast<int64_t>(micros));
    if (!nanos) span_.problem = "a time is beyond the year 2262";
    return nanos.value_or(0);
  }

  static SpanKind kind_of(int32_t kind) {
    constexpr SpanKind kKinds[] = {SpanKind::unspecified, SpanKind::client, SpanKind::server,
                                   SpanKind::producer, SpanKind::consumer};
    return kind >= 0 && kind < 5 ? kKinds[kind] : SpanKind::unspecified;
  }

  void read_endpoint(std::string_view message, ZipkinEndpoint& endpoint) {
    Reader reader = protobuf::reader_of(message);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case protobuf::length_field(1):
          endpoint.service_name = protobuf::string_of(reader);
          break;
        case protobuf::length_field(2):
          set_address(protobuf::string_of(reader), AF_INET, 4, endpoint);
          break;
        case protobuf::length_field(3):
          set_address(protobuf::string_of(reader), AF_INET6, 16, endpoint);
          break;
        case protobuf::varint_field(4):
          endpoint.port = reader.get_int32();
          break;
        default:
          reader.skip();
      }
    }
  }

  void set_address(std::string_view bytes, int family, size_t size, ZipkinEndpoint& endpoint) {
    char text[INET6_ADDRSTRLEN];
    if (bytes.size() != size || inet_ntop(family, bytes.data(), text, sizeof text) == nullptr) return;
    endpoint.address = rows_.keep(text);
  }

  void read_annotation(std::string_view message) {
    ForeignEvent event;
    Reader reader = protobuf::reader_of(message);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case protobuf::fixed64_field(1):
          event.time = UnixNanos{nanos_of(reader.get_fixed64())};
          break;
        case protobuf::length_field(2):
          event.name = protobuf::string_of(reader);
          break;
        default:
          reader.skip();
      }
    }
    span_.events.push_back(event);
  }

  void read_tag(std::string_view message) {
    std::string_view key, value;
    Reader reader = protobuf::reader_of(message);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case protobuf::length_field(1):
          key = protobuf::string_of(reader);
          break;
        case protobuf::length_field(2):
          value = protobuf::string_of(reader);
          break;
        default:
          reader.skip();
      }
    }
    if (!key.empty()) span_.attributes.push_back({key, text_value(value)});
  }

  std::string_view body_;
  protobuf::Place& place_;
  ForeignSpanRows rows_;
  ForeignSpan span_;
  ZipkinFields fields_;
};

}  // namespace

Result<DecodedTraces> decode_zipkin_protobuf(std::shared_ptr<const std::string> body) {
  protobuf::Place place;
  DecodedTraces result;
  std::string_view bytes = *body;
  Decoder decoder(std::move(body), place);
  OBELISK_CHECK_OK(protobuf::decode_guarded("Zipkin spans", bytes, place, [&] { result = decoder.read(); }));
  return result;
}

}  // namespace obelisk
