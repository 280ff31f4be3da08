#include "api/push/push_api.h"

namespace obelisk {

void register_push_api(Router& router, GrpcRouter& grpc_router, ApiContext& context) {
  register_otlp_http(router, context);
  register_otlp_grpc(grpc_router, context);
  register_remote_write(router, context);
  register_loki_push(router, context);
}

}  // namespace obelisk
