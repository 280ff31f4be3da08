#pragma once
// Jaeger's query API over stored spans, so that Jaeger's UI and its other readers work. docs/api/jaeger.md.
//   GET <prefix>/api/services, services/{service}/operations, operations, traces, traces/{id}, dependencies
//   GET /api/v3/services, operations, traces, traces/{id}                        the stable API, OTLP inside
// The UI's API has the same paths as Tempo's in places, so on the one port it stands below /jaeger (Jaeger's
// --query.base-path); jaeger_query_listen opens an address of its own, where it stands at the root.
#include <string>

#include "api/request/context.h"
#include "net/router.h"

namespace obelisk {

// The context must outlive the router.
void register_jaeger_ui_api(Router& router, ApiContext& context, const std::string& prefix);
void register_jaeger_v3_api(Router& router, ApiContext& context);

}  // namespace obelisk
