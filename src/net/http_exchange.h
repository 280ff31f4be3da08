#pragma once
// One HTTP request and the way to answer it, whatever the protocol version. Shared by the handler and
// whatever threads it gives the work to; every call is safe from any thread, but answering is one
// conversation: either respond() once, or begin(), any number of write(), finish(), or accept_websocket().
// Breaking that order is a programming error. Once cancelled() is true, nobody may be there to read the
// answer; giving one is still right, and never an error. An exchange that is destroyed unanswered answers 500
// by itself (or breaks off a begun response), so no client waits for a handler that lost it.
#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "net/body_budget.h"
#include "net/cancel_signal.h"
#include "net/http_message.h"
#include "net/websocket.h"

namespace obelisk {

// Called once, with true when the bytes went to the operating system and false when they never will.
using WriteDone = std::function<void(bool written)>;

// Where an answer goes: implemented by each protocol, and by tests. Thread safe.
class ResponseSink {
 public:
  virtual ~ResponseSink() = default;
  virtual void send_response(HttpResponse response) = 0;
  virtual void send_head(int status, HttpHeaders headers) = 0;
  virtual void send_chunk(std::string chunk, WriteDone done) = 0;
  virtual void send_end() = 0;
  // Breaks the response off, so that the client cannot take it for complete.
  virtual void abort() = 0;
  virtual Result<std::shared_ptr<WebSocket>> upgrade(const HttpRequest& request,
                                                     WebSocketHandlers handlers) = 0;
};

class HttpExchange {
 public:
  HttpExchange(HttpRequest request, std::shared_ptr<ResponseSink> sink, BodyCharge charge = {});
  ~HttpExchange();
  HttpExchange(const HttpExchange&) = delete;
  HttpExchange& operator=(const HttpExchange&) = delete;

  // Fixed when the handler is called; a handler that is the only user may move the body out.
  HttpRequest& request() { return request_; }
  const HttpRequest& request() const { return request_; }

  // The whole answer. Compressed with gzip where the client accepts it and it pays.
  void respond(HttpResponse response);
  void respond_text(int status, std::string_view text) { respond(text_response(status, text)); }

  // A streamed answer: chunked in HTTP/1.1, DATA frames in HTTP/2. `done` of a write tells when to send the
  // next one; more than kStreamQueueBytesMax waiting at a time breaks the response off.
  static constexpr size_t kStreamQueueBytesMax = size_t{16} << 20;
  void begin(int status, HttpHeaders headers);
  void write(std::string chunk, WriteDone done = {});
  void finish();

  // True for a GET with "Upgrade: websocket" over HTTP/1.1.
  bool is_websocket_upgrade() const;
  // Error (code invalid_argument) when the request is not a proper upgrade; it must then be answered like any
  // other.
  Result<std::shared_ptr<WebSocket>> accept_websocket(WebSocketHandlers handlers);

  bool cancelled() const { return signal_.cancelled(); }
  void on_cancel(std::function<void()> callback) { signal_.on_cancel(std::move(callback)); }
  // For the protocols: fired when the client is gone before its answer was complete.
  CancelSignal& signal() { return signal_; }

 private:
  enum class State { fresh, streaming, answered };
  void move_on(State from, State to);

  HttpRequest request_;
  std::shared_ptr<ResponseSink> sink_;
  BodyCharge charge_;
  CancelSignal signal_;
  std::atomic<State> state_{State::fresh};
};

using HttpExchangePtr = std::shared_ptr<HttpExchange>;
using HttpHandler = std::function<void(HttpExchangePtr)>;

}  // namespace obelisk
