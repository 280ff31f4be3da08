#include "api/push/push_api.h"

#include "api/push/foreign_spans.h"

namespace obelisk {

void register_push_api(Router& router, GrpcRouter& grpc_router, ApiContext& context) {
  register_otlp_http(router, context);
  register_otlp_grpc(grpc_router, context);
  register_remote_write(router, context);
  register_loki_push(router, context);
  register_import(router, context);
  register_elastic_bulk(router, context);
  register_foreign_spans(router, grpc_router, context);
}

}  // namespace obelisk
