#pragma once
// Jaeger's query API over stored spans, so that Jaeger's UI and its other readers work. docs/api/jaeger.md.
//   GET <prefix>/api/services, services/{service}/operations, operations, traces, traces/{id}, dependencies,
//   metrics/{latencies,calls,errors,minstep} (service_metrics.h)
//   GET /api/v3/services, operations, traces, traces/{id}, dependencies, trace-summaries, capabilities
//   the stable API, OTLP inside; POST for traces and trace-summaries
//   gRPC jaeger.api_v2.QueryService, jaeger.api_v3.QueryService, jaeger.api_v3.Capabilities,
//   jaeger.api_v2.SamplingManager
//   POST, DELETE <prefix>/api/archive/{id}; gRPC ArchiveTrace                   trace_archive.h
//   GET /sampling, /api/sampling?service=                                       what SDKs are told to sample
// The UI's API has the same paths as Tempo's in places, so on the one port it stands below /jaeger (Jaeger's
// --query.base-path); jaeger_query_listen opens an address of its own, where it stands at the root.
#include <memory>
#include <string>

#include "api/jaeger/sampling_strategies.h"
#include "api/jaeger/trace_archive.h"
#include "api/request/context.h"
#include "net/grpc_router.h"
#include "net/router.h"

namespace obelisk {

// The context and the archive must outlive the router.
void register_jaeger_ui_api(Router& router, ApiContext& context, jaeger::TraceArchive& archive,
                            const std::string& prefix);
void register_jaeger_v3_api(Router& router, ApiContext& context);
void register_jaeger_grpc(GrpcRouter& router, ApiContext& context, jaeger::TraceArchive& archive);
void register_jaeger_sampling(Router& router, GrpcRouter& grpc_router,
                              std::shared_ptr<const SamplingStrategies> strategies);

}  // namespace obelisk
