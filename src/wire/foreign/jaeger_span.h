#pragma once
// What Jaeger's encodings share: references, logs and processes put into a ForeignSpan. Internal to
// wire/foreign.
#include "wire/foreign/foreign_span.h"

namespace obelisk {

struct JaegerReference {
  bool follows_from = false;
  TraceId trace_id;
  SpanId span_id;
};

// Adds one log: `fields` become the event's attributes, but for the one that names it.
void add_jaeger_log(UnixNanos time, const std::vector<AttributeView>& fields, ForeignSpan& span);

// Completes `span` whose attributes are its tags: parent and links from the references, the resource from the
// process, fields from tags.
void finish_jaeger_span(const std::vector<JaegerReference>& references, std::string_view service,
                        const std::vector<AttributeView>& process_tags, ForeignSpan& span);

}  // namespace obelisk
