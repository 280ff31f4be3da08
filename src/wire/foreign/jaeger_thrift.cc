#include <bit>

#include "wire/foreign/jaeger.h"
#include "wire/foreign/jaeger_span.h"
#include "wire/foreign/thrift_guard.h"
#include "wire/foreign/zipkin.h"
#include "wire/protobuf.h"

namespace obelisk {
namespace {

using protobuf::Malformed;

TraceId trace_id_of(int64_t high, int64_t low) {
  TraceId id;
  for (size_t i = 0; i < 8; ++i) {
    id.bytes[i] = static_cast<uint8_t>(static_cast<uint64_t>(high) >> (56 - 8 * i));
    id.bytes[8 + i] = static_cast<uint8_t>(static_cast<uint64_t>(low) >> (56 - 8 * i));
  }
  return id;
}

bool is_integer(ThriftType type) {
  return type >= ThriftType::byte && type <= ThriftType::i64;
}

class Decoder {
 public:
  Decoder(ThriftProtocol protocol, std::shared_ptr<const std::string> body)
      : reader_(protocol, *body), again_(protocol, *body), rows_(std::move(body)) {}

  void read_message() {
    std::string_view name = reader_.read_message_begin();
    again_.read_message_begin();
    if (name != "emitBatch")
      throw Malformed{"the agent call \"" + std::string(name.substr(0, 64)) +
                          "\" is not supported, only emitBatch and emitZipkinBatch",
                      ErrorCode::unsupported};
    // The call's arguments: a struct whose field 1 is the batch.
    reader_.begin_struct();
    again_.begin_struct();
    for (ThriftField field = next(); field.type != ThriftType::stop; field = next()) {
      if (field.id == 1 && field.type == ThriftType::structure) {
        read_batch();
      } else {
        skip(field);
      }
    }
  }

  // The process may stand behind the spans, so the batch is read twice: first its process.
  void read_batch() {
    again_.begin_struct();
    for (ThriftField field = again_.next_field(); field.type != ThriftType::stop;
         field = again_.next_field()) {
      if (field.id == 1 && field.type == ThriftType::structure) {
        read_process(again_);
      } else {
        again_.skip(field);
      }
    }
    reader_.begin_struct();
    for (ThriftField field = reader_.next_field(); field.type != ThriftType::stop;
         field = reader_.next_field()) {
      if (field.id == 2 && field.type == ThriftType::list) {
        uint32_t count = reader_.read_list(ThriftType::structure);
        for (uint32_t i = 0; i < count; ++i) read_span();
      } else {
        reader_.skip(field);
      }
    }
  }

  DecodedTraces finish() { return rows_.finish(); }
  size_t position() const { return std::max(reader_.position(), again_.position()); }

 private:
  // Both readers stand at the same place between batches.
  ThriftField next() {
    again_.next_field();
    return reader_.next_field();
  }
  void skip(const ThriftField& field) {
    again_.skip(field);
    reader_.skip(field);
  }

  void read_process(ThriftReader& reader) {
    service_ = {};
    process_tags_.clear();
    reader.begin_struct();
    for (ThriftField field = reader.next_field(); field.type != ThriftType::stop;
         field = reader.next_field()) {
      if (field.id == 1 && field.type == ThriftType::text) {
        service_ = reader.read_text();
      } else if (field.id == 2 && field.type == ThriftType::list) {
        read_tags(reader, process_tags_);
      } else {
        reader.skip(field);
      }
    }
  }

  static void read_tags(ThriftReader& reader, std::vector<AttributeView>& tags) {
    uint32_t count = reader.read_list(ThriftType::structure);
    for (uint32_t i = 0; i < count; ++i) {
      AttributeView tag = read_tag(reader);
      if (!tag.key.empty()) tags.push_back(tag);
    }
  }

  // Tag{1 key, 2 vType, 3 vStr, 4 vDouble, 5 vBool, 6 vLong, 7 vBinary}: vType says which one counts.
  static AttributeView read_tag(ThriftReader& reader) {
    AttributeView tag;
    int64_t type = 0;
    AnyValueView values[] = {text_value(""),
                             number_value(0),
                             boolean_value(false),
                             integer_value(0),
                             {ColumnType::bytes, 0, 0, {}}};
    reader.begin_struct();
    for (ThriftField field = reader.next_field(); field.type != ThriftType::stop;
         field = reader.next_field()) {
      if (field.id == 1 && field.type == ThriftType::text) {
        tag.key = reader.read_text();
      } else if (field.id == 2 && field.type == ThriftType::i32) {
        type = reader.read_integer(field.type);
      } else if (field.id == 3 && field.type == ThriftType::text) {
        values[0].text = reader.read_text();
      } else if (field.id == 4 && field.type == ThriftType::number) {
        values[1].number = reader.read_number();
      } else if (field.id == 5 && field.type == ThriftType::boolean) {
        values[2].integer = reader.read_boolean(field) ? 1 : 0;
      } else if (field.id == 6 && field.type == ThriftType::i64) {
        values[3].integer = reader.read_integer(field.type);
      } else if (field.id == 7 && field.type == ThriftType::text) {
        values[4].text = reader.read_text();
      } else {
        reader.skip(field);
      }
    }
    tag.value = values[type >= 0 && type < 5 ? type : 0];
    return tag;
  }

