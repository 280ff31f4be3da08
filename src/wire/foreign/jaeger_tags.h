#pragma once
// A stored span in Jaeger's terms: what its query APIs, in JSON and in protobuf, give as tags, log fields and
// references. Views point into the batch, or are literals. Pure functions, for the encoders of this folder.
#include <string>
#include <string_view>
#include <vector>

#include "wire/events_and_links.h"
#include "wire/span_rows.h"

namespace obelisk {

// The process of a span: its service, and the other resource attributes.
struct JaegerProcess {
  std::string service;
  std::vector<AttributeView> tags;
};
JaegerProcess jaeger_process_of(const SpanRow& row);

// Attributes, and the fields of OTLP that Jaeger has as tags (span.kind, error, otel.*).
std::vector<AttributeView> jaeger_tags_of(const SpanRow& row);
// The event's name as "event", and its attributes.
std::vector<AttributeView> jaeger_fields_of(const SpanEventView& event);

struct JaegerLink {
  bool follows_from = false;  // else child of
  TraceId trace_id;
  SpanId span_id;
};
// The parent first.
std::vector<JaegerLink> jaeger_references_of(const SpanRow& row);

}  // namespace obelisk
