#include "net/listener.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstring>

#include "base/log.h"
#include "net/listen_address.h"

namespace obelisk {
namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

struct Listener::Implementation {
  explicit Implementation(asio::io_context& context) : acceptor(context), pause(context) {}
  tcp::acceptor acceptor;
  asio::steady_timer pause;
  Accepted accepted;
};

namespace {

// What to do about it, where that is known.
std::string_view advice(const error_code& error) {
  if (error == asio::error::address_in_use)
    return "; another process listens there (ss -ltnp names it): stop it, or choose another address";
  if (error == asio::error::access_denied)
    return "; ports below 1024 need a privilege: choose another address";
  return error == boost::system::errc::address_not_available
             ? "; no interface of this machine has this address: choose another one"
             : "";
}

}  // namespace

Listener::Listener(std::shared_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}
Listener::~Listener() = default;

Result<std::shared_ptr<Listener>> Listener::bind(IoLoop& loop, std::string_view address) {
  OBELISK_TRY(ListenAddress parsed, parse_listen_address(address));
  tcp::endpoint endpoint(asio::ip::make_address(parsed.host), parsed.port);
  auto state = std::make_shared<Implementation>(loop.context());
  tcp::acceptor& acceptor = state->acceptor;
  error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (!error) acceptor.non_blocking(true, error);
  if (error)
    return make_error(ErrorCode::io,
                      fmt::format("cannot listen on {}: {}{}", address, error.message(), advice(error)));
  std::shared_ptr<Listener> listener(new Listener(state));
  listener->port_ = acceptor.local_endpoint(error).port();
  listener->address_ = fmt::format("{}:{}", address.substr(0, address.rfind(':')), listener->port_);
  return listener;
}

void Listener::start(Accepted accepted) {
  implementation_->accepted = std::move(accepted);
  wait(implementation_);
}

void Listener::wait(std::shared_ptr<Implementation> state) {
  tcp::acceptor& acceptor = state->acceptor;
  acceptor.async_wait(tcp::acceptor::wait_read, [state = std::move(state)](error_code error) {
    if (error || !state->acceptor.is_open()) return;
    if (accept_all(*state)) return wait(state);
    state->pause.expires_after(std::chrono::milliseconds(100));
    state->pause.async_wait([state](error_code stopped) {
      if (!stopped && state->acceptor.is_open()) wait(state);
    });
  });
}

// False when the process is out of descriptors or memory: the socket stays readable, so waiting at once would
// spin.
bool Listener::accept_all(Implementation& state) {
  for (;;) {
    int descriptor =
        ::accept4(state.acceptor.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor >= 0) {
      state.accepted(descriptor);
      if (!state.acceptor.is_open()) return true;
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      log_warning("net", fmt::format("cannot accept a connection: {}", std::strerror(errno)));
      return false;
    }
    return true;
  }
}

void Listener::close() {
  error_code ignored;
  implementation_->acceptor.close(ignored);
  implementation_->pause.cancel();
  implementation_->accepted = nullptr;
}

}  // namespace obelisk
