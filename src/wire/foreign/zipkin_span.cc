#include "wire/foreign/zipkin_span.h"

namespace obelisk {
namespace {

// Any fixed bijection without a fixed point will do, as long as every server half maps alike.
SpanId server_half_of(SpanId shared) {
  uint64_t mixed = (shared.value ^ 0x5A1B0C3D2E4F6071u) * 0x9E3779B97F4A7C15u;
  return SpanId{mixed == 0 ? 1 : mixed};
}

void add_endpoint(const ZipkinEndpoint& endpoint, std::string_view address_key, std::string_view port_key,
                  ForeignSpan& span) {
  if (!endpoint.address.empty()) span.attributes.push_back({address_key, text_value(endpoint.address)});
  if (endpoint.port != 0) span.attributes.push_back({port_key, integer_value(endpoint.port)});
}

}  // namespace

void finish_zipkin_span(const ZipkinFields& fields, ForeignSpan& span) {
  std::string_view service = fields.local.service_name;
  span.resource.push_back({"service.name", text_value(service.empty() ? "unknown_service" : service)});
  if (!fields.remote.service_name.empty())
    span.attributes.push_back({"peer.service", text_value(fields.remote.service_name)});
  add_endpoint(fields.remote, "network.peer.address", "network.peer.port", span);
  add_endpoint(fields.local, "network.local.address", "network.local.port", span);
  lift_tags(span);
  if (fields.shared && span.kind == SpanKind::server) {
    span.parent = span.span_id;
    span.span_id = server_half_of(span.span_id);
  }
}

}  // namespace obelisk
