#pragma once
// Zipkin's span lists to rows of Table::spans: v2 JSON and protobuf (zipkin.proto), and the v1 JSON and
// Thrift (binary protocol) of old senders. Pure functions. Malformed bodies are an Error with the position; a
// span that cannot be kept is rejected and counted, the rest stays.
//
// localEndpoint.serviceName becomes the resource's service.name; endpoints become peer.service,
// network.peer.* and network.local.*; tags become string attributes, annotations events. A server span that
// shares its client's id (`shared`, B3) gets an id of its own, derived from the shared one, and the client
// span as its parent: here a span id names one span. Its children, which name the shared id, hang below the
// client span. Source: zipkin-api zipkin2-api.yaml, zipkin.proto; the v1 rules of Zipkin's V1SpanConverter.
#include <memory>
#include <string>

#include "base/result.h"
#include "wire/foreign/thrift_reader.h"
#include "wire/otlp_traces.h"

namespace obelisk {

Result<DecodedTraces> decode_zipkin_json(std::shared_ptr<const std::string> body);
Result<DecodedTraces> decode_zipkin_v1_json(std::shared_ptr<const std::string> body);
Result<DecodedTraces> decode_zipkin_protobuf(std::shared_ptr<const std::string> body);
Result<DecodedTraces> decode_zipkin_thrift(std::shared_ptr<const std::string> body);
// A datagram to the ports of Jaeger's agent: a call of Agent.emitZipkinBatch.
Result<DecodedTraces> decode_zipkin_agent_call(ThriftProtocol protocol,
                                               std::shared_ptr<const std::string> datagram);

}  // namespace obelisk
