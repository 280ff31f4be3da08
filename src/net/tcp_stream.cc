#include "net/tcp_stream.h"

#include <fmt/format.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include "base/assert.h"
#include "net/net_metrics.h"

namespace obelisk {
namespace asio = boost::asio;
using boost::system::error_code;

// Shared with the handlers of operations under way, so that a stream may be destroyed inside an event.
struct TcpStream::Implementation {
  explicit Implementation(asio::io_context& context) : socket(context) {}
  asio::ip::tcp::socket socket;
  bool reading = false;
  bool writing = false;
  bool closed = false;
};

TcpStream::TcpStream(IoLoop& loop, int descriptor)
    : implementation_(std::make_shared<Implementation>(loop.context())) {
  error_code ignored;
  asio::ip::tcp::socket& socket = implementation_->socket;
  socket.assign(asio::ip::tcp::v4(), descriptor, ignored);
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  asio::ip::tcp::endpoint peer = socket.remote_endpoint(ignored);
  bool v6 = peer.address().is_v6();
  remote_address_ =
      fmt::format("{}{}{}:{}", v6 ? "[" : "", peer.address().to_string(), v6 ? "]" : "", peer.port());
}

TcpStream::~TcpStream() {
  close();
}

void TcpStream::read_some(char* buffer, size_t size, std::shared_ptr<TcpStreamEvents> events) {
  Implementation& state = *implementation_;
  OBELISK_ASSERT(!state.reading && !state.closed && size > 0);
  state.reading = true;
  state.socket.async_read_some(
      asio::buffer(buffer, size),
      [implementation = implementation_, events = std::move(events)](error_code error, size_t bytes) {
        implementation->reading = false;
        if (implementation->closed) return;
        if (error || bytes == 0) return events->on_read_end();
        net_metrics().received_bytes.add(bytes);
        events->on_read(bytes);
      });
}

void TcpStream::write(std::string_view first, std::string_view second,
                      std::shared_ptr<TcpStreamEvents> events) {
  Implementation& state = *implementation_;
  OBELISK_ASSERT(!state.writing && !state.closed);
  state.writing = true;
  std::array<asio::const_buffer, 2> buffers{asio::buffer(first.data(), first.size()),
                                            asio::buffer(second.data(), second.size())};
  asio::async_write(
      state.socket, buffers,
      [implementation = implementation_, events = std::move(events)](error_code error, size_t bytes) {
        implementation->writing = false;
        net_metrics().sent_bytes.add(bytes);
        if (implementation->closed) return;
        events->on_written(!error);
      });
}

bool TcpStream::reading() const {
  return implementation_->reading;
}
bool TcpStream::writing() const {
  return implementation_->writing;
}

void TcpStream::shutdown_send() {
  error_code ignored;
  implementation_->socket.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
}

void TcpStream::close() {
  if (implementation_->closed) return;
  implementation_->closed = true;
  error_code ignored;
  implementation_->socket.close(ignored);
}

bool TcpStream::open() const {
  return !implementation_->closed;
}

int TcpStream::release() {
  OBELISK_ASSERT(!implementation_->closed && !implementation_->reading && !implementation_->writing);
  implementation_->closed = true;
  return implementation_->socket.release();
}

}  // namespace obelisk
