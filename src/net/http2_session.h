#pragma once
// One HTTP/2 connection (prior knowledge, clear text), on nghttp2: ordinary requests and gRPC calls.
// Windows are 4 MiB a stream and 16 MiB a connection, since the default of 64 KiB caps a sender at one window
// a round trip. At most kStreamsMax requests at a time. DATA goes straight into the request's one string (or
// the gRPC message), bounded by body_bytes_max a stream and the server's body budget over all. An answer that
// precedes the end of its request is followed, after kLingerMs in which what still comes is thrown away, by
// RST_STREAM(NO_ERROR), so that the client stops sending. nghttp2 bounds floods of resets, pings and
// settings. Internal to net. Everything but the calls of its sinks (http2_sinks.h), which post, happens on
// the loop's thread.
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "net/http2_stream.h"
#include "net/io_loop.h"
#include "net/net_metrics.h"
#include "net/server_core.h"
#include "net/tcp_stream.h"

struct nghttp2_session;

namespace obelisk {

class Http2Session : public IoLoopMember,
                     public TcpStreamEvents,
                     public std::enable_shared_from_this<Http2Session> {
 public:
  static constexpr uint32_t kStreamsMax = 128;
  static constexpr int32_t kStreamWindowBytes = 4 << 20;
  static constexpr int32_t kConnectionWindowBytes = 16 << 20;

  Http2Session(std::shared_ptr<ServerCore> core, std::shared_ptr<IoLoop> loop,
               std::unique_ptr<TcpStream> stream, std::shared_ptr<void> token, std::string first_bytes);
  ~Http2Session() override;
  void start();

  // IoLoopMember
  void tick(SteadyTime now) override;
  void drain() override;
  void close_now() override { close(); }
  // TcpStreamEvents
  void on_read(size_t bytes) override;
  void on_read_end() override { close(); }
  void on_written(bool ok) override;

  // For the sinks: runs `work` on the loop with the stream, or with null when it is gone, and then sends what
  // it left.
  void with_stream(int32_t id, std::function<void(Http2Session&, Http2Stream*)> work);
  // Loop thread. The head of an answer; `has_body` false ends the stream with it.
  void submit_head(Http2Stream& stream, int status, const HttpHeaders& headers, bool has_body);
  // False when the queue bound was hit; `done` has then been called.
  bool queue_chunk(Http2Stream& stream, std::string bytes, WriteDone done);
  void end_output(Http2Stream& stream, std::optional<HttpHeaders> trailers);
  void finish_grpc(Http2Stream& stream, GrpcStatus status, std::string_view text, HttpHeaders trailers);
  void reset(Http2Stream& stream);

  // For nghttp2's callbacks. A non-zero return is an nghttp2 error code.
  int begin_stream(int32_t id);
  void add_header(int32_t id, std::string_view name, std::string_view value);
  void headers_complete(int32_t id);
  void add_data(int32_t id, std::string_view bytes);
  void request_complete(int32_t id);
  void stream_closed(int32_t id);
  void end_stream_sent(int32_t id);
  bool output_full() const { return outgoing_.size() >= kOutgoingBytes; }
  void append_output(std::string_view bytes) { outgoing_.append(bytes); }
  // How many bytes of the stream's answer go into the next frame of at most `length`, with nghttp2's flags.
  ptrdiff_t next_data(int32_t id, size_t length, uint32_t& flags);
  void copy_data(int32_t id, size_t length);

 private:
  static constexpr int64_t kLingerMs = 1'000;
  static constexpr size_t kIncomingBytes = 64 << 10;
  static constexpr size_t kOutgoingBytes = 256 << 10;  // gathered for one write

  Http2Stream* find(int32_t id);
  void receive(std::string_view bytes);
  void flush();
  void start_read();
  void refuse(Http2Stream& stream, NetLimit limit, HttpResponse response);
  void refuse_grpc(Http2Stream& stream, NetLimit limit, const Error& error);
  void dispatch(Http2Stream& stream);
  void check_deadline(Http2Stream& stream, SteadyTime now);
  void close();

  const std::shared_ptr<IoLoop> loop_;  // first, so that the socket dies before its loop
  const std::shared_ptr<ServerCore> core_;
  std::unique_ptr<TcpStream> stream_;
  std::shared_ptr<void> token_;
  nghttp2_session* session_ = nullptr;
  std::string first_bytes_;
  std::vector<char> incoming_;
  std::unordered_map<int32_t, std::unique_ptr<Http2Stream>> streams_;
  SteadyTime idle_since_{};
  bool in_nghttp2_ = false;  // its callbacks must not call its send or receive
  bool draining_ = false;
  bool closed_ = false;

  std::string outgoing_;  // gathered, not yet being written
  std::vector<WriteDone> outgoing_dones_;
  std::string writing_;
  std::vector<WriteDone> writing_dones_;
  SteadyTime write_deadline_{};
};

}  // namespace obelisk
