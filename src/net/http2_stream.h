#pragma once
// What an HTTP/2 session keeps for one stream: the request as it arrives and the answer as it leaves. A plain
// record; http2_session.cc moves it along. Loop thread only. Internal to net.
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "net/body_budget.h"
#include "net/grpc_call.h"
#include "net/http_exchange.h"
#include "net/io_loop.h"

namespace obelisk {

struct Http2Stream {
  enum class State {
    headers,   // more header fields may come
    body,      // the header is complete
    handling,  // a handler works on it, or has answered
    refused,   // answered without a handler; what still comes is thrown away
  };
  struct Chunk {
    std::string bytes;
    size_t sent = 0;
    WriteDone done;
  };

  Http2Stream(int32_t stream_id, size_t message_bytes_max, BodyCharge body_charge)
      : id(stream_id), frames(message_bytes_max), charge(std::move(body_charge)) {}

  const int32_t id;
  State state = State::headers;
  bool is_grpc = false;
  bool request_complete = false;  // the client has ended its side
  HttpRequest request;
  size_t header_bytes = 0;
  size_t body_bytes = 0;
  GrpcFrameParser frames;
  BodyCharge charge;
  // While receiving: the body's deadline. While handling a gRPC call: its grpc-timeout. Once refused: when to
  // reset.
  std::optional<SteadyTime> deadline;
  std::optional<int64_t> timeout_nanos;
  std::weak_ptr<HttpExchange> exchange;
  std::weak_ptr<GrpcCall> call;

  bool head_sent = false;
  bool output_ended = false;
  bool output_deferred = false;  // nghttp2 waits to be told that there is more
  std::deque<Chunk> output;
  size_t output_bytes = 0;  // not yet given to nghttp2
  std::optional<HttpHeaders> trailers;

  void fire_cancel() {
    if (auto held = exchange.lock()) held->signal().fire();
    if (auto held = call.lock()) held->signal().fire();
  }
};

}  // namespace obelisk
