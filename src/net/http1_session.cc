#include "net/http1_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/grow_uncleared.h"
#include "net/http_date.h"
#include "net/net_metrics.h"
#include "net/websocket_session.h"

namespace obelisk {
namespace {

SteadyTime after_milliseconds(int64_t milliseconds) {
  return std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
}

bool has_no_body(int status) {
  return status < 200 || status == 204 || status == 304;
}

// A header value that came from a request must not be able to add a header.
void append_header(std::string& head, std::string_view name, std::string_view value) {
  head.append(name).append(": ");
  size_t begin = head.size();
  head.append(value);
  std::replace_if(
      head.begin() + static_cast<ptrdiff_t>(begin), head.end(),
      [](char c) { return c == '\r' || c == '\n' || c == '\0'; }, ' ');
  head.append("\r\n");
}

}  // namespace

Http1Session::Http1Session(std::shared_ptr<ServerCore> core, std::shared_ptr<IoLoop> loop,
                           std::unique_ptr<TcpStream> stream, std::shared_ptr<void> token,
                           std::string first_bytes)
    : loop_(std::move(loop)),
      core_(std::move(core)),
      stream_(std::move(stream)),
      token_(std::move(token)),
      input_(std::max(kReadBytesMin, first_bytes.size())),
      parser_(core_->options().header_bytes_max, core_->options().body_bytes_max) {
  std::memcpy(input_.data(), first_bytes.data(), first_bytes.size());
  end_ = first_bytes.size();
}

void Http1Session::start() {
  loop_->add_member(shared_from_this());
  set_deadline(core_->options().idle_timeout_ms);
  process();
}

void Http1Session::set_deadline(int64_t milliseconds) {
  deadline_ = after_milliseconds(milliseconds);
}

// ---- reading ----

void Http1Session::process() {
  for (;;) {
    switch (state_) {
      case State::idle:
        // An empty line before a request line is to be ignored (RFC 9112, 2.2).
        while (!unread().empty() && (unread()[0] == '\r' || unread()[0] == '\n')) ++begin_;
        if (unread().empty()) {
          if (peer_finished_ || core_->draining()) return close();
          return start_read();
        }
        parser_.reset();
        body_filled_ = 0;
        state_ = State::header;
        set_deadline(core_->options().header_timeout_ms);
        break;
      case State::header:
        if (!process_header()) return;
        break;
      case State::body:
        if (!(parser_.chunked() ? process_chunked_body() : process_sized_body())) return;
        break;
      case State::handling:
        if (!upgrade_requested_) start_read();
        return;
      case State::lingering:
        begin_ = end_ = 0;
        return start_read();
      case State::closed:
        return;
    }
  }
}

bool Http1Session::process_header() {
  std::optional<Http1ParseError> error;
  begin_ += parser_.feed(unread(), error);
  if (error) {
    NetLimit limit = error->status == 431   ? NetLimit::header_bytes
                     : error->status == 413 ? NetLimit::body_bytes
                                            : NetLimit::malformed;
    refuse(limit, text_response(error->status, error->message));
    return true;
  }
  if (!parser_.header_complete()) {
    if (peer_finished_) {
      close();
      return true;
    }
    start_read();
    return false;
  }
  const HttpRequest& request = parser_.request();
  head_only_ = request.method == "HEAD";
  minor_version_ = parser_.minor_version();
  keep_alive_ = parser_.keep_alive();
  upgrade_requested_ = !request.header("upgrade").empty() && request.method == "GET";
  if (parser_.complete()) {
    dispatch();
  } else {
    begin_body();
  }
  return true;
}

void Http1Session::begin_body() {
  state_ = State::body;
  charge_ = core_->make_charge();
  set_deadline(core_->options().body_timeout_ms);
  if (!parser_.chunked()) {
    // Charged whole, so that bodies are not all let in half-way; only reserved, so that nothing is spent
    // before it came.
    if (!charge_body(parser_.content_length())) return;
    parser_.request().body.reserve(parser_.content_length());
  }
  if (parser_.expects_continue() && minor_version_ >= 1 && unread().empty())
    queue_output({"HTTP/1.1 100 Continue\r\n\r\n", {}, {}}, false, false);
}

bool Http1Session::charge_body(size_t bytes) {
  if (charge_.raise_to(bytes)) return true;
  refuse(NetLimit::buffered_bodies, overloaded_response(fmt::format(
                                        "request bodies being received are over the limit of {} bytes in all",
                                        core_->buffered_body_bytes_max())));
  return false;
}

bool Http1Session::process_sized_body() {
  std::string& body = parser_.request().body;
  size_t take = std::min<size_t>(unread().size(), parser_.content_length() - body_filled_);
  if (take > 0) {
    body.resize(body_filled_);
    body.append(unread().substr(0, take));
    begin_ += take;
    body_filled_ += take;
  }
  if (!body_left()) {
    dispatch();
    return true;
  }
  if (peer_finished_) {
    refuse(NetLimit::malformed, text_response(400, fmt::format("the request body ended after {} of {} bytes",
                                                               body_filled_, parser_.content_length())));
    return true;
  }
  start_read();
  return false;
}

bool Http1Session::process_chunked_body() {
  std::optional<Http1ParseError> error;
  begin_ += parser_.feed(unread(), error);
  if (error) {
    refuse(error->status == 413 ? NetLimit::body_bytes : NetLimit::malformed,
           text_response(error->status, error->message));
    return true;
  }
  body_filled_ = parser_.request().body.size();
  if (!charge_body(body_filled_)) return true;
  if (parser_.complete()) {
    dispatch();
    return true;
  }
  if (peer_finished_) {
    refuse(NetLimit::malformed, text_response(400, "the connection ended inside a chunked request body"));
    return true;
  }
  if (unread().size() > core_->options().header_bytes_max) {
    refuse(NetLimit::malformed, text_response(400, "a chunk header of the request body is too long"));
    return true;
  }
  start_read();
  return false;
}

void Http1Session::dispatch() {
  state_ = State::handling;
  HttpRequest& request = parser_.request();
  constexpr size_t kUsualHeaderBytes = 1 << 10;
  expected_bytes_ = request.body.size() + kUsualHeaderBytes;
  if (expected_bytes_ > kWholeReadBytesMax) expected_bytes_ = 0;
  request.remote_address = stream_->remote_address();
  auto exchange = std::make_shared<HttpExchange>(std::move(request), shared_from_this(), std::move(charge_));
  exchange_ = exchange;
  core_->dispatch(std::move(exchange));
}

// Answers without a handler and ends the connection, since the rest of the request is not understood or not
// wanted.
void Http1Session::refuse(NetLimit limit, HttpResponse response) {
  rejected_total(limit).add();
  state_ = State::handling;
  keep_alive_ = false;
  head_only_ = false;
  upgrade_requested_ = false;
  send_response(std::move(response));
}

void Http1Session::start_read() {
  if (stream_->reading() || peer_finished_ || state_ == State::closed) return;
  if (state_ == State::body && !parser_.chunked() && unread().empty()) return read_body_directly();
  make_room();
  if (end_ < input_.size())
    stream_->read_some(input_.data() + end_, input_.size() - end_, shared_from_this());
}

// Moves unread bytes to the front and grows the buffer, within its bound. Not while a read into it is under
// way.
void Http1Session::make_room() {
  if (begin_ > 0) {
    std::memmove(input_.data(), input_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  size_t bytes_max = core_->options().header_bytes_max + kReadBytesMin;
  size_t wanted = input_.size();
  // A connection that only waits for answers need not buffer more than the next request.
  if (state_ != State::handling && end_ == input_.size()) wanted = input_.size() * 2;
  if (state_ == State::body) wanted = bytes_max;
  wanted = std::min(std::max(wanted, expected_bytes_), bytes_max);
  if (wanted > input_.size()) input_.resize(wanted);
}

void Http1Session::read_body_directly() {
  std::string& body = parser_.request().body;
  size_t total = parser_.content_length();
  if (body.size() == body_filled_) grow_uncleared(body, std::min(total, body_filled_ + kBodyReadBytes));
  reading_body_directly_ = true;
  stream_->read_some(body.data() + body_filled_, body.size() - body_filled_, shared_from_this());
}

void Http1Session::on_read(size_t bytes) {
  if (reading_body_directly_) {
    reading_body_directly_ = false;
    body_filled_ += bytes;
  } else {
    end_ += bytes;
  }
  process();
}

void Http1Session::on_read_end() {
  reading_body_directly_ = false;
  peer_finished_ = true;
  switch (state_) {
    case State::handling:
      if (auto exchange = exchange_.lock()) exchange->signal().fire();
      return;
    case State::lingering:
      return close();
    default:
      return process();
  }
}

// ---- answering, from any thread ----

void Http1Session::run_on_loop(std::function<void()> work) {
  if (loop_->on_loop_thread()) {
    work();
  } else {
    loop_->post(std::move(work));
  }
}

std::string Http1Session::render_head(int status, const HttpHeaders& headers, std::string_view framing,
                                      bool closing) const {
  std::string head;
  head.reserve(256);
  fmt::format_to(std::back_inserter(head), "HTTP/1.1 {} {}\r\ndate: {}\r\n", status, status_text(status),
                 current_http_date());
  for (const auto& [name, value] : headers) append_header(head, name, value);
  head.append(framing);
  if (closing) {
    head.append("connection: close\r\n");
  } else if (minor_version_ == 0) {
    head.append("connection: keep-alive\r\n");
  }
  head.append("\r\n");
  return head;
}

void Http1Session::send_response(HttpResponse response) {
  count_http_request(NetProtocol::http1, response.status);
  bool closing = !keep_alive_ || core_->draining();
  std::string framing;
  if (!has_no_body(response.status)) framing = fmt::format("content-length: {}\r\n", response.body.size());
  Output output{render_head(response.status, response.headers, framing, closing), {}, {}};
  if (!head_only_ && !has_no_body(response.status)) output.body = std::move(response.body);
  run_on_loop([self = shared_from_this(), output = std::move(output), closing]() mutable {
    self->queue_output(std::move(output), true, closing);
  });
}

void Http1Session::send_head(int status, HttpHeaders headers) {
  count_http_request(NetProtocol::http1, status);
  bool chunked = minor_version_ >= 1;  // an HTTP/1.0 client sees the end when the connection closes
  bool closing = !keep_alive_ || !chunked || core_->draining();
  std::string head = render_head(status, headers, chunked ? "transfer-encoding: chunked\r\n" : "", closing);
  run_on_loop([self = shared_from_this(), head = std::move(head), closing]() mutable {
    self->chunks_dropped_ = self->head_only_;
    self->queue_output({std::move(head), {}, {}}, false, closing);
  });
}

void Http1Session::send_chunk(std::string chunk, WriteDone done) {
  run_on_loop([self = shared_from_this(), chunk = std::move(chunk), done = std::move(done)]() mutable {
    if (chunk.empty() || (self->chunks_dropped_ && self->state_ != State::closed)) {
      if (done) done(self->state_ != State::closed);
      return;
    }
    if (self->output_bytes_ > HttpExchange::kStreamQueueBytesMax) {
      rejected_total(NetLimit::stream_queue).add();
      if (done) done(false);
      return self->close();
    }
    std::string head;
    if (self->minor_version_ >= 1) {
      head = fmt::format("{:x}\r\n", chunk.size());
      chunk.append("\r\n");
    }
    self->queue_output({std::move(head), std::move(chunk), std::move(done)}, false,
                       self->close_after_answer_);
  });
}

void Http1Session::send_end() {
  run_on_loop([self = shared_from_this()] {
    bool framed = self->minor_version_ >= 1 && !self->chunks_dropped_;
    self->queue_output({framed ? "0\r\n\r\n" : "", {}, {}}, true, self->close_after_answer_);
  });
}

void Http1Session::abort() {
  run_on_loop([self = shared_from_this()] { self->close(); });
}

Result<std::shared_ptr<WebSocket>> Http1Session::upgrade(const HttpRequest& request,
                                                         WebSocketHandlers handlers) {
  if (core_->draining()) return make_error(ErrorCode::unavailable, "the server is shutting down");
  auto socket = make_websocket_session(core_, loop_, std::move(handlers));
  count_http_request(NetProtocol::http1, 101);
  run_on_loop([self = shared_from_this(), socket, request] { self->hand_over(socket, request); });
  return std::shared_ptr<WebSocket>(socket);
}

// From here on the connection is the WebSocket's. Nothing may have been sent by the client before our 101.
void Http1Session::hand_over(const std::shared_ptr<WebSocketSession>& socket, const HttpRequest& request) {
  if (state_ == State::closed) return socket->close_now();
  if (peer_finished_ || !unread().empty()) {
    close();
    return socket->close_now();
  }
  auto self = shared_from_this();
  state_ = State::closed;
  socket->start(stream_->release(), std::move(token_), request);
  loop_->remove_member(this);
}

// ---- writing, on the loop ----

void Http1Session::queue_output(Output output, bool last, bool closing) {
  if (state_ == State::closed) {
    if (output.done) output.done(false);
    return;
  }
  output_bytes_ += output.head.size() + output.body.size();
  output_.push_back(std::move(output));
  close_after_answer_ = closing;
  if (last) answer_queued_ = true;
  if (!stream_->writing()) write_next();
}

void Http1Session::write_next() {
  const Output& front = output_.front();
  std::string_view body = std::string_view(front.body).substr(written_bytes_, kWriteBytes);
  writing_bytes_ = body.size();
  write_deadline_ = after_milliseconds(core_->options().write_timeout_ms);
  stream_->write(written_bytes_ == 0 ? std::string_view(front.head) : std::string_view(), body,
                 shared_from_this());
}

void Http1Session::on_written(bool ok) {
  if (!ok) return close();
  written_bytes_ += writing_bytes_;
  if (written_bytes_ == output_.front().body.size()) {
    Output sent = std::move(output_.front());
    output_.pop_front();
    output_bytes_ -= sent.head.size() + sent.body.size();
    written_bytes_ = 0;
    if (sent.done) sent.done(true);  // may queue more, or close
  }
  if (state_ == State::closed || stream_->writing()) return;
  if (!output_.empty()) return write_next();
  if (answer_queued_) answer_complete();
}

void Http1Session::answer_complete() {
  answer_queued_ = false;
  chunks_dropped_ = false;
  exchange_.reset();
  if (close_after_answer_) {
    if (peer_finished_) return close();
    // Closing while the client still sends would reset the connection and could destroy our answer on its
    // way.
    stream_->shutdown_send();
    state_ = State::lingering;
    set_deadline(kLingerMs);
  } else {
    state_ = State::idle;
    set_deadline(core_->options().idle_timeout_ms);
  }
  process();
}

// ---- the loop's calls ----

void Http1Session::tick(SteadyTime now) {
  if (state_ == State::closed) return;
  if (stream_->writing() && now > write_deadline_) {
    rejected_total(NetLimit::write_timeout).add();
    return close();
  }
  const ServerOptions& options = core_->options();
  switch (state_) {
    case State::idle:
    case State::lingering:
      if (now > deadline_) close();
      return;
    case State::header:
      if (now > deadline_)
        refuse(NetLimit::header_timeout,
               text_response(
                   408, fmt::format("request headers took longer than {} ms", options.header_timeout_ms)));
      return;
    case State::body: {
      auto earned = std::chrono::milliseconds(body_filled_ * 1000 / ServerOptions::kBodyBytesPerSecondMin);
      if (now > deadline_ + earned)
        refuse(
            NetLimit::body_timeout,
            text_response(408, fmt::format("the request body came slower than {} bytes a second after {} ms",
                                           ServerOptions::kBodyBytesPerSecondMin, options.body_timeout_ms)));
      return;
    }
    case State::handling:
    case State::closed:
      return;
  }
}

void Http1Session::drain() {
  if (state_ == State::idle) close();
}

void Http1Session::close_now() {
  close();
}

void Http1Session::close() {
  if (state_ == State::closed) return;
  auto self = shared_from_this();  // the loop may hold the last reference
  state_ = State::closed;
  stream_->close();
  std::deque<Output> unsent = std::move(output_);
  output_.clear();
  for (Output& output : unsent) {
    if (output.done) output.done(false);
  }
  if (auto exchange = exchange_.lock()) exchange->signal().fire();
  charge_ = {};
  token_.reset();
  loop_->remove_member(this);
}

}  // namespace obelisk
