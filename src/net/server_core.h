#pragma once
// What all connections of one server share: options, the body budget, the count of connections, and the way
// from a complete request to its handler. Internal to net. Thread safe.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>

#include "base/thread_annotations.h"
#include "net/body_budget.h"
#include "net/server.h"

namespace obelisk {

class ServerCore : public std::enable_shared_from_this<ServerCore> {
 public:
  explicit ServerCore(ServerOptions options);

  const ServerOptions& options() const { return options_; }
  BodyCharge make_charge() const { return BodyCharge(budget_); }
  size_t buffered_body_bytes_max() const { return budget_->bytes_max(); }

  bool draining() const { return draining_.load(std::memory_order_relaxed); }
  void set_draining() { draining_ = true; }

  // Counts a connection for as long as the token lives. Null when connections_max is reached.
  std::shared_ptr<void> admit_connection();
  size_t connection_count() const;
  bool wait_for_no_connections(std::chrono::milliseconds time);

  // Runs the handler on its pool, or answers 503 / UNAVAILABLE.
  void dispatch(HttpExchangePtr exchange);
  // `frames` are decompressed with `encoding` on the way.
  void dispatch(GrpcCallPtr call, std::vector<GrpcFrame> frames, std::string encoding);

 private:
  // False when the pool is full.
  bool run(std::string_view method, std::string_view path, std::function<void()> work);
  void release_connection();

  const ServerOptions options_;
  const std::shared_ptr<BodyBudget> budget_;
  std::atomic<bool> draining_{false};
  mutable Mutex mutex_;
  std::condition_variable connections_changed_;
  size_t connections_ GUARDED_BY(mutex_) = 0;
};

// "{what} is over the limit of {limit} bytes": the one wording of a size error.
HttpResponse too_large_response(int status, std::string_view what, size_t limit);
HttpResponse overloaded_response(std::string_view what);

}  // namespace obelisk
