#include <fmt/format.h>
#include <simdjson.h>

#include "base/text.h"
#include "wire/foreign/zipkin.h"
#include "wire/foreign/zipkin_v1_span.h"
#include "wire/protobuf.h"

namespace obelisk {
namespace {

namespace dom = simdjson::dom;
using protobuf::Malformed;

SpanKind kind_of(std::string_view word) {
  if (word == "CLIENT") return SpanKind::client;
  if (word == "SERVER") return SpanKind::server;
  if (word == "PRODUCER") return SpanKind::producer;
  if (word == "CONSUMER") return SpanKind::consumer;
  return SpanKind::unspecified;
}

// Fields of JSON objects as Zipkin's senders write them: absent and null are alike, numbers may be floats.
class JsonFields {
 public:
  explicit JsonFields(ForeignSpanRows& rows) : rows_(rows) {}

  // Lives as long as the document.
  static std::string_view passing_text(dom::object object, std::string_view name) {
    std::string_view found;
    if (object[name].get(found) != simdjson::SUCCESS) return {};
    return found;
  }

  // Lives as long as the batch.
  std::string_view text(dom::object object, std::string_view name) const {
    return rows_.keep(passing_text(object, name));
  }

  static int64_t integer(dom::object object, std::string_view name) {
    dom::element found;
    if (object[name].get(found) != simdjson::SUCCESS) return 0;
    int64_t whole = 0;
    double number = 0;
    if (found.get(whole) == simdjson::SUCCESS) return whole;
    constexpr double kLimit = 9e18;
    if (found.get(number) == simdjson::SUCCESS && number > -kLimit && number < kLimit)
      return static_cast<int64_t>(number);
    return 0;
  }

  static bool boolean(dom::object object, std::string_view name) {
    bool found = false;
    return object[name].get(found) == simdjson::SUCCESS && found;
  }

  ZipkinEndpoint endpoint(dom::object parent, std::string_view name) const {
    ZipkinEndpoint endpoint;
    dom::object object;
    if (parent[name].get(object) != simdjson::SUCCESS) return endpoint;
    endpoint.service_name = text(object, "serviceName");
    endpoint.address = text(object, "ipv4");
    if (endpoint.address.empty()) endpoint.address = text(object, "ipv6");
    endpoint.port = integer(object, "port");
    return endpoint;
  }

 private:
  ForeignSpanRows& rows_;
};

// A tag's value: text; what old senders write as numbers or booleans is kept as its JSON.
std::string_view tag_text(dom::element value, ForeignSpanRows& rows) {
  std::string_view text;
  if (value.get(text) == simdjson::SUCCESS) return rows.keep(text);
  return rows.keep(simdjson::minify(value));
}

class Decoder {
 public:
  explicit Decoder(std::shared_ptr<const std::string> body) : rows_(std::move(body)), fields_(rows_) {}
  virtual ~Decoder() = default;

  // Throws Malformed.
  DecodedTraces read(dom::element root) {
    dom::array list;
    if (root.get(list) != simdjson::SUCCESS) throw Malformed{"expected an array of spans"};
    for (dom::element element : list) {
      dom::object object;
      if (element.get(object) != simdjson::SUCCESS)
        throw Malformed{fmt::format("span {} is not an object", index_)};
      span_.clear();
      read_span(object);
      ++index_;
    }
    return rows_.finish();
  }

 protected:
  virtual void read_span(dom::object object) = 0;

  void read_identity(dom::object object) {
    std::optional<TraceId> trace_id = parse_foreign_trace_id(JsonFields::passing_text(object, "traceId"));
    std::optional<SpanId> id = SpanId::from_hex(JsonFields::passing_text(object, "id"));
    std::string_view parent_text = JsonFields::passing_text(object, "parentId");
    std::optional<SpanId> parent = parent_text.empty() ? SpanId{} : SpanId::from_hex(parent_text);
    if (!trace_id) span_.problem = "\"traceId\" is missing or no id of up to 32 hexadecimal digits";
    if (!id || !parent)
      span_.problem = "\"id\" or \"parentId\" is missing or no id of up to 16 hexadecimal digits";
    span_.trace_id = trace_id.value_or(TraceId{});
    span_.span_id = id.value_or(SpanId{});
    span_.parent = parent.value_or(SpanId{});
    span_.name = fields_.text(object, "name");
    span_.start_nanos = nanos(JsonFields::integer(object, "timestamp"));
    span_.duration_nanos = nanos(JsonFields::integer(object, "duration"));
  }

