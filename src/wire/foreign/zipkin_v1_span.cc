#include "wire/foreign/zipkin_v1_span.h"

namespace obelisk {

void ZipkinV1Span::clear() {
  span.clear();
  client_ = server_ = {};
  any_ = client_address_ = server_address_ = {};
}

int64_t ZipkinV1Span::nanos(int64_t micros) {
  std::optional<int64_t> found = micros_to_nanos(micros);
  if (!found) span.problem = "a time is beyond the year 2262";
  return found.value_or(0);
}

void ZipkinV1Span::add_annotation(int64_t micros, std::string_view value, const ZipkinEndpoint& endpoint) {
  if (value == "cs" || value == "cr") {
    (value == "cs" ? client_.begin : client_.end) = micros;
    client_.endpoint = endpoint;
  } else if (value == "sr" || value == "ss") {
    (value == "sr" ? server_.begin : server_.end) = micros;
    server_.endpoint = endpoint;
  } else {
    ForeignEvent event;
    event.time = UnixNanos{nanos(micros)};
    event.name = value;
    span.events.push_back(event);
  }
  if (any_.service_name.empty()) any_ = endpoint;
}

void ZipkinV1Span::add_binary_annotation(std::string_view key, const AnyValueView& value,
                                         const ZipkinEndpoint& endpoint) {
  if (key == "sa" || key == "ca") {
    (key == "sa" ? server_address_ : client_address_) = endpoint;
    return;
  }
  if (!key.empty()) span.attributes.push_back({key, value});
  if (any_.service_name.empty()) any_ = endpoint;
}

void ZipkinV1Span::finish(ForeignSpanRows& rows) {
  bool has_own_times = span.start_nanos != 0;
  bool both = client_.present() && server_.present();
  ForeignSpan whole = span;
  if (client_.present()) emit(client_, SpanKind::client, server_address_, has_own_times, false, rows);
  if (both) {
    span = whole;
    span.start_nanos = span.duration_nanos = 0;
  }
  if (server_.present()) emit(server_, SpanKind::server, client_address_, has_own_times && !both, both, rows);
  if (client_.present() || server_.present()) return;
  ZipkinFields zipkin;
  zipkin.local = any_;
  finish_zipkin_span(zipkin, span);
  rows.add(span);
}

void ZipkinV1Span::emit(const Half& half, SpanKind kind, const ZipkinEndpoint& remote, bool has_own_times,
                        bool shared, ForeignSpanRows& rows) {
  ZipkinFields zipkin;
  zipkin.local = half.endpoint;
  zipkin.remote = remote;
  zipkin.shared = shared;
  span.kind = kind;
  if (!has_own_times) {
    int64_t begin = half.begin != 0 ? half.begin : half.end;
    span.start_nanos = nanos(begin);
    span.duration_nanos = half.end > begin ? nanos(half.end - begin) : 0;
  }
  finish_zipkin_span(zipkin, span);
  rows.add(span);
}

}  // namespace obelisk
