#include <arpa/inet.h>

#include <bit>

#include "wire/foreign/thrift_guard.h"
#include "wire/foreign/thrift_reader.h"
#include "wire/foreign/zipkin.h"
#include "wire/foreign/zipkin_v1_span.h"
#include "wire/protobuf.h"

namespace obelisk {
namespace {

bool is_integer(ThriftType type) {
  return type >= ThriftType::byte && type <= ThriftType::i64;
}

// zipkinCore.thrift: Span {1 trace_id, 3 name, 4 id, 5 parent_id, 6 annotations, 8 binary_annotations, 10
// timestamp, 11 duration, 12 trace_id_high}.
class Decoder {
 public:
  Decoder(ThriftProtocol protocol, std::shared_ptr<const std::string> body)
      : reader_(protocol, *body), rows_(std::move(body)) {}

  void read_list() {
    uint32_t count = reader_.read_list(ThriftType::structure);
    for (uint32_t i = 0; i < count; ++i) read_span();
  }

  // emitZipkinBatch(1: list<Span> spans)
  void read_call() {
    reader_.read_message_begin();
    each_field([&](const ThriftField& field) {
      if (field.id != 1 || field.type != ThriftType::list) return false;
      read_list();
      return true;
    });
  }

  DecodedTraces finish() { return rows_.finish(); }
  size_t position() const { return reader_.position(); }

 private:
  // Reads a struct; what `read` does not take is skipped.
  template <typename Read>
  void each_field(Read read) {
    reader_.begin_struct();
    for (ThriftField field = reader_.next_field(); field.type != ThriftType::stop;
         field = reader_.next_field()) {
      if (!read(field)) reader_.skip(field);
    }
  }

  // Integers of a struct by field id; others go to `read`.
  template <size_t Count, typename Read>
  void each_field(int64_t (&numbers)[Count], Read read) {
    each_field([&](const ThriftField& field) {
      if (field.id > 0 && field.id < static_cast<int16_t>(Count) && is_integer(field.type)) {
        numbers[field.id] = reader_.read_integer(field.type);
        return true;
      }
      return read(field);
    });
  }

  void read_span() {
    v1_.clear();
    int64_t numbers[13] = {};
    each_field(numbers, [&](const ThriftField& field) {
      if (field.id == 3 && field.type == ThriftType::text) {
        v1_.span.name = reader_.read_text();
      } else if (field.id == 6 && field.type == ThriftType::list) {
        uint32_t count = reader_.read_list(ThriftType::structure);
        for (uint32_t i = 0; i < count; ++i) read_annotation();
      } else if (field.id == 8 && field.type == ThriftType::list) {
        uint32_t count = reader_.read_list(ThriftType::structure);
        for (uint32_t i = 0; i < count; ++i) read_binary_annotation();
      } else {
        return false;
      }
      return true;
    });
    for (size_t i = 0; i < 8; ++i) {
      v1_.span.trace_id.bytes[i] = static_cast<uint8_t>(static_cast<uint64_t>(numbers[12]) >> (56 - 8 * i));
      v1_.span.trace_id.bytes[8 + i] =
          static_cast<uint8_t>(static_cast<uint64_t>(numbers[1]) >> (56 - 8 * i));
    }
    v1_.span.span_id = SpanId{static_cast<uint64_t>(numbers[4])};
    v1_.span.parent = SpanId{static_cast<uint64_t>(numbers[5])};
    std::optional<int64_t> start = micros_to_nanos(numbers[10]), duration = micros_to_nanos(numbers[11]);
    if (!start || !duration) v1_.span.problem = "a time is beyond the year 2262";
    v1_.span.start_nanos = start.value_or(0);
    v1_.span.duration_nanos = duration.value_or(0);
    v1_.finish(rows_);
  }

