#pragma once
// The routes of the Loki API by subject; loki_api.cc registers them all.
#include "api/loki/delete_service.h"
#include "api/loki/tail_service.h"
#include "api/request/context.h"
#include "api/request/rule_api.h"
#include "net/router.h"

namespace obelisk::loki {

void register_query_routes(Router& router, ApiContext& context);
void register_label_routes(Router& router, ApiContext& context);
void register_index_routes(Router& router, ApiContext& context);
void register_field_routes(Router& router, ApiContext& context);
void register_pattern_routes(Router& router, ApiContext& context);
void register_status_routes(Router& router, ApiContext& context);
void register_rule_routes(Router& router, ApiContext& context, RuleApiParts parts);
void register_delete_routes(Router& router, ApiContext& context, DeleteService& deletes);
void register_tail_routes(Router& router, ApiContext& context, TailService& tails);

}  // namespace obelisk::loki
