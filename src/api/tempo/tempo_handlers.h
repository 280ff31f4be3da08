#pragma once
// The routes of the Tempo API by subject; tempo_api.cc registers them all.
#include "api/request/context.h"
#include "net/grpc_router.h"
#include "net/router.h"

namespace obelisk::tempo {

void register_trace_routes(Router& router, ApiContext& context);
void register_search_routes(Router& router, ApiContext& context);
void register_tag_routes(Router& router, ApiContext& context);
void register_metrics_routes(Router& router, ApiContext& context);
void register_streaming_querier(GrpcRouter& router, ApiContext& context);

}  // namespace obelisk::tempo
