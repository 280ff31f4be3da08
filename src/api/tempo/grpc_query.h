#pragma once
// Query methods over gRPC: a call with its tenant and its query's lifetime, answered by a stream of messages
// (or the one of a unary method). Messages go out as the client takes them, so that a slow one costs no more
// than what is encoded. Errors are answered as statuses.
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "api/tempo/tempo_call.h"
#include "net/grpc_router.h"

namespace obelisk::tempo {

inline constexpr size_t kGrpcMessageBytes = 1 << 20;  // Tempo's packets; gRPC clients accept 4 MiB by default

// `call.exchange` is null, and there are no parameters.
using GrpcMethod =
    std::function<Result<std::vector<std::string>>(const TempoCall& call, std::string_view message)>;
GrpcHandler grpc_handler_of(const ApiContext& api, GrpcMethod method);

}  // namespace obelisk::tempo
