#include "net/server.h"

#include <sys/socket.h>
#include <unistd.h>

#include <fmt/format.h>

#include <condition_variable>

#include "net/connection_start.h"
#include "net/io_loop.h"
#include "net/listener.h"
#include "net/net_metrics.h"
#include "net/server_core.h"

namespace obelisk {
namespace {

// The connection is refused before anything is known of it, so plain HTTP/1.1 is the best guess.
void refuse_connection(int descriptor, size_t connections_max) {
  rejected_total(NetLimit::connections).add();
  std::string body = fmt::format("the limit of {} connections is reached, try again\n", connections_max);
  std::string answer = fmt::format(
      "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-type: text/plain; charset=utf-8\r\n"
      "content-length: {}\r\nconnection: close\r\n\r\n{}",
      body.size(), body);
  [[maybe_unused]] ssize_t sent =
      ::send(descriptor, answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  ::shutdown(descriptor, SHUT_WR);
  ::close(descriptor);
}

// Runs `work` on the loop and waits for it.
void run_and_wait(IoLoop& loop, const std::function<void()>& work) {
  Mutex mutex;
  std::condition_variable finished;
  bool done = false;
  bool posted = loop.post([&] {
    work();
    MutexLock lock(mutex);
    done = true;
    finished.notify_one();
  });
  if (!posted) return;
  MutexLock lock(mutex);
  while (!done) lock.wait(finished);
}

}  // namespace

struct Server::Implementation {
  std::shared_ptr<ServerCore> core;
  std::vector<std::shared_ptr<IoLoop>> loops;
  std::vector<std::shared_ptr<Listener>> listeners;
  size_t next_loop = 0;  // first loop's thread only
  bool accepting = true;
  bool closed = false;

  void accept(int descriptor) {
    std::shared_ptr<void> token = core->admit_connection();
    if (!token) return refuse_connection(descriptor, core->options().connections_max);
    std::shared_ptr<IoLoop> loop = loops[next_loop++ % loops.size()];
    auto connection = std::make_shared<ConnectionStart>(core, loop, descriptor, std::move(token));
    loop->post([connection] { connection->start(); });  // a loop that has stopped drops it, which closes it
  }
};

Server::Server(std::unique_ptr<Implementation> implementation) : implementation_(std::move(implementation)) {}

Server::~Server() {
  close();
}

Result<std::unique_ptr<Server>> Server::start(ServerOptions options) {
  OBELISK_ASSERT(options.http_handler && options.workers && options.io_thread_count > 0);
  auto state = std::make_unique<Implementation>();
  std::vector<std::string> addresses = options.listeners;
  size_t loop_count = options.io_thread_count;
  state->core = std::make_shared<ServerCore>(std::move(options));
  for (size_t i = 0; i < loop_count; ++i)
    state->loops.push_back(std::make_shared<IoLoop>(fmt::format("net-{}", i)));
  for (const std::string& address : addresses) {
    OBELISK_TRY(auto listener, Listener::bind(*state->loops[0], address));
    state->listeners.push_back(std::move(listener));
  }
  for (const auto& loop : state->loops) loop->start();
  Implementation* raw = state.get();
  state->loops[0]->post([raw] {
    for (const auto& listener : raw->listeners)
      listener->start([raw](int descriptor) { raw->accept(descriptor); });
  });
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

uint16_t Server::port(size_t index) const {
  return implementation_->listeners.at(index)->port();
}
std::string Server::address(size_t index) const {
  return implementation_->listeners.at(index)->address();
}
size_t Server::connection_count() const {
  return implementation_->core->connection_count();
}

void Server::stop_accepting() {
  if (!std::exchange(implementation_->accepting, false)) return;
  run_and_wait(*implementation_->loops[0], [this] {
    for (const auto& listener : implementation_->listeners) listener->close();
  });
}

bool Server::drain(std::chrono::milliseconds time) {
  implementation_->core->set_draining();
  for (const auto& loop : implementation_->loops) loop->post([raw = loop.get()] { raw->drain_members(); });
  return implementation_->core->wait_for_no_connections(time);
}

void Server::close() {
  if (std::exchange(implementation_->closed, true)) return;
  stop_accepting();
  implementation_->core->set_draining();
  for (const auto& loop : implementation_->loops) loop->stop();
}

}  // namespace obelisk
