#include "wire/foreign/foreign_protobuf.h"
#include "wire/foreign/jaeger.h"
#include "wire/foreign/jaeger_span.h"
#include "wire/protobuf_time.h"

namespace obelisk {
namespace {

using protobuf::Reader;

class Decoder {
 public:
  Decoder(std::shared_ptr<const std::string> body, protobuf::Place& place)
      : body_(*body), place_(place), rows_(std::move(body)) {}

  DecodedTraces read() {
    read_list(body_, [this](std::string_view message) { read_batch(message); });
    return rows_.finish();
  }

 private:
  struct Process {
    std::string_view service;
    std::vector<AttributeView> tags;
  };

  void read_batch(std::string_view message) {
    Process process;  // before the spans, wherever it stands
    Reader search = protobuf::reader_of(message);
    while (search.next()) {
      if (search.tag_and_type() == protobuf::length_field(2)) {
        read_process(protobuf::string_of(search), process);
      } else {
        search.skip();
      }
    }
    read_list(message, [&](std::string_view span) { read_span(span, process); });
  }

  void read_process(std::string_view message, Process& process) {
    place_.enter(message);
    process = {};
    Reader reader = protobuf::reader_of(message);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case protobuf::length_field(1):
          process.service = protobuf::string_of(reader);
          break;
        case protobuf::length_field(2):
          add_tag(protobuf::string_of(reader), process.tags);
          break;
        default:
          reader.skip();
      }
    }
  }

  // KeyValue{1 key, 2 v_type, 3 v_str, 4 v_bool, 5 v_int64, 6 v_float64, 7 v_binary}
  static void add_tag(std::string_view message, std::vector<AttributeView>& tags) {
    AttributeView tag;
    int32_t type = 0;
    AnyValueView values[] = {text_value(""),
                             boolean_value(false),
                             integer_value(0),
                             number_value(0),
                             {ColumnType::bytes, 0, 0, {}}};
    Reader reader = protobuf::reader_of(message);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case protobuf::length_field(1):
          tag.key = protobuf::string_of(reader);
          break;
        case protobuf::varint_field(2):
          type = reader.get_enum();
          break;
        case protobuf::length_field(3):
          values[0].text = protobuf::string_of(reader);
          break;
        case protobuf::varint_field(4):
          values[1].integer = reader.get_bool() ? 1 : 0;
          break;
        case protobuf::varint_field(5):
          values[2].integer = reader.get_int64();
          break;
        case protobuf::fixed64_field(6):
          values[3].number = reader.get_double();
          break;
        case protobuf::length_field(7):
          values[4].text = protobuf::string_of(reader);
          break;
        default:
          reader.skip();
      }
    }
    tag.value = values[type >= 0 && type < 5 ? type : 0];
    if (!tag.key.empty()) tags.push_back(tag);
  }

  void read_span(std::string_view message, const Process& batch_process) {
    place_.enter(message);
    span_.clear();
    references_.clear();
    const Process* process = &batch_process;
    Process own;
    Reader reader = protobuf::reader_of(message);
    while (reader.next()) {
      if (reader.tag_and_type() == protobuf::length_field(10)) {
        read_process(protobuf::string_of(reader), own);
        process = &own;
      } else {
        read_span_field(reader);
      }
    }
    finish_jaeger_span(references_, process->service, process->tags, span_);
    rows_.add(span_);
  }

  void read_span_field(Reader& reader) {
    switch (reader.tag_and_type()) {
      case protobuf::length_field(1):
        span_.trace_id = read_trace_id(protobuf::string_of(reader), span_);
        return;
      case protobuf::length_field(2):
        span_.span_id = read_span_id(protobuf::string_of(reader), span_);
        return;
      case protobuf::length_field(3):
        span_.name = protobuf::string_of(reader);
        return;
      case protobuf::length_field(4):
        return read_reference(protobuf::string_of(reader));
      case protobuf::length_field(6):
        span_.start_nanos = time_of(protobuf::string_of(reader));
        return;
      case protobuf::length_field(7):
        span_.duration_nanos = time_of(protobuf::string_of(reader));
        return;
      case protobuf::length_field(8):
        return add_tag(protobuf::string_of(reader), span_.attributes);
      case protobuf::length_field(9):
        return read_log(protobuf::string_of(reader));
      default:
        reader.skip();
    }
  }

  int64_t time_of(std::string_view message) {
    std::optional<int64_t> nanos = protobuf::seconds_and_nanos_of(message).total_nanos();
    if (!nanos) span_.problem = "a time is beyond the year 2262";
    return nanos.value_or(0);
  }

  void read_reference(std::string_view message) {
    JaegerReference reference;
    Reader reader = protobuf::reader_of(message);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case protobuf::length_field(1):
          reference.trace_id = read_trace_id(protobuf::string_of(reader), span_);
          break;
        case protobuf::length_field(2):
          reference.span_id = read_span_id(protobuf::string_of(reader), span_);
          break;
        case protobuf::varint_field(3):
          reference.follows_from = reader.get_enum() == 1;
          break;
        default:
          reader.skip();
      }
    }
    references_.push_back(reference);
  }

  void read_log(std::string_view message) {
    UnixNanos time;
    log_fields_.clear();
    Reader reader = protobuf::reader_of(message);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case protobuf::length_field(1):
          time = UnixNanos{time_of(protobuf::string_of(reader))};
          break;
        case protobuf::length_field(2):
          add_tag(protobuf::string_of(reader), log_fields_);
          break;
        default:
          reader.skip();
      }
    }
    add_jaeger_log(time, log_fields_, span_);
  }

  std::string_view body_;
  protobuf::Place& place_;
  ForeignSpanRows rows_;
  ForeignSpan span_;
  std::vector<JaegerReference> references_;
  std::vector<AttributeView> log_fields_;
};

}  // namespace

Result<DecodedTraces> decode_jaeger_post_spans(std::shared_ptr<const std::string> message) {
  protobuf::Place place;
  DecodedTraces result;
  std::string_view bytes = *message;
  Decoder decoder(std::move(message), place);
  OBELISK_CHECK_OK(protobuf::decode_guarded("Jaeger spans", bytes, place, [&] { result = decoder.read(); }));
  return result;
}

}  // namespace obelisk
