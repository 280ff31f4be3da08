#pragma once
// The one-port server. Every listener speaks HTTP/1.1 (keep-alive, pipelining, chunked bodies, 100-continue,
// WebSocket) and, when a connection starts with the HTTP/2 preface, HTTP/2 in clear text with gRPC on it.
// Connections live on io threads; handlers run on worker pools, so that a slow handler never stops the
// network. When a pool's queue is full the answer is 503 with Retry-After (gRPC: UNAVAILABLE), and it is
// counted. Errors of the network layer are text/plain and name the limit: 400 malformed, 408 too slow, 413
// body, 431 headers. Thread safe. Shutting down: stop_accepting(), drain(), then the destructor (or close())
// breaks off what is left.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/worker_pool.h"
#include "net/grpc_call.h"
#include "net/http_exchange.h"

namespace obelisk {

struct ServerOptions {
  // "address:port" or "[v6 address]:port"; port 0 takes a free one. Names are not resolved, except
  // "localhost".
  std::vector<std::string> listeners{"127.0.0.1:0"};
  size_t io_thread_count = 1;
  size_t connections_max = 4096;  // further ones get a 503 and are closed

  size_t header_bytes_max = size_t{64} << 10;  // request line and headers
  size_t body_bytes_max = size_t{64} << 20;    // one request body as sent
  // Bodies held at one time over all connections; more is refused with 503.
  size_t buffered_body_bytes_max = size_t{512} << 20;
  size_t websocket_message_bytes_max = size_t{1} << 20;  // from a client
  size_t websocket_queue_bytes_max = size_t{4} << 20;    // to a client

  // Timeouts have a precision of 100 ms.
  int64_t idle_timeout_ms = 120'000;   // between requests
  int64_t header_timeout_ms = 10'000;  // from the first byte of a request to the end of its headers
  // A body may take this long plus the time for its bytes at kBodyBytesPerSecondMin.
  int64_t body_timeout_ms = 30'000;
  static constexpr int64_t kBodyBytesPerSecondMin = 16 << 10;
  int64_t write_timeout_ms = 60'000;  // a client that takes no byte of an answer for this long is cut off

  HttpHandler http_handler;       // required
  GrpcHandler grpc_handler;       // without it every gRPC call ends with UNIMPLEMENTED
  WorkerPool* workers = nullptr;  // required; must outlive the server
  // Picks the pool for a request, so that queries and pushes do not wait for each other. `path` is the
  // decoded path or the gRPC method. Null runs the handler on the io thread: only for what takes
  // microseconds. Not set: `workers`.
  std::function<WorkerPool*(std::string_view method, std::string_view path)> choose_workers;
  // Whether the handler of a request runs on the io thread instead: for what takes less time than waking a
  // worker does, and never waits. Not set: none.
  std::function<bool(const HttpRequest&)> is_quick;
};

class Server {
 public:
  static Result<std::unique_ptr<Server>> start(ServerOptions options);
  ~Server();

  // The bound port of the listener at `index` of ServerOptions::listeners.
  uint16_t port(size_t index = 0) const;
  // "127.0.0.1:4319"
  std::string address(size_t index = 0) const;
  size_t connection_count() const;

  void stop_accepting();
  // Lets requests under way finish and closes idle connections. True when none is left before the time is
  // over.
  bool drain(std::chrono::milliseconds time);
  // Closes what is left. Handlers still running find their exchanges cancelled.
  void close();

 private:
  struct Implementation;
  explicit Server(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace obelisk
