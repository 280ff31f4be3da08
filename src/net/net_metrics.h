#pragma once
// The network's own metrics.
#include <string_view>

#include "base/self_metrics.h"
#include "net/grpc_framing.h"

namespace obelisk {

enum class NetProtocol { http1, http2 };

// Which limit a connection or request ran into.
enum class NetLimit {
  connections,
  header_bytes,
  body_bytes,
  buffered_bodies,
  worker_queue,
  header_timeout,
  body_timeout,
  write_timeout,
  malformed,
  stream_queue,
  websocket_queue
};

struct NetMetrics {
  Gauge& connections;
  Counter& connections_total;
  Counter& received_bytes;
  Counter& sent_bytes;
  Gauge& websockets;
};

NetMetrics& net_metrics();
Counter& rejected_total(NetLimit limit);
// Counted by class ("2xx"). A gRPC call is counted by its grpc-status instead.
void count_http_request(NetProtocol protocol, int status);
void count_grpc_call(GrpcStatus status);

}  // namespace obelisk