  int64_t nanos(int64_t micros) {
    std::optional<int64_t> found = micros_to_nanos(micros);
    if (!found) span_.problem = "a time is beyond the year 2262";
    return found.value_or(0);
  }

  void add_event(int64_t micros, std::string_view name) {
    ForeignEvent event;
    event.time = UnixNanos{nanos(micros)};
    event.name = name;
    span_.events.push_back(event);
  }

  ForeignSpanRows rows_;
  JsonFields fields_;
  ForeignSpan span_;
  size_t index_ = 0;
};

class DecoderV2 : public Decoder {
 public:
  using Decoder::Decoder;

 private:
  void read_span(dom::object object) override {
    read_identity(object);
    span_.kind = kind_of(JsonFields::passing_text(object, "kind"));
    ZipkinFields zipkin;
    zipkin.local = fields_.endpoint(object, "localEndpoint");
    zipkin.remote = fields_.endpoint(object, "remoteEndpoint");
    zipkin.shared = JsonFields::boolean(object, "shared");
    dom::object tags;
    if (object["tags"].get(tags) == simdjson::SUCCESS) {
      for (dom::key_value_pair tag : tags)
        span_.attributes.push_back({rows_.keep(tag.key), text_value(tag_text(tag.value, rows_))});
    }
    dom::array annotations;
    if (object["annotations"].get(annotations) == simdjson::SUCCESS) {
      for (dom::element element : annotations) {
        dom::object annotation;
        if (element.get(annotation) == simdjson::SUCCESS)
          add_event(JsonFields::integer(annotation, "timestamp"), fields_.text(annotation, "value"));
      }
    }
    finish_zipkin_span(zipkin, span_);
    rows_.add(span_);
  }
};

class DecoderV1 : public Decoder {
 public:
  using Decoder::Decoder;

 private:
  void read_span(dom::object object) override {
    read_identity(object);
    v1_.clear();
    v1_.span = span_;
    each(object, "annotations", [&](dom::object annotation) {
      v1_.add_annotation(JsonFields::integer(annotation, "timestamp"), fields_.text(annotation, "value"),
                         fields_.endpoint(annotation, "endpoint"));
    });
    each(object, "binaryAnnotations", [&](dom::object annotation) {
      dom::element value;
      if (annotation["value"].get(value) != simdjson::SUCCESS) return;
      v1_.add_binary_annotation(fields_.text(annotation, "key"), text_value(tag_text(value, rows_)),
                                fields_.endpoint(annotation, "endpoint"));
    });
    v1_.finish(rows_);
  }

  template <typename Read>
  static void each(dom::object object, std::string_view name, Read read) {
    dom::array list;
    if (object[name].get(list) != simdjson::SUCCESS) return;
    for (dom::element element : list) {
      dom::object one;
      if (element.get(one) == simdjson::SUCCESS) read(one);
    }
  }

  ZipkinV1Span v1_;
};

template <typename DecoderType>
Result<DecodedTraces> decode(std::shared_ptr<const std::string> body, std::string_view format) {
  dom::parser parser;
  dom::element root;
  simdjson::error_code code = parser.parse(body->data(), body->size()).get(root);
  if (code != simdjson::SUCCESS)
    return make_error(ErrorCode::invalid_argument,
                      fmt::format("{}: {}", format, simdjson::error_message(code)));
  DecoderType decoder(std::move(body));
  try {
    return decoder.read(root);
  } catch (const Malformed& problem) {
    return make_error(problem.code, fmt::format("{}: {}", format, problem.reason));
  }
}

}  // namespace

Result<DecodedTraces> decode_zipkin_json(std::shared_ptr<const std::string> body) {
  return decode<DecoderV2>(std::move(body), "Zipkin spans");
}

Result<DecodedTraces> decode_zipkin_v1_json(std::shared_ptr<const std::string> body) {
  return decode<DecoderV1>(std::move(body), "Zipkin v1 spans");
}

}  // namespace obelisk
