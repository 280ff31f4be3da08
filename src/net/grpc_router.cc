#include "net/grpc_router.h"

namespace obelisk {

void GrpcRouter::add(std::string path, GrpcHandler handler) {
  bool added = handlers_.emplace(std::move(path), std::move(handler)).second;
  OBELISK_ASSERT(added);
}

void GrpcRouter::route(GrpcCallPtr call) const {
  auto it = handlers_.find(call->request().path);
  if (it == handlers_.end())
    return call->finish(GrpcStatus::unimplemented, "unknown method " + call->request().path);
  it->second(std::move(call));
}

}  // namespace obelisk
