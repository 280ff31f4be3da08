#pragma once
// Spans in the formats of Zipkin and Jaeger. Thread safe.
//   POST /api/v2/spans                            Zipkin v2, JSON and protobuf; 202
//   POST /api/v1/spans                            Zipkin v1, JSON; 202
//   gRPC zipkin.proto3.SpanService/Report
//   POST /api/traces                              Jaeger thrift (binary; compact by content type); 202
//   gRPC jaeger.api_v2.CollectorService/PostSpans
// These protocols know no partial success: when every span was rejected the answer is 400 with the reason,
// when some were, 202 with the reason as text; obelisk_rejected_spans_total counts them.
#include <memory>
#include <string>

#include "api/request/context.h"
#include "net/grpc_router.h"
#include "net/router.h"
#include "wire/foreign/thrift_reader.h"

namespace obelisk {

class SpanRates;

// `span_rates` as in push_api.h.
void register_foreign_spans(Router& router, GrpcRouter& grpc_router, ApiContext& context,
                            std::shared_ptr<SpanRates> span_rates = nullptr);

// One datagram to a Jaeger agent port. Nobody is told of an error: it is counted, and the first one logged.
void take_jaeger_datagram(ApiContext& context, ThriftProtocol protocol, std::string datagram,
                          SpanRates* span_rates = nullptr);

}  // namespace obelisk
