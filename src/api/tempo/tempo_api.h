#pragma once
// Tempo's query API, so that Grafana and other clients of Tempo work unchanged: traces by id, search, tags
// and their values, TraceQL metrics over HTTP, and the gRPC service tempopb.StreamingQuerier on the same
// port. Differences that are meant: a search reads the whole stored range when none is given; answers are
// complete over the range, with the most recent traces first; a trace is returned whole whatever start and
// end say; sampling hints change nothing, since results are exact.
#include "api/request/context.h"
#include "net/grpc_router.h"
#include "net/router.h"

namespace obelisk {

// The context must outlive both routers.
void register_tempo_api(Router& router, GrpcRouter& grpc_router, ApiContext& context);

}  // namespace obelisk
