#pragma once
// For tests: a server on a free loopback port with its own worker pool. Not for the server.
#include <functional>
#include <memory>
#include <string>

#include "base/worker_pool.h"
#include "net/server.h"

namespace obelisk {

class TestServer {
 public:
  using Adjust = std::function<void(ServerOptions&)>;

  explicit TestServer(HttpHandler handler, const Adjust& adjust = {}, size_t threads = 2,
                      size_t queue_length_max = 64)
      : workers_("test-work", threads, queue_length_max) {
    ServerOptions options;
    options.http_handler = std::move(handler);
    options.workers = &workers_;
    if (adjust) adjust(options);
    auto started = Server::start(std::move(options));
    OBELISK_ASSERT(started.ok());
    server_ = std::move(*started);
  }

  Server& server() { return *server_; }
  uint16_t port() const { return server_->port(); }
  std::string url(std::string_view target) const {
    return "http://" + server_->address() + std::string(target);
  }

 private:
  WorkerPool workers_;  // outlives the server
  std::unique_ptr<Server> server_;
};

}  // namespace obelisk
