#include "api/loki/loki_api.h"

#include <utility>

#include "api/loki/loki_handlers.h"

namespace obelisk {

void register_loki_api(Router& router, ApiContext& context, loki::TailService& tails, RuleApiParts rules,
                       loki::DeleteService& deletes) {
  loki::register_query_routes(router, context);
  loki::register_label_routes(router, context);
  loki::register_index_routes(router, context);
  loki::register_field_routes(router, context);
  loki::register_pattern_routes(router, context);
  loki::register_status_routes(router, context);
  loki::register_tail_routes(router, context, tails);
  loki::register_delete_routes(router, context, deletes);
  loki::register_rule_routes(router, context, std::move(rules));
}

}  // namespace obelisk
