#pragma once
// One HTTP/1.x connection. Reads a request, hands it to its handler, writes the answer, and only then looks
// at the next request: pipelined requests wait in the input buffer, so answers keep their order. While a
// handler works, the connection is read ahead into the free space of the input buffer, which is how the
// client's going away is noticed. Bounds: the input buffer holds at most header_bytes_max + kReadBytesMin; a
// body with a Content-Length is read straight into its string, which grows with what has arrived; a streamed
// answer queues at most HttpExchange::kStreamQueueBytesMax. Everything but the ResponseSink calls happens on
// the loop's thread.
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "net/http1_request_parser.h"
#include "net/io_loop.h"
#include "net/server_core.h"
#include "net/tcp_stream.h"

namespace obelisk {

class WebSocketSession;
enum class NetLimit;

class Http1Session : public IoLoopMember,
                     public TcpStreamEvents,
                     public ResponseSink,
                     public std::enable_shared_from_this<Http1Session> {
 public:
  // `token` counts the connection; `first_bytes` were read while the protocol was found out.
  Http1Session(std::shared_ptr<ServerCore> core, std::shared_ptr<IoLoop> loop,
               std::unique_ptr<TcpStream> stream, std::shared_ptr<void> token, std::string first_bytes);
  void start();

  // IoLoopMember
  void tick(SteadyTime now) override;
  void drain() override;
  void close_now() override;
  // TcpStreamEvents
  void on_read(size_t bytes) override;
  void on_read_end() override;
  void on_written(bool ok) override;
  // ResponseSink
  void send_response(HttpResponse response) override;
  void send_head(int status, HttpHeaders headers) override;
  void send_chunk(std::string chunk, WriteDone done) override;
  void send_end() override;
  void abort() override;
  Result<std::shared_ptr<WebSocket>> upgrade(const HttpRequest& request, WebSocketHandlers handlers) override;

 private:
  static constexpr size_t kReadBytesMin = 8 << 10;
  // Requests up to this size are read whole when the one before was like them, which saves a call of the
  // kernel; larger bodies are read straight into their strings.
  static constexpr size_t kWholeReadBytesMax = 24 << 10;
  static constexpr size_t kBodyReadBytes =
      256 << 10;  // one read of a large body: more does not fit a socket buffer
  static constexpr size_t kWriteBytes =
      1 << 20;  // one write: the unit in which the write timeout sees progress
  static constexpr int64_t kLingerMs =
      2'000;  // how long an answered client may go on sending before it is cut off

  enum class State {
    idle,       // between requests
    header,     // the first bytes of a request are there
    body,       // its header is complete
    handling,   // a handler works on it
    lingering,  // answered with an error and "connection: close": what still comes is thrown away
    closed,
  };
  struct Output {
    std::string head;
    std::string body;
    WriteDone done;
  };

  void process();
  bool process_header();  // these three: true when the state has moved on, false when more bytes are needed
  bool process_sized_body();
  bool process_chunked_body();
  void begin_body();
  void dispatch();
  void refuse(NetLimit limit, HttpResponse response);
  bool charge_body(size_t bytes);

  void start_read();
  void make_room();
  void read_body_directly();

  void run_on_loop(std::function<void()> work);
  std::string render_head(int status, const HttpHeaders& headers, std::string_view framing,
                          bool closing) const;
  void queue_output(Output output, bool last, bool closing);
  void write_next();
  void answer_complete();
  void hand_over(const std::shared_ptr<WebSocketSession>& socket, const HttpRequest& request);
  void close();

  bool body_left() const { return body_filled_ < parser_.content_length(); }
  std::string_view unread() const { return {input_.data() + begin_, end_ - begin_}; }
  void set_deadline(int64_t milliseconds);

  const std::shared_ptr<IoLoop> loop_;  // first, so that the socket dies before its loop
  const std::shared_ptr<ServerCore> core_;
  std::unique_ptr<TcpStream> stream_;
  std::shared_ptr<void> token_;

  // Input
  std::vector<char> input_;
  size_t begin_ = 0;
  size_t end_ = 0;
  size_t expected_bytes_ = 0;  // of the next request, as of the last one; 0: large
  bool reading_body_directly_ = false;
  size_t body_filled_ = 0;  // of a body with a Content-Length; the string is already larger
  bool peer_finished_ = false;
  Http1RequestParser parser_;
  BodyCharge charge_;
  State state_ = State::idle;
  SteadyTime deadline_{};
  std::weak_ptr<HttpExchange> exchange_;

  // Of the request being answered: set before its handler starts, read by the sink on any thread.
  bool head_only_ = false;
  int minor_version_ = 1;
  bool keep_alive_ = true;
  bool upgrade_requested_ = false;

  // Output
  std::deque<Output> output_;
  size_t output_bytes_ = 0;      // sum over output_
  size_t written_bytes_ = 0;     // of the body of output_.front()
  size_t writing_bytes_ = 0;     // of that body, under way
  bool chunks_dropped_ = false;  // a streamed answer to HEAD
  bool answer_queued_ = false;   // the last piece of the answer is in output_
  bool close_after_answer_ = false;
  SteadyTime write_deadline_{};
};

}  // namespace obelisk
