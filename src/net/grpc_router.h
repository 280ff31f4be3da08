#pragma once
// Routes gRPC calls by their full method name. Methods are added before the server starts; after that route()
// is safe from any thread. An unknown method finishes with UNIMPLEMENTED and names it.
#include <map>
#include <string>

#include "net/grpc_call.h"

namespace obelisk {

class GrpcRouter {
 public:
  // `path` "/tempopb.StreamingQuerier/Search". Adding the same path twice is a programming error.
  void add(std::string path, GrpcHandler handler);
  void route(GrpcCallPtr call) const;

 private:
  std::map<std::string, GrpcHandler, std::less<>> handlers_;
};

}  // namespace obelisk
