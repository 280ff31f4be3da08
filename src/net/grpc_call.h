#pragma once
// One gRPC call with one or more request messages that have all arrived (unary and server-streaming methods;
// a method that must answer before the client has finished sending is not served). Shared by the handler and
// whatever threads it gives the work to; every call is safe from any thread. Any number of send(), then
// finish() once. Once cancelled() is true (client gone, or its grpc-timeout passed) answers are ignored. A
// call that is destroyed unfinished finishes with INTERNAL by itself.
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/body_budget.h"
#include "net/cancel_signal.h"
#include "net/grpc_framing.h"
#include "net/http_exchange.h"

namespace obelisk {

// Where an answer goes: implemented by the HTTP/2 session, and by tests. Thread safe.
class GrpcSink {
 public:
  virtual ~GrpcSink() = default;
  virtual void send_message(std::string message, WriteDone done) = 0;
  virtual void send_status(GrpcStatus status, std::string text, HttpHeaders trailers) = 0;
};

struct GrpcRequest {
  std::string path;                   // "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
  HttpHeaders metadata;               // lower-case names; values of "-bin" names are base64 as sent
  std::vector<std::string> messages;  // decompressed
  std::string remote_address;
  std::optional<int64_t> timeout_nanos;  // what grpc-timeout said; the call cancels itself when it passes

  std::string_view header(std::string_view lower_case_name) const {
    return find_header(metadata, lower_case_name);
  }
};

class GrpcCall {
 public:
  GrpcCall(GrpcRequest request, std::shared_ptr<GrpcSink> sink, BodyCharge charge = {});
  ~GrpcCall();
  GrpcCall(const GrpcCall&) = delete;
  GrpcCall& operator=(const GrpcCall&) = delete;

  GrpcRequest& request() { return request_; }
  const GrpcRequest& request() const { return request_; }

  // One response message. `done` tells when to send the next one of a stream; more than
  // HttpExchange::kStreamQueueBytesMax waiting at a time ends the call with RESOURCE_EXHAUSTED.
  void send(std::string message, WriteDone done = {});
  void finish(GrpcStatus status, std::string text = {}, HttpHeaders trailers = {});
  // The usual end of a unary call.
  void finish_with(std::string message);
  void finish_with(const Error& error) { finish(grpc_status_of(error.code), error.to_string()); }

  bool cancelled() const { return signal_.cancelled(); }
  void on_cancel(std::function<void()> callback) { signal_.on_cancel(std::move(callback)); }
  CancelSignal& signal() { return signal_; }

 private:
  GrpcRequest request_;
  std::shared_ptr<GrpcSink> sink_;
  BodyCharge charge_;
  CancelSignal signal_;
  std::atomic<bool> finished_{false};
};

using GrpcCallPtr = std::shared_ptr<GrpcCall>;
using GrpcHandler = std::function<void(GrpcCallPtr)>;

// Undoes the compression of messages, on a worker thread since it costs CPU. `encoding` is the value of
// grpc-encoding. The limit holds for the sum of the messages.
Result<std::vector<std::string>> decode_grpc_frames(std::vector<GrpcFrame> frames, std::string_view encoding,
                                                    size_t bytes_max);
// What decode_grpc_frames understands, for grpc-accept-encoding.
inline constexpr std::string_view kGrpcAcceptedEncodings = "identity,gzip,deflate,zstd";

}  // namespace obelisk
