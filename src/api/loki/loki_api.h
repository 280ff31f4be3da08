#pragma once
// Loki's query API under /loki/api/v1, so that Grafana, logcli and other clients of Loki work unchanged:
// queries, labels, series, volumes, detected fields and labels, patterns, tail. Errors are plain text with
// Loki's wording. Of the API before v1 (/api/prom) labels, values, series and tail are served; v2alpha is
// 404.
#include "api/loki/loki_handlers.h"
#include "api/loki/tail_service.h"
#include "api/request/context.h"
#include "net/router.h"

namespace obelisk {

// The context and what the others point to must outlive the router.
void register_loki_api(Router& router, ApiContext& context, loki::TailService& tails, RuleApiParts rules,
                       loki::DeleteService& deletes);

}  // namespace obelisk
