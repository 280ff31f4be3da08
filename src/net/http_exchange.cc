#include "net/http_exchange.h"

#include "base/text.h"
#include "net/content_encoding.h"
#include "net/cross_origin.h"

namespace obelisk {

HttpExchange::HttpExchange(HttpRequest request, std::shared_ptr<ResponseSink> sink, BodyCharge charge)
    : request_(std::move(request)), sink_(std::move(sink)), charge_(std::move(charge)) {}

HttpExchange::~HttpExchange() {
  switch (state_.load()) {
    case State::fresh:
      sink_->send_response(text_response(500, "the request was dropped without an answer"));
      break;
    case State::streaming:
      sink_->abort();
      break;
    case State::answered:
      break;
  }
}

void HttpExchange::move_on(State from, State to) {
  State expected = from;
  bool in_order = state_.compare_exchange_strong(expected, to);
  OBELISK_ASSERT(in_order);
}

void HttpExchange::respond(HttpResponse response) {
  move_on(State::fresh, State::answered);
  signal_.disarm();
  compress_response(request_.header("accept-encoding"), response);
  add_cross_origin_headers(request_, response.headers);
  sink_->send_response(std::move(response));
}

void HttpExchange::begin(int status, HttpHeaders headers) {
  move_on(State::fresh, State::streaming);
  add_cross_origin_headers(request_, headers);
  sink_->send_head(status, std::move(headers));
}

void HttpExchange::write(std::string chunk, WriteDone done) {
  OBELISK_ASSERT(state_.load() == State::streaming);
  sink_->send_chunk(std::move(chunk), std::move(done));
}

void HttpExchange::finish() {
  move_on(State::streaming, State::answered);
  signal_.disarm();
  sink_->send_end();
}

bool HttpExchange::is_websocket_upgrade() const {
  return request_.http_major == 1 && request_.method == "GET" &&
         header_has_token(request_.header("upgrade"), "websocket") &&
         header_has_token(request_.header("connection"), "upgrade");
}

Result<std::shared_ptr<WebSocket>> HttpExchange::accept_websocket(WebSocketHandlers handlers) {
  if (!is_websocket_upgrade()) {
    return make_error(
        ErrorCode::invalid_argument,
        "this address speaks WebSocket: send GET with Upgrade: websocket and Connection: Upgrade");
  }
  if (request_.header("sec-websocket-version") != "13")
    return make_error(ErrorCode::invalid_argument, "Sec-WebSocket-Version must be 13");
  if (request_.header("sec-websocket-key").size() != 24)
    return make_error(ErrorCode::invalid_argument, "Sec-WebSocket-Key must be 24 characters of base64");
  auto socket = sink_->upgrade(request_, std::move(handlers));
  if (socket.ok()) move_on(State::fresh, State::answered);
  return socket;
}

}  // namespace obelisk
