#pragma once
// Traces by parts: /obelisk/api/v1/traces/{id}/overview, /timeline, /tree, /way, /span, /aggregate,
// /critical-path, for traces that are too large to be sent whole. docs/api/obelisk.md. All are answered from
// the outline of the trace, which is kept between requests (outline_cache.h).
#include "api/request/context.h"
#include "net/router.h"

namespace obelisk {

// The context must outlive the router.
void register_trace_parts(Router& router, ApiContext& context);

}  // namespace obelisk
