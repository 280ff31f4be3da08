#include "net/http2_sinks.h"

namespace obelisk {

void Http2ResponseSink::send_response(HttpResponse response) {
  bool has_body = response.status != 204 && response.status != 304;
  if (has_body) response.headers.emplace_back("content-length", std::to_string(response.body.size()));
  bool sends_body = has_body && !head_only_ && !response.body.empty();
  session_->with_stream(stream_id_, [response = std::move(response), sends_body](
                                        Http2Session& session, Http2Stream* stream) mutable {
    if (stream == nullptr) return;
    session.submit_head(*stream, response.status, response.headers, sends_body);
    if (!sends_body) return;
    // A whole answer is already in memory: the bound of streamed answers does not apply to it.
    stream->output_bytes += response.body.size();
    stream->output.push_back({std::move(response.body), 0, {}});
    session.end_output(*stream, std::nullopt);
  });
}

void Http2ResponseSink::send_head(int status, HttpHeaders headers) {
  session_->with_stream(stream_id_, [status, headers = std::move(headers), head_only = head_only_](
                                        Http2Session& session, Http2Stream* stream) {
    if (stream != nullptr) session.submit_head(*stream, status, headers, !head_only);
  });
}

void Http2ResponseSink::send_chunk(std::string chunk, WriteDone done) {
  session_->with_stream(stream_id_,
                        [chunk = std::move(chunk), done = std::move(done), head_only = head_only_](
                            Http2Session& session, Http2Stream* stream) mutable {
                          if (stream == nullptr || head_only || chunk.empty()) {
                            if (done) done(stream != nullptr);
                          } else if (!session.queue_chunk(*stream, std::move(chunk), std::move(done))) {
                            session.reset(*stream);
                          }
                        });
}

void Http2ResponseSink::send_end() {
  session_->with_stream(stream_id_, [](Http2Session& session, Http2Stream* stream) {
    if (stream != nullptr) session.end_output(*stream, std::nullopt);
  });
}

void Http2ResponseSink::abort() {
  session_->with_stream(stream_id_, [](Http2Session& session, Http2Stream* stream) {
    if (stream != nullptr) session.reset(*stream);
  });
}

Result<std::shared_ptr<WebSocket>> Http2ResponseSink::upgrade(const HttpRequest&, WebSocketHandlers) {
  return make_error(ErrorCode::unsupported, "WebSocket needs HTTP/1.1");
}

void Http2GrpcSink::send_message(std::string message, WriteDone done) {
  session_->with_stream(stream_id_, [message = std::move(message), done = std::move(done)](
                                        Http2Session& session, Http2Stream* stream) mutable {
    if (stream == nullptr || stream->output_ended) {
      if (done) done(false);
      return;
    }
    if (!stream->head_sent) session.submit_head(*stream, 200, {{"content-type", "application/grpc"}}, true);
    bool queued = session.queue_chunk(*stream, grpc_message_prefix(message.size()), {});
    if (queued && message.empty() && done) done(true);
    if (queued && !message.empty())
      queued = session.queue_chunk(*stream, std::move(message), std::move(done));
    if (!queued)
      session.finish_grpc(*stream, GrpcStatus::resource_exhausted, "the client reads too slowly", {});
  });
}

void Http2GrpcSink::send_status(GrpcStatus status, std::string text, HttpHeaders trailers) {
  session_->with_stream(stream_id_, [status, text = std::move(text), trailers = std::move(trailers)](
                                        Http2Session& session, Http2Stream* stream) mutable {
    if (stream != nullptr) session.finish_grpc(*stream, status, text, std::move(trailers));
  });
}

}  // namespace obelisk
