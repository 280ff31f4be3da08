#include "net/websocket_session.h"

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <deque>
#include <optional>

#include "base/text.h"
#include "net/net_metrics.h"

namespace obelisk {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = boost::beast::websocket;
using boost::system::error_code;

constexpr size_t kCloseReasonBytesMax = 123;  // a control frame carries 125 bytes, 2 of them the code

class BeastWebSocket : public WebSocketSession, public std::enable_shared_from_this<BeastWebSocket> {
 public:
  BeastWebSocket(std::shared_ptr<ServerCore> core, std::shared_ptr<IoLoop> loop, WebSocketHandlers handlers)
      : loop_(std::move(loop)), core_(std::move(core)), handlers_(std::move(handlers)) {}

  void start(int descriptor, std::shared_ptr<void> token, const HttpRequest& request) override;
  void tick(SteadyTime) override {}  // Beast keeps its own timers
  void drain() override { close_on_loop(1001, "the server is shutting down"); }
  void close_now() override { end(1006, "connection closed"); }

  bool send_text(std::string message) override;
  size_t queued_bytes() const override { return queued_bytes_.load(std::memory_order_relaxed); }
  void close(uint16_t code, std::string reason) override;
  bool closed() const override { return closed_.load(std::memory_order_relaxed); }

 private:
  void accept();
  void read_next();
  void on_message(error_code error);
  void queue(std::string message);
  void write_next();
  void on_written(error_code error);
  void close_on_loop(uint16_t code, std::string reason);
  void send_close_frame();
  void end(uint16_t code, std::string reason);