  // Endpoint {1 ipv4, 2 port, 3 service_name, 4 ipv6}
  ZipkinEndpoint read_endpoint() {
    ZipkinEndpoint endpoint;
    int64_t numbers[3] = {};
    std::string_view v6;
    each_field(numbers, [&](const ThriftField& field) {
      if (field.id == 3 && field.type == ThriftType::text) {
        endpoint.service_name = reader_.read_text();
      } else if (field.id == 4 && field.type == ThriftType::text) {
        v6 = reader_.read_text();
      } else {
        return false;
      }
      return true;
    });
    endpoint.port = static_cast<uint16_t>(numbers[2]);
    char text[INET6_ADDRSTRLEN];
    uint32_t v4 = htonl(static_cast<uint32_t>(numbers[1]));
    if (v4 != 0 && inet_ntop(AF_INET, &v4, text, sizeof text) != nullptr) {
      endpoint.address = rows_.keep(text);
    } else if (v6.size() == 16 && inet_ntop(AF_INET6, v6.data(), text, sizeof text) != nullptr) {
      endpoint.address = rows_.keep(text);
    }
    return endpoint;
  }

  // Annotation {1 timestamp, 2 value, 3 host}
  void read_annotation() {
    int64_t numbers[2] = {};
    std::string_view value;
    ZipkinEndpoint endpoint;
    each_field(numbers, [&](const ThriftField& field) {
      if (field.id == 2 && field.type == ThriftType::text) {
        value = reader_.read_text();
      } else if (field.id == 3 && field.type == ThriftType::structure) {
        endpoint = read_endpoint();
      } else {
        return false;
      }
      return true;
    });
    v1_.add_annotation(numbers[1], value, endpoint);
  }

  // BinaryAnnotation {1 key, 2 value, 3 type, 4 host}
  void read_binary_annotation() {
    std::string_view key, bytes;
    int64_t type = kString;
    ZipkinEndpoint endpoint;
    each_field([&](const ThriftField& field) {
      if (field.id == 1 && field.type == ThriftType::text) {
        key = reader_.read_text();
      } else if (field.id == 2 && field.type == ThriftType::text) {
        bytes = reader_.read_text();
      } else if (field.id == 3 && is_integer(field.type)) {
        type = reader_.read_integer(field.type);
      } else if (field.id == 4 && field.type == ThriftType::structure) {
        endpoint = read_endpoint();
      } else {
        return false;
      }
      return true;
    });
    v1_.add_binary_annotation(key, value_of(type, bytes), endpoint);
  }

  enum AnnotationType : int64_t { kBoolean, kBytes, kI16, kI32, kI64, kDouble, kString };

  // Numbers are big-endian; what has another size than its type is text.
  static AnyValueView value_of(int64_t type, std::string_view bytes) {
    constexpr size_t kSizes[] = {1, 0, 2, 4, 8, 8};
    if (type == kBytes) return {ColumnType::bytes, 0, 0, bytes};
    if (type < 0 || type > kDouble || bytes.size() != kSizes[type]) return text_value(bytes);
    uint64_t number = 0;
    for (char byte : bytes) number = number << 8 | static_cast<unsigned char>(byte);
    if (type == kBoolean) return boolean_value(number != 0);
    if (type == kDouble) return number_value(std::bit_cast<double>(number));
    if (type == kI16) return integer_value(static_cast<int16_t>(number));
    if (type == kI32) return integer_value(static_cast<int32_t>(number));
    return integer_value(static_cast<int64_t>(number));
  }

  ThriftReader reader_;
  ForeignSpanRows rows_;
  ZipkinV1Span v1_;
};

template <typename Read>
Result<DecodedTraces> guarded(ThriftProtocol protocol, std::shared_ptr<const std::string> body, Read read) {
  Decoder decoder(protocol, std::move(body));
  return guarded_thrift("Zipkin thrift", decoder, read);
}

}  // namespace

Result<DecodedTraces> decode_zipkin_thrift(std::shared_ptr<const std::string> body) {
  return guarded(ThriftProtocol::binary, std::move(body), [](Decoder& decoder) { decoder.read_list(); });
}

Result<DecodedTraces> decode_zipkin_agent_call(ThriftProtocol protocol,
                                               std::shared_ptr<const std::string> datagram) {
  return guarded(protocol, std::move(datagram), [](Decoder& decoder) { decoder.read_call(); });
}

}  // namespace obelisk
