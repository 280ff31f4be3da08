#include "net/connection_start.h"

#include <algorithm>
#include <chrono>

#include "net/http1_session.h"
#include "net/http2_session.h"

namespace obelisk {
namespace {
constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr size_t kFirstReadBytes = 8 << 10;
}  // namespace

ConnectionStart::ConnectionStart(std::shared_ptr<ServerCore> core, std::shared_ptr<IoLoop> loop,
                                 int descriptor, std::shared_ptr<void> token)
    : loop_(std::move(loop)),
      core_(std::move(core)),
      stream_(std::make_unique<TcpStream>(*loop_, descriptor)),
      token_(std::move(token)),
      bytes_(kFirstReadBytes, '\0'),
      deadline_(std::chrono::steady_clock::now() +
                std::chrono::milliseconds(core_->options().idle_timeout_ms)) {}

void ConnectionStart::start() {
  loop_->add_member(shared_from_this());
  stream_->read_some(bytes_.data(), bytes_.size(), shared_from_this());
}

void ConnectionStart::on_read(size_t bytes) {
  if (filled_ == 0)
    deadline_ =
        std::chrono::steady_clock::now() + std::chrono::milliseconds(core_->options().header_timeout_ms);
  filled_ += bytes;
  size_t known = std::min(filled_, kPreface.size());
  bool may_be_http2 = kPreface.substr(0, known) == std::string_view(bytes_).substr(0, known);
  if (may_be_http2 && known < kPreface.size()) {
    stream_->read_some(bytes_.data() + filled_, bytes_.size() - filled_, shared_from_this());
  } else {
    hand_over(may_be_http2);
  }
}

void ConnectionStart::hand_over(bool http2) {
  auto kept = shared_from_this();
  loop_->remove_member(this);
  bytes_.resize(filled_);
  if (http2) {
    std::make_shared<Http2Session>(core_, loop_, std::move(stream_), std::move(token_), std::move(bytes_))
        ->start();
  } else {
    std::make_shared<Http1Session>(core_, loop_, std::move(stream_), std::move(token_), std::move(bytes_))
        ->start();
  }
}

void ConnectionStart::tick(SteadyTime now) {
  if (now > deadline_) close_now();
}

void ConnectionStart::close_now() {
  auto kept = shared_from_this();
  if (stream_) stream_->close();
  token_.reset();
  loop_->remove_member(this);
}

}  // namespace obelisk
