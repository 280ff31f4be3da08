#pragma once
// Tempo's query API, so that Grafana and other clients of Tempo work unchanged: traces by id, search, tags
// and their values, TraceQL metrics over HTTP, and the gRPC service tempopb.StreamingQuerier on the same
// port. Differences that are meant: a search reads the whole stored range when none is given; answers are
// complete over the range, with the most recent traces first; a trace is returned whole whatever start and
// end say; sampling hints change nothing, since results are exact.
#include <functional>
#include <string>
#include <string_view>

#include "api/request/context.h"
#include "net/grpc_router.h"
#include "net/router.h"

namespace obelisk {

class OverrideStore;

// The context must outlive both routers.
// What tenants may set for themselves, at /api/overrides. The functions know what the texts mean.
struct TempoOverrides {
  OverrideStore* store = nullptr;  // null: the server has none, and says so
  // Refuses a document that cannot be applied; gives it as it is stored.
  std::function<Result<std::string>(std::string_view json)> check;
  // All settings in force for a tenant, as such a document.
  std::function<std::string(const Tenant&)> merged;
};

void register_tempo_api(Router& router, GrpcRouter& grpc_router, ApiContext& context,
                        TempoOverrides overrides = {});

}  // namespace obelisk
