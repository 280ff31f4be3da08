#include "net/grpc_call.h"

#include <fmt/format.h>

#include "net/content_encoding.h"

namespace obelisk {

GrpcCall::GrpcCall(GrpcRequest request, std::shared_ptr<GrpcSink> sink, BodyCharge charge)
    : request_(std::move(request)), sink_(std::move(sink)), charge_(std::move(charge)) {}

GrpcCall::~GrpcCall() {
  if (!finished_) sink_->send_status(GrpcStatus::internal, "the call was dropped without an answer", {});
}

void GrpcCall::send(std::string message, WriteDone done) {
  OBELISK_ASSERT(!finished_);
  sink_->send_message(std::move(message), std::move(done));
}

void GrpcCall::finish(GrpcStatus status, std::string text, HttpHeaders trailers) {
  bool already_finished = finished_.exchange(true);
  OBELISK_ASSERT(!already_finished);
  signal_.disarm();
  sink_->send_status(status, std::move(text), std::move(trailers));
}

void GrpcCall::finish_with(std::string message) {
  send(std::move(message));
  finish(GrpcStatus::ok);
}

Result<std::vector<std::string>> decode_grpc_frames(std::vector<GrpcFrame> frames, std::string_view encoding,
                                                    size_t bytes_max) {
  std::vector<std::string> messages;
  size_t left = bytes_max;
  for (GrpcFrame& frame : frames) {
    if (frame.compressed) {
      if (encoding.empty() || encoding == "identity")
        return make_error(ErrorCode::invalid_argument,
                          "message flagged as compressed without a grpc-encoding");
      // gRPC's "snappy" is the framed format, which differs from the block format of Content-Encoding.
      if (encoding != "gzip" && encoding != "deflate" && encoding != "zstd")
        return make_error(ErrorCode::unsupported,
                          fmt::format("grpc-encoding \"{}\" is not supported (supported: {})", encoding,
                                      kGrpcAcceptedEncodings));
      OBELISK_TRY(frame.bytes, decode_content(encoding, std::move(frame.bytes), left));
    }
    if (frame.bytes.size() > left)
      return make_error(ErrorCode::too_large,
                        fmt::format("request messages are over the limit of {} bytes", bytes_max));
    left -= frame.bytes.size();
    messages.push_back(std::move(frame.bytes));
  }
  return messages;
}

}  // namespace obelisk
