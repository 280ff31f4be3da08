#include "net/server_core.h"

#include <fmt/format.h>

#include <exception>

#include "base/log.h"
#include "net/net_metrics.h"

namespace obelisk {
namespace {

// A handler that throws has a bug, and its exchange answers 500 when it is destroyed; the server goes on.
template <typename Work>
void run_guarded(std::string_view path, const Work& work) {
  try {
    work();
  } catch (const std::exception& exception) {
    log_error("net", fmt::format("handler of {} threw: {}", path, exception.what()));
  }
}

}  // namespace

ServerCore::ServerCore(ServerOptions options)
    : options_(std::move(options)), budget_(std::make_shared<BodyBudget>(options_.buffered_body_bytes_max)) {}

std::shared_ptr<void> ServerCore::admit_connection() {
  {
    MutexLock lock(mutex_);
    if (connections_ >= options_.connections_max) return nullptr;
    ++connections_;
  }
  net_metrics().connections.add(1);
  net_metrics().connections_total.add();
  return std::shared_ptr<void>(static_cast<void*>(this),
                               [core = shared_from_this()](void*) { core->release_connection(); });
}

void ServerCore::release_connection() {
  net_metrics().connections.add(-1);
  MutexLock lock(mutex_);
  --connections_;
  connections_changed_.notify_all();
}

size_t ServerCore::connection_count() const {
  MutexLock lock(mutex_);
  return connections_;
}

bool ServerCore::wait_for_no_connections(std::chrono::milliseconds time) {
  auto deadline = std::chrono::steady_clock::now() + time;
  MutexLock lock(mutex_);
  while (connections_ > 0) {
    auto left = deadline - std::chrono::steady_clock::now();
    if (left <= std::chrono::nanoseconds(0)) return false;
    lock.wait_for(connections_changed_, left);
  }
  return true;
}

bool ServerCore::run(std::string_view method, std::string_view path, std::function<void()> work) {
  WorkerPool* pool = options_.choose_workers ? options_.choose_workers(method, path) : options_.workers;
  if (pool == nullptr) {
    work();
    return true;
  }
  if (pool->submit(std::move(work))) return true;
  rejected_total(NetLimit::worker_queue).add();
  return false;
}

void ServerCore::dispatch(HttpExchangePtr exchange) {
  const HttpRequest& request = exchange->request();
  if (options_.is_quick && options_.is_quick(request))
    return run_guarded(request.target, [&] { options_.http_handler(exchange); });
  bool accepted = run(request.method, request.path, [core = shared_from_this(), exchange] {
    run_guarded(exchange->request().target, [&] { core->options_.http_handler(exchange); });
  });
  if (!accepted) exchange->respond(overloaded_response("the queue of waiting requests is full"));
}

void ServerCore::dispatch(GrpcCallPtr call, std::vector<GrpcFrame> frames, std::string encoding) {
  if (!options_.grpc_handler)
    return call->finish(GrpcStatus::unimplemented, "this server has no gRPC method " + call->request().path);
  auto shared_frames = std::make_shared<std::vector<GrpcFrame>>(std::move(frames));
  auto work = [core = shared_from_this(), call, shared_frames, encoding = std::move(encoding)] {
    run_guarded(call->request().path, [&] {
      auto messages = decode_grpc_frames(std::move(*shared_frames), encoding, core->options_.body_bytes_max);
      if (!messages.ok()) return call->finish_with(messages.error());
      call->request().messages = std::move(*messages);
      core->options_.grpc_handler(call);
    });
  };
  if (!run("POST", call->request().path, std::move(work)))
    call->finish(GrpcStatus::unavailable, "the queue of waiting requests is full, try again");
}

HttpResponse too_large_response(int status, std::string_view what, size_t limit) {
  return text_response(status, fmt::format("{} is over the limit of {} bytes", what, limit));
}

HttpResponse overloaded_response(std::string_view what) {
  HttpResponse response = text_response(503, fmt::format("{}, try again", what));
  response.headers.emplace_back("retry-after", "1");
  return response;
}

}  // namespace obelisk