  void read_span() {
    span_.clear();
    references_.clear();
    int64_t ids[5] = {};  // by field id: 1 low, 2 high, 3 span, 4 parent
    int64_t start = 0, duration = 0;
    reader_.begin_struct();
    for (ThriftField field = reader_.next_field(); field.type != ThriftType::stop;
         field = reader_.next_field()) {
      bool integer = is_integer(field.type);
      bool list = field.type == ThriftType::list;
      if (field.id >= 1 && field.id <= 4 && integer) {
        ids[field.id] = reader_.read_integer(field.type);
      } else if (field.id == 5 && field.type == ThriftType::text) {
        span_.name = reader_.read_text();
      } else if (field.id == 6 && list) {
        read_references();
      } else if (field.id == 8 && integer) {
        start = reader_.read_integer(field.type);
      } else if (field.id == 9 && integer) {
        duration = reader_.read_integer(field.type);
      } else if (field.id == 10 && list) {
        read_tags(reader_, span_.attributes);
      } else if (field.id == 11 && list) {
        read_logs();
      } else {
        reader_.skip(field);
      }
    }
    span_.trace_id = trace_id_of(ids[2], ids[1]);
    span_.span_id = SpanId{static_cast<uint64_t>(ids[3])};
    span_.parent = SpanId{static_cast<uint64_t>(ids[4])};
    span_.start_nanos = nanos(start);
    span_.duration_nanos = nanos(duration);
    finish_jaeger_span(references_, service_, process_tags_, span_);
    rows_.add(span_);
  }

  int64_t nanos(int64_t micros) {
    std::optional<int64_t> found = micros_to_nanos(micros);
    if (!found) span_.problem = "a time is beyond the year 2262";
    return found.value_or(0);
  }

  void read_references() {
    uint32_t count = reader_.read_list(ThriftType::structure);
    for (uint32_t i = 0; i < count; ++i) {
      int64_t values[5] = {};  // 1 refType, 2 low, 3 high, 4 span
      reader_.begin_struct();
      for (ThriftField field = reader_.next_field(); field.type != ThriftType::stop;
           field = reader_.next_field()) {
        if (field.id >= 1 && field.id <= 4 && is_integer(field.type)) {
          values[field.id] = reader_.read_integer(field.type);
        } else {
          reader_.skip(field);
        }
      }
      references_.push_back(
          {values[1] == 1, trace_id_of(values[3], values[2]), SpanId{static_cast<uint64_t>(values[4])}});
    }
  }

  void read_logs() {
    uint32_t count = reader_.read_list(ThriftType::structure);
    for (uint32_t i = 0; i < count; ++i) {
      int64_t time = 0;
      log_fields_.clear();
      reader_.begin_struct();
      for (ThriftField field = reader_.next_field(); field.type != ThriftType::stop;
           field = reader_.next_field()) {
        if (field.id == 1 && is_integer(field.type)) {
          time = reader_.read_integer(field.type);
        } else if (field.id == 2 && field.type == ThriftType::list) {
          read_tags(reader_, log_fields_);
        } else {
          reader_.skip(field);
        }
      }
      add_jaeger_log(UnixNanos{nanos(time)}, log_fields_, span_);
    }
  }

  ThriftReader reader_;
  ThriftReader again_;
  ForeignSpanRows rows_;
  ForeignSpan span_;
  std::vector<JaegerReference> references_;
  std::vector<AttributeView> log_fields_;
  std::string_view service_;
  std::vector<AttributeView> process_tags_;
};

template <typename Read>
Result<DecodedTraces> guarded(ThriftProtocol protocol, std::shared_ptr<const std::string> body, Read read) {
  Decoder decoder(protocol, std::move(body));
  return guarded_thrift("Jaeger thrift", decoder, read);
}

bool is_zipkin_call(ThriftProtocol protocol, std::string_view datagram) {
  try {
    return ThriftReader(protocol, datagram).read_message_begin() == "emitZipkinBatch";
  } catch (const Malformed&) {
    return false;  // said by whoever reads it
  }
}

}  // namespace

Result<DecodedTraces> decode_jaeger_thrift_batch(ThriftProtocol protocol,
                                                 std::shared_ptr<const std::string> body) {
  return guarded(protocol, std::move(body), [](Decoder& decoder) { decoder.read_batch(); });
}

Result<DecodedTraces> decode_jaeger_agent_message(ThriftProtocol protocol,
                                                  std::shared_ptr<const std::string> datagram) {
  if (is_zipkin_call(protocol, *datagram)) return decode_zipkin_agent_call(protocol, std::move(datagram));
  return guarded(protocol, std::move(datagram), [](Decoder& decoder) { decoder.read_message(); });
}

}  // namespace obelisk
