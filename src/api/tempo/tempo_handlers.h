#pragma once
// The routes of the Tempo API by subject; tempo_api.cc registers them all.
#include "api/tempo/tempo_api.h"
#include "api/tempo/tempo_call.h"
#include "api/tempo/trace_diff_json.h"
#include "net/grpc_router.h"
#include "net/router.h"

namespace obelisk::tempo {

// Answers that other forms of asking (MCP) give, too. Paths as in the routes.
Result<HttpResponse> found_traces(TempoCall& call, const PathParameters& path);
Result<HttpResponse> metrics_over_a_range(TempoCall& call, const PathParameters& path);
Result<HttpResponse> metrics_at_once(TempoCall& call, const PathParameters& path);
Result<HttpResponse> trace_by_id_v2(TempoCall& call, const PathParameters& path);
Result<HttpResponse> tag_scopes(TempoCall& call, const PathParameters& path);
Result<HttpResponse> typed_tag_values(TempoCall& call, const PathParameters& path);
Result<HttpResponse> diff_of(TempoCall& call, const std::string& base, const std::string& compare,
                             DiffFormat format);

void register_trace_routes(Router& router, ApiContext& context);
void register_search_routes(Router& router, ApiContext& context);
void register_tag_routes(Router& router, ApiContext& context);
void register_metrics_routes(Router& router, ApiContext& context);
void register_mcp(Router& router, ApiContext& context);
void register_overrides(Router& router, ApiContext& context, TempoOverrides overrides);
void register_streaming_querier(GrpcRouter& router, ApiContext& context);

}  // namespace obelisk::tempo
