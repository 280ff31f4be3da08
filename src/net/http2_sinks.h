#pragma once
// The two ways to answer a stream of an Http2Session from any thread. Internal to net.
#include "net/http2_session.h"

namespace obelisk {

class Http2ResponseSink : public ResponseSink {
 public:
  Http2ResponseSink(std::shared_ptr<Http2Session> session, int32_t stream_id, bool head_only)
      : session_(std::move(session)), stream_id_(stream_id), head_only_(head_only) {}

  void send_response(HttpResponse response) override;
  void send_head(int status, HttpHeaders headers) override;
  void send_chunk(std::string chunk, WriteDone done) override;
  void send_end() override;
  void abort() override;
  Result<std::shared_ptr<WebSocket>> upgrade(const HttpRequest& request, WebSocketHandlers handlers) override;

 private:
  const std::shared_ptr<Http2Session> session_;
  const int32_t stream_id_;
  const bool head_only_;
};

class Http2GrpcSink : public GrpcSink {
 public:
  Http2GrpcSink(std::shared_ptr<Http2Session> session, int32_t stream_id)
      : session_(std::move(session)), stream_id_(stream_id) {}

  void send_message(std::string message, WriteDone done) override;
  void send_status(GrpcStatus status, std::string text, HttpHeaders trailers) override;

 private:
  const std::shared_ptr<Http2Session> session_;
  const int32_t stream_id_;
};

}  // namespace obelisk
