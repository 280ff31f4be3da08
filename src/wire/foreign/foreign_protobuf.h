#pragma once
// What the protobuf decoders of Zipkin and Jaeger share: a list of messages in one field, and ids of a span
// with their complaint. Included by .cc files only.
#include "wire/foreign/foreign_span.h"
#include "wire/protobuf.h"

namespace obelisk {

// Calls `read` with every message of field 1, which both formats keep their lists in.
template <typename Read>
void read_list(std::string_view body, Read&& read) {
  protobuf::Reader reader = protobuf::reader_of(body);
  while (reader.next()) {
    if (reader.tag_and_type() == protobuf::length_field(1)) {
      read(protobuf::string_of(reader));
    } else {
      reader.skip();
    }
  }
}

// 16 bytes, or 8 that are padded with zeros in front; anything else is the span's problem.
inline TraceId read_trace_id(std::string_view bytes, ForeignSpan& span) {
  std::string padded = bytes.size() == 8 ? std::string(8, '\0') + std::string(bytes) : std::string(bytes);
  std::optional<TraceId> id = TraceId::from_bytes(padded);
  if (!id) span.problem = "a trace id is not 8 or 16 bytes";
  return id.value_or(TraceId{});
}

inline SpanId read_span_id(std::string_view bytes, ForeignSpan& span) {
  std::optional<SpanId> id = SpanId::from_bytes(bytes);
  if (!id) span.problem = "a span id is not 8 bytes";
  return id.value_or(SpanId{});
}

}  // namespace obelisk
