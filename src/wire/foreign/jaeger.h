#pragma once
// Jaeger's span batches to rows of Table::spans: Thrift as its agents and clients send it, and api_v2
// protobuf. Pure functions. Malformed bodies are an Error with the position; a span that cannot be kept is
// rejected and counted.
//
// The process becomes the resource (service.name and its tags), tags become attributes of their type but for
// those that stand for fields (lift_tags), logs become events named by their "event" (or "message") field,
// the first child-of reference within the trace (else follows-from) the parent, the others links. Sources:
// jaeger-idl thrift/jaeger.thrift, agent.thrift, proto/api_v2; OpenTelemetry's Jaeger compatibility page.
#include <memory>
#include <string>

#include "base/result.h"
#include "wire/foreign/thrift_reader.h"
#include "wire/otlp_traces.h"

namespace obelisk {

// A jaeger.thrift Batch: the body of POST /api/traces.
Result<DecodedTraces> decode_jaeger_thrift_batch(ThriftProtocol protocol,
                                                 std::shared_ptr<const std::string> body);
// A datagram to the agent's ports: a call of Agent.emitBatch or emitZipkinBatch. Others are `unsupported`.
Result<DecodedTraces> decode_jaeger_agent_message(ThriftProtocol protocol,
                                                  std::shared_ptr<const std::string> datagram);
// PostSpansRequest of jaeger.api_v2.CollectorService.
Result<DecodedTraces> decode_jaeger_post_spans(std::shared_ptr<const std::string> message);

}  // namespace obelisk
