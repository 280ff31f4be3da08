#pragma once
// What Zipkin's encodings share: a span as Zipkin sees it, and its translation. Internal to wire/foreign.
#include "wire/foreign/foreign_span.h"

namespace obelisk {

struct ZipkinEndpoint {
  std::string_view service_name;
  std::string_view address;  // text
  int64_t port = 0;
};

// Fields that ForeignSpan has (ids, name, times in ns, kind, attributes from tags, events) are put there
// directly.
struct ZipkinFields {
  ZipkinEndpoint local;
  ZipkinEndpoint remote;
  bool shared = false;
};

// Completes `span`: endpoints to attributes, tags to fields, the id of a shared span.
void finish_zipkin_span(const ZipkinFields& fields, ForeignSpan& span);

}  // namespace obelisk
