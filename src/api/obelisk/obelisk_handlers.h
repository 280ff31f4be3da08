#pragma once
// The groups of routes of this folder. Internal to api/obelisk.
#include "api/request/context.h"
#include "net/router.h"

namespace obelisk {

void register_trace_pivots(Router& router, ApiContext& context);
void register_parse_routes(Router& router, ApiContext& context);
void register_query_control(Router& router, ApiContext& context);
void register_service_graph(Router& router, ApiContext& context);
void register_trace_comparison(Router& router, ApiContext& context);
void register_traceql_explain(Router& router, ApiContext& context);
void register_new_patterns(Router& router, ApiContext& context);

}  // namespace obelisk
