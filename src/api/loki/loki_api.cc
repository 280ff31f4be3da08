#include "api/loki/loki_api.h"

#include "api/loki/loki_handlers.h"

namespace obelisk {

void register_loki_api(Router& router, ApiContext& context, loki::TailService& tails) {
  loki::register_query_routes(router, context);
  loki::register_label_routes(router, context);
  loki::register_index_routes(router, context);
  loki::register_field_routes(router, context);
  loki::register_status_routes(router, context);
  loki::register_tail_routes(router, context, tails);
}

}  // namespace obelisk
