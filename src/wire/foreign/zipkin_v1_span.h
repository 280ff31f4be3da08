#pragma once
// A span of Zipkin's first version on its way to rows. It may hold both halves of a call: the annotations cs,
// cr (client) and sr, ss (server) tell which are there, and each becomes a span. Decoders put ids, name and
// times into `span`, hand over the annotations, and call finish. Internal to wire/foreign; not thread safe.
#include "wire/foreign/zipkin_span.h"

namespace obelisk {

class ZipkinV1Span {
 public:
  ForeignSpan span;

  void clear();
  // Times in microseconds; those that do not fit are the span's problem.
  void add_annotation(int64_t micros, std::string_view value, const ZipkinEndpoint& endpoint);
  void add_binary_annotation(std::string_view key, const AnyValueView& value, const ZipkinEndpoint& endpoint);
  void finish(ForeignSpanRows& rows);

 private:
  struct Half {
    int64_t begin = 0, end = 0;  // microseconds
    ZipkinEndpoint endpoint;
    bool present() const { return begin != 0 || end != 0; }
  };
  void emit(const Half& half, SpanKind kind, const ZipkinEndpoint& remote, bool has_own_times, bool shared,
            ForeignSpanRows& rows);
  int64_t nanos(int64_t micros);

  Half client_, server_;
  ZipkinEndpoint any_, client_address_, server_address_;
};

}  // namespace obelisk
