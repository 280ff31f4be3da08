#pragma once
// Loki's query API under /loki/api/v1, so that Grafana, logcli and other clients of Loki work unchanged:
// queries, labels, series, volumes, detected fields and labels, tail. Errors are plain text with Loki's
// wording. Not there, and saying so: patterns. The API before v1 (/api/prom) and v2alpha are 404.
#include "api/loki/tail_service.h"
#include "api/request/context.h"
#include "net/router.h"

namespace obelisk {

// The context and the tails must outlive the router.
void register_loki_api(Router& router, ApiContext& context, loki::TailService& tails);

}  // namespace obelisk
