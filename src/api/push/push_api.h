#pragma once
// The endpoints that telemetry is pushed to. Every one answers only after the store has said that the rows
// are durable.
//   POST /v1/traces, /v1/logs, /v1/metrics                OTLP/HTTP, protobuf and JSON
//   POST /otlp/v1/logs                                    the same for logs, where Loki has it
//   POST /api/v1/otlp/v1/metrics                          the same for metrics, where Prometheus has it
//   gRPC opentelemetry.proto.collector.{trace,logs,metrics}.v1.*Service/Export
//   POST /api/v1/write                                    Prometheus remote write 1.0 and 2.0
//   POST /api/v1/import/prometheus                        exposition formats, as VictoriaMetrics takes them
//   Zipkin and Jaeger spans: foreign_spans.h
//   POST /loki/api/v1/push, /api/prom/push                Loki push, JSON and protobuf
//   POST /_bulk, /{index}/_bulk, also below /elasticsearch   Elasticsearch's bulk requests, with the
//   questions
//                                                         that shippers ask before they send them
#include "api/request/context.h"
#include "net/grpc_router.h"
#include "net/router.h"

namespace obelisk {

class SpanRates;

// `span_rates`: how much each tenant may send in spans; null: no limit. Over it the answer is 429 (gRPC:
// RESOURCE_EXHAUSTED) with the time after which it is worth trying again.
void register_push_api(Router& router, GrpcRouter& grpc_router, ApiContext& context,
                       std::shared_ptr<SpanRates> span_rates = nullptr);

// The parts of it.
void register_otlp_http(Router& router, ApiContext& context, std::shared_ptr<SpanRates> span_rates = nullptr);
void register_otlp_grpc(GrpcRouter& router, ApiContext& context,
                        std::shared_ptr<SpanRates> span_rates = nullptr);
void register_remote_write(Router& router, ApiContext& context);
void register_loki_push(Router& router, ApiContext& context);
void register_import(Router& router, ApiContext& context);
void register_elastic_bulk(Router& router, ApiContext& context);

// What GET / answers to a shipper that expects Elasticsearch; whether a request to / is one.
HttpResponse elastic_greeting();
bool expects_elastic(const HttpRequest& request);

}  // namespace obelisk
