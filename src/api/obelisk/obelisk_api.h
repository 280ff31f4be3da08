#pragma once
// Obelisk's own API: what goes from one signal to the next without links that somebody configured.
// docs/api/obelisk.md.
#include "api/request/context.h"
#include "api/request/rule_api.h"
#include "net/router.h"

namespace obelisk {

// The context must outlive the router.
void register_obelisk_api(Router& router, ApiContext& context);
// Rule groups in TraceQL; the store must outlive the router.
void register_trace_rules(Router& router, ApiContext& context, RuleApiParts parts);

}  // namespace obelisk
