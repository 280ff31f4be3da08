#pragma once
// Zipkin's query API v2 over stored spans, below /api/v2 and (as Zipkin's own UI calls it) /zipkin/api/v2:
// services, spans, remoteServices, traces, trace/{id}, traceMany, dependencies, autocompleteKeys,
// autocompleteValues. docs/api/zipkin.md. Spans are sent to POST /api/v2/spans (api/push/foreign_spans.h).
#include "api/request/context.h"
#include "net/router.h"

namespace obelisk {

// The context must outlive the router.
void register_zipkin_api(Router& router, ApiContext& context);

}  // namespace obelisk
