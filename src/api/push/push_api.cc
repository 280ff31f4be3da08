#include "api/push/push_api.h"

#include "api/push/foreign_spans.h"

namespace obelisk {

void register_push_api(Router& router, GrpcRouter& grpc_router, ApiContext& context,
                       std::shared_ptr<SpanRates> span_rates) {
  register_otlp_http(router, context, span_rates);
  register_otlp_grpc(grpc_router, context, span_rates);
  register_remote_write(router, context);
  register_loki_push(router, context);
  register_import(router, context);
  register_elastic_bulk(router, context);
  register_foreign_spans(router, grpc_router, context, std::move(span_rates));
}

}  // namespace obelisk
