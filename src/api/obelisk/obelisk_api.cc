#include "api/obelisk/obelisk_api.h"

#include "api/obelisk/obelisk_handlers.h"
#include "api/obelisk/trace_parts.h"

namespace obelisk {

void register_obelisk_api(Router& router, ApiContext& context) {
  register_trace_pivots(router, context);
  register_trace_parts(router, context);
  register_parse_routes(router, context);
  register_query_control(router, context);
  register_service_graph(router, context);
  register_trace_comparison(router, context);
  register_traceql_explain(router, context);
  register_new_patterns(router, context);
}

}  // namespace obelisk