  const std::shared_ptr<IoLoop> loop_;  // first, so that the socket dies before its loop
  const std::shared_ptr<ServerCore> core_;
  WebSocketHandlers handlers_;
  std::shared_ptr<void> token_;
  beast::http::request<beast::http::empty_body> handshake_;
  std::optional<websocket::stream<asio::ip::tcp::socket>> stream_;
  beast::flat_buffer incoming_;
  std::deque<std::string> outgoing_;
  bool open_ = false;
  bool writing_ = false;
  bool ended_ = false;
  std::optional<websocket::close_reason> close_wanted_;
  bool close_sent_ = false;
  std::atomic<size_t> queued_bytes_{0};
  std::atomic<bool> closed_{false};
};

void BeastWebSocket::start(int descriptor, std::shared_ptr<void> token, const HttpRequest& request) {
  token_ = std::move(token);
  net_metrics().websockets.add(1);
  stream_.emplace(loop_->context());
  error_code ignored;
  stream_->next_layer().assign(asio::ip::tcp::v4(), descriptor, ignored);
  const ServerOptions& options = core_->options();
  stream_->read_message_max(options.websocket_message_bytes_max);
  websocket::stream_base::timeout timeouts{};
  timeouts.handshake_timeout = std::chrono::milliseconds(options.header_timeout_ms);
  timeouts.idle_timeout = std::chrono::milliseconds(options.idle_timeout_ms);
  timeouts.keep_alive_pings = true;
  stream_->set_option(timeouts);
  handshake_.method(beast::http::verb::get);
  handshake_.target({request.target.data(), request.target.size()});
  handshake_.version(11);
  for (const auto& [name, value] : request.headers)
    handshake_.insert({name.data(), name.size()}, {value.data(), value.size()});
  loop_->add_member(shared_from_this());
  accept();
}

void BeastWebSocket::accept() {
  stream_->async_accept(handshake_, [self = shared_from_this()](error_code error) {
    if (error) return self->end(1006, error.message());
    self->open_ = true;
    self->read_next();
    if (!self->writing_) self->write_next();
  });
}

void BeastWebSocket::read_next() {
  stream_->async_read(incoming_,
                      [self = shared_from_this()](error_code error, size_t) { self->on_message(error); });
}

void BeastWebSocket::on_message(error_code error) {
  if (error == websocket::error::closed) {
    const websocket::close_reason& reason = stream_->reason();
    return end(reason.code == websocket::close_code::none ? 1005 : reason.code,
               std::string(reason.reason.data(), reason.reason.size()));
  }
  if (error) return end(1006, error.message());
  std::string message(static_cast<const char*>(incoming_.data().data()), incoming_.size());
  incoming_.consume(incoming_.size());
  if (handlers_.on_message) handlers_.on_message(std::move(message));
  if (!ended_) read_next();
}

bool BeastWebSocket::send_text(std::string message) {
  if (closed()) return false;
  size_t size = message.size();
  size_t before = queued_bytes_.fetch_add(size, std::memory_order_relaxed);
  if (before + size > core_->options().websocket_queue_bytes_max) {
    queued_bytes_.fetch_sub(size, std::memory_order_relaxed);
    rejected_total(NetLimit::websocket_queue).add();
    return false;
  }
  return loop_->post([self = shared_from_this(), message = std::move(message)]() mutable {
    self->queue(std::move(message));
  });
}

void BeastWebSocket::queue(std::string message) {
  if (ended_) return;
  outgoing_.push_back(std::move(message));
  if (open_ && !writing_) write_next();
}

void BeastWebSocket::write_next() {
  if (ended_) return;
  if (outgoing_.empty()) return send_close_frame();
  writing_ = true;
  stream_->text(true);
  stream_->async_write(asio::buffer(outgoing_.front()),
                       [self = shared_from_this()](error_code error, size_t) { self->on_written(error); });
}

void BeastWebSocket::on_written(error_code error) {
  writing_ = false;
  if (error || ended_) return end(1006, error.message());
  net_metrics().sent_bytes.add(outgoing_.front().size());
  queued_bytes_.fetch_sub(outgoing_.front().size(), std::memory_order_relaxed);
  outgoing_.pop_front();
  if (outgoing_.empty() && handlers_.on_drained) handlers_.on_drained();
  if (!writing_) write_next();
}

void BeastWebSocket::close(uint16_t code, std::string reason) {
  loop_->post([self = shared_from_this(), code, reason = std::move(reason)]() mutable {
    self->close_on_loop(code, std::move(reason));
  });
}

void BeastWebSocket::close_on_loop(uint16_t code, std::string reason) {
  if (close_wanted_ || ended_) return;
  while (reason.size() > kCloseReasonBytesMax || !is_valid_utf8(reason)) reason.pop_back();
  close_wanted_.emplace(static_cast<websocket::close_code>(code), reason.c_str());
  if (open_ && !writing_) write_next();
}

// After what was queued. The client answers with its own close frame, which ends the read loop.
void BeastWebSocket::send_close_frame() {
  if (!close_wanted_ || close_sent_) return;
  close_sent_ = true;
  closed_ = true;
  stream_->async_close(*close_wanted_, [self = shared_from_this()](error_code error) {
    const websocket::close_reason& reason = *self->close_wanted_;
    if (error) return self->end(1006, error.message());
    self->end(reason.code, std::string(reason.reason.data(), reason.reason.size()));
  });
}

void BeastWebSocket::end(uint16_t code, std::string reason) {
  if (ended_) return;
  ended_ = true;
  closed_ = true;
  if (stream_) {
    error_code ignored;
    stream_->next_layer().close(ignored);
    net_metrics().websockets.add(-1);
    // Its timers would keep the loop waiting for as long as somebody holds this object.
    asio::post(loop_->context(), [self = shared_from_this()] { self->stream_.reset(); });
  }
  auto self = shared_from_this();
  if (handlers_.on_close) handlers_.on_close(code, std::move(reason));
  handlers_ = {};  // they usually hold the session that holds us
  token_.reset();
  loop_->remove_member(this);
}

}  // namespace

std::shared_ptr<WebSocketSession> make_websocket_session(std::shared_ptr<ServerCore> core,
                                                         std::shared_ptr<IoLoop> loop,
                                                         WebSocketHandlers handlers) {
  return std::make_shared<BeastWebSocket>(std::move(core), std::move(loop), std::move(handlers));
}

}  // namespace obelisk
