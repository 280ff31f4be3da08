#include "net/http2_session.h"

#include <fmt/format.h>
#include <nghttp2/nghttp2.h>

#include <algorithm>

#include "base/text.h"
#include "net/http1_request_parser.h"
#include "net/http2_callbacks.h"
#include "net/http2_sinks.h"
#include "net/http_date.h"
#include "net/url.h"

namespace obelisk {
namespace {

// The fields of an answer in nghttp2's form. Names are lowered and line ends removed, as HTTP/2 demands.
class HeaderBlock {
 public:
  explicit HeaderBlock(size_t count) { fields_.reserve(count + 2); }
  void add(std::string_view name, std::string_view value) {
    fields_.emplace_back(to_lower(name), value);
    std::string& text = fields_.back().second;
    std::replace_if(
        text.begin(), text.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; }, ' ');
  }
  void add_all(const HttpHeaders& headers) {
    for (const auto& [name, value] : headers) add(name, value);
  }
  std::vector<nghttp2_nv> view() {
    std::vector<nghttp2_nv> result;
    for (auto& [name, value] : fields_)
      result.push_back({reinterpret_cast<uint8_t*>(name.data()), reinterpret_cast<uint8_t*>(value.data()),
                        name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
    return result;
  }

 private:
  HttpHeaders fields_;
};

constexpr std::string_view kTooManyBodies = "the limit of request bodies being received at a time is reached";

bool is_grpc_content_type(std::string_view type) {
  constexpr std::string_view kGrpc = "application/grpc";
  if (!type.starts_with(kGrpc)) return false;
  return type.size() == kGrpc.size() || type[kGrpc.size()] == '+' || type[kGrpc.size()] == ';';
}

}  // namespace

Http2Session::Http2Session(std::shared_ptr<ServerCore> core, std::shared_ptr<IoLoop> loop,
                           std::unique_ptr<TcpStream> stream, std::shared_ptr<void> token,
                           std::string first_bytes)
    : loop_(std::move(loop)),
      core_(std::move(core)),
      stream_(std::move(stream)),
      token_(std::move(token)),
      first_bytes_(std::move(first_bytes)),
      incoming_(kIncomingBytes) {
  session_ = make_http2_session(*this);
}

Http2Session::~Http2Session() {
  nghttp2_session_del(session_);
}

void Http2Session::start() {
  loop_->add_member(shared_from_this());
  idle_since_ = std::chrono::steady_clock::now();
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kStreamsMax},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindowBytes},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<uint32_t>(core_->options().header_bytes_max)},
  };
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kConnectionWindowBytes);
  receive(std::exchange(first_bytes_, {}));
}

// ---- reading ----

void Http2Session::start_read() {
  if (!closed_ && !stream_->reading())
    stream_->read_some(incoming_.data(), incoming_.size(), shared_from_this());
}

void Http2Session::on_read(size_t bytes) {
  receive({incoming_.data(), bytes});
}

void Http2Session::receive(std::string_view bytes) {
  auto kept = shared_from_this();
  in_nghttp2_ = true;
  ssize_t used =
      nghttp2_session_mem_recv(session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  in_nghttp2_ = false;
  if (used < 0) {
    rejected_total(NetLimit::malformed).add();
    return close();
  }
  flush();
  start_read();
}

Http2Stream* Http2Session::find(int32_t id) {
  auto it = streams_.find(id);
  return it == streams_.end() ? nullptr : it->second.get();
}

int Http2Session::begin_stream(int32_t id) {
  auto stream = std::make_unique<Http2Stream>(id, core_->options().body_bytes_max, core_->make_charge());
  stream->request.http_major = 2;
  stream->deadline =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(core_->options().header_timeout_ms);
  streams_[id] = std::move(stream);
  return 0;
}

void Http2Session::add_header(int32_t id, std::string_view name, std::string_view value) {
  Http2Stream* stream = find(id);
  if (stream == nullptr || stream->state != Http2Stream::State::headers) return;
  constexpr size_t kFieldBytes = 32;  // the overhead that RFC 9113 counts for a field
  stream->header_bytes += name.size() + value.size() + kFieldBytes;
  HttpRequest& request = stream->request;
  if (stream->header_bytes > core_->options().header_bytes_max ||
      request.headers.size() >= Http1RequestParser::kHeadersMax)
    return;  // not kept; refused when the header is complete
  if (name == ":method") {
    request.method = value;
  } else if (name == ":path") {
    request.target = value;
  } else if (name == ":authority") {
    request.headers.emplace_back("host", value);
  } else if (name != ":scheme") {
    request.headers.emplace_back(name, value);
  }
}

void Http2Session::headers_complete(int32_t id) {
  Http2Stream* stream = find(id);
  if (stream == nullptr || stream->state != Http2Stream::State::headers) return;
  const ServerOptions& options = core_->options();
  HttpRequest& request = stream->request;
  stream->state = Http2Stream::State::body;
  stream->deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(options.body_timeout_ms);
  request.remote_address = stream_->remote_address();
  if (stream->header_bytes > options.header_bytes_max ||
      request.headers.size() >= Http1RequestParser::kHeadersMax)
    return refuse(
        *stream, NetLimit::header_bytes,
        text_response(431, fmt::format("request headers are over the limit of {} bytes or {} fields",
                                       options.header_bytes_max, Http1RequestParser::kHeadersMax)));
  auto parts = split_target(request.target);
  if (!parts.ok())
    return refuse(*stream, NetLimit::malformed,
                  text_response(400, "request target: " + parts.error().to_string()));
  request.path = std::move(parts->path);
  request.query = std::move(parts->query);
  stream->is_grpc = request.method == "POST" && is_grpc_content_type(request.header("content-type"));
  if (stream->is_grpc) {
    std::string_view timeout = request.header("grpc-timeout");
    stream->timeout_nanos = parse_grpc_timeout(timeout);
    if (!timeout.empty() && !stream->timeout_nanos)
      return refuse_grpc(*stream, NetLimit::malformed,
                         make_error(ErrorCode::invalid_argument, "malformed grpc-timeout"));
    return;
  }
  uint64_t length = parse_uint64(request.header("content-length")).value_or(0);
  if (length > options.body_bytes_max)
    return refuse(*stream, NetLimit::body_bytes,
                  too_large_response(413, "request body", options.body_bytes_max));
  if (!stream->charge.raise_to(length))
    return refuse(*stream, NetLimit::buffered_bodies, overloaded_response(kTooManyBodies));
  request.body.reserve(length);
}

void Http2Session::add_data(int32_t id, std::string_view bytes) {
  Http2Stream* stream = find(id);
  if (stream == nullptr || stream->state != Http2Stream::State::body) return;
  const size_t limit = core_->options().body_bytes_max;
  stream->body_bytes += bytes.size();
  bool too_large = stream->body_bytes > limit;
  bool over_budget = !too_large && !stream->charge.raise_to(stream->body_bytes);
  if (over_budget && !stream->is_grpc) {
    refuse(*stream, NetLimit::buffered_bodies, overloaded_response(kTooManyBodies));
  } else if (over_budget) {
    refuse_grpc(*stream, NetLimit::buffered_bodies,
                make_error(ErrorCode::overloaded, std::string(kTooManyBodies)));
  } else if (too_large && !stream->is_grpc) {
    refuse(*stream, NetLimit::body_bytes, too_large_response(413, "request body", limit));
  } else if (too_large) {
    refuse_grpc(
        *stream, NetLimit::body_bytes,
        make_error(ErrorCode::too_large, fmt::format("gRPC request is over the limit of {} bytes", limit)));
  } else if (stream->is_grpc) {
    auto fed = stream->frames.feed(bytes);
    if (!fed.ok())
      refuse_grpc(*stream,
                  fed.error().code == ErrorCode::too_large ? NetLimit::body_bytes : NetLimit::malformed,
                  fed.error());
  } else {
    stream->request.body.append(bytes);
  }
}

void Http2Session::request_complete(int32_t id) {
  Http2Stream* stream = find(id);
  if (stream == nullptr) return;
  stream->request_complete = true;
  if (stream->state == Http2Stream::State::body) dispatch(*stream);
}

void Http2Session::dispatch(Http2Stream& stream) {
  stream.deadline.reset();
  if (stream.is_grpc && !stream.frames.at_boundary())
    return refuse_grpc(stream, NetLimit::malformed,
                       make_error(ErrorCode::invalid_argument, "the request ended inside a gRPC message"));
  stream.state = Http2Stream::State::handling;
  HttpRequest& request = stream.request;
  if (!stream.is_grpc) {
    auto sink = std::make_shared<Http2ResponseSink>(shared_from_this(), stream.id, request.method == "HEAD");
    auto exchange =
        std::make_shared<HttpExchange>(std::move(request), std::move(sink), std::move(stream.charge));
    stream.exchange = exchange;
    return core_->dispatch(std::move(exchange));
  }
  if (stream.timeout_nanos)
    stream.deadline = std::chrono::steady_clock::now() + std::chrono::nanoseconds(*stream.timeout_nanos);
  std::string encoding(request.header("grpc-encoding"));
  GrpcRequest grpc{std::move(request.path),
                   std::move(request.headers),
                   {},
                   std::move(request.remote_address),
                   stream.timeout_nanos};
  auto call = std::make_shared<GrpcCall>(std::move(grpc),
                                         std::make_shared<Http2GrpcSink>(shared_from_this(), stream.id),
                                         std::move(stream.charge));
  stream.call = call;
  core_->dispatch(std::move(call), stream.frames.take_frames(), std::move(encoding));
}

void Http2Session::refuse(Http2Stream& stream, NetLimit limit, HttpResponse response) {
  rejected_total(limit).add();
  stream.state = Http2Stream::State::refused;
  stream.deadline.reset();
  stream.request.body = {};
  stream.charge = {};
  Http2ResponseSink(shared_from_this(), stream.id, stream.request.method == "HEAD")
      .send_response(std::move(response));
}

void Http2Session::refuse_grpc(Http2Stream& stream, NetLimit limit, const Error& error) {
  rejected_total(limit).add();
  stream.state = Http2Stream::State::refused;
  stream.deadline.reset();
  stream.frames = GrpcFrameParser(0);
  stream.charge = {};
  // gRPC's own name for "too large" is resource_exhausted.
  GrpcStatus status =
      error.code == ErrorCode::too_large ? GrpcStatus::resource_exhausted : grpc_status_of(error.code);
  finish_grpc(stream, status, error.message, {});
}

void Http2Session::stream_closed(int32_t id) {
  auto it = streams_.find(id);
  if (it == streams_.end()) return;
  std::unique_ptr<Http2Stream> stream = std::move(it->second);
  streams_.erase(it);
  if (streams_.empty()) idle_since_ = std::chrono::steady_clock::now();
  stream->fire_cancel();  // without effect when the answer was complete
  for (Http2Stream::Chunk& chunk : stream->output) {
    if (chunk.done) chunk.done(false);
  }
}

// ---- answering, on the loop ----

void Http2Session::with_stream(int32_t id, std::function<void(Http2Session&, Http2Stream*)> work) {
  auto run = [kept = shared_from_this(), id, work = std::move(work)] {
    work(*kept, kept->find(id));
    kept->flush();
  };
  if (loop_->on_loop_thread()) {
    run();
  } else {
    loop_->post(std::move(run));
  }
}

void Http2Session::submit_head(Http2Stream& stream, int status, const HttpHeaders& headers, bool has_body) {
  if (stream.head_sent) return;
  stream.head_sent = true;
  if (!has_body) stream.output_ended = true;
  if (!stream.is_grpc) count_http_request(NetProtocol::http2, status);
  HeaderBlock block(headers.size());
  block.add(":status", std::to_string(status));
  block.add("date", current_http_date());
  block.add_all(headers);
  std::vector<nghttp2_nv> fields = block.view();
  nghttp2_data_provider provider{};
  provider.read_callback = read_http2_data;
  nghttp2_submit_response(session_, stream.id, fields.data(), fields.size(), has_body ? &provider : nullptr);
}

bool Http2Session::queue_chunk(Http2Stream& stream, std::string bytes, WriteDone done) {
  bool full = stream.output_bytes > HttpExchange::kStreamQueueBytesMax;
  if (full || stream.output_ended) {
    if (full) rejected_total(NetLimit::stream_queue).add();
    if (done) done(false);
    return !full;
  }
  stream.output_bytes += bytes.size();
  stream.output.push_back({std::move(bytes), 0, std::move(done)});
  if (std::exchange(stream.output_deferred, false)) nghttp2_session_resume_data(session_, stream.id);
  return true;
}

void Http2Session::end_output(Http2Stream& stream, std::optional<HttpHeaders> trailers) {
  if (stream.output_ended) return;
  stream.output_ended = true;
  stream.trailers = std::move(trailers);
  if (std::exchange(stream.output_deferred, false)) nghttp2_session_resume_data(session_, stream.id);
}

void Http2Session::finish_grpc(Http2Stream& stream, GrpcStatus status, std::string_view text,
                               HttpHeaders trailers) {
  if (stream.output_ended) return;  // a deadline was faster than the handler
  count_grpc_call(status);
  HttpHeaders fields{{"grpc-status", std::to_string(static_cast<int>(status))}};
  if (!text.empty()) fields.emplace_back("grpc-message", encode_grpc_status_text(text));
  for (auto& trailer : trailers) fields.push_back(std::move(trailer));
  if (stream.head_sent) return end_output(stream, std::move(fields));
  fields.insert(fields.begin(), {"content-type", "application/grpc"});
  fields.emplace_back("grpc-accept-encoding", kGrpcAcceptedEncodings);
  submit_head(stream, 200, fields, false);
}

void Http2Session::reset(Http2Stream& stream) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id, NGHTTP2_INTERNAL_ERROR);
}

ptrdiff_t Http2Session::next_data(int32_t id, size_t length, uint32_t& flags) {
  Http2Stream* stream = find(id);
  OBELISK_ASSERT(stream != nullptr);
  if (stream->output_bytes == 0 && !stream->output_ended) {
    stream->output_deferred = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  size_t count = std::min(length, stream->output_bytes);
  if (count > 0) flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (count < stream->output_bytes || !stream->output_ended) return static_cast<ptrdiff_t>(count);
  flags |= NGHTTP2_DATA_FLAG_EOF;
  if (stream->trailers) {
    flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    HeaderBlock block(stream->trailers->size());
    block.add_all(*stream->trailers);
    std::vector<nghttp2_nv> fields = block.view();
    nghttp2_submit_trailer(session_, id, fields.data(), fields.size());
  }
  return static_cast<ptrdiff_t>(count);
}

void Http2Session::copy_data(int32_t id, size_t length) {
  Http2Stream* stream = find(id);
  OBELISK_ASSERT(stream != nullptr && length <= stream->output_bytes);
  stream->output_bytes -= length;
  while (length > 0) {
    Http2Stream::Chunk& front = stream->output.front();
    size_t take = std::min(length, front.bytes.size() - front.sent);
    outgoing_.append(front.bytes, front.sent, take);
    front.sent += take;
    length -= take;
    if (front.sent < front.bytes.size()) continue;
    if (front.done) outgoing_dones_.push_back(std::move(front.done));
    stream->output.pop_front();
  }
}

// A client that is still sending its request may go on for a moment: some drop an answer that a reset follows
// at once.
void Http2Session::end_stream_sent(int32_t id) {
  Http2Stream* stream = find(id);
  if (stream == nullptr || stream->request_complete) return;
  stream->state = Http2Stream::State::refused;
  stream->deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kLingerMs);
}

// ---- writing ----

void Http2Session::flush() {
  if (closed_ || in_nghttp2_ || stream_->writing()) return;
  in_nghttp2_ = true;
  int status = nghttp2_session_send(session_);
  in_nghttp2_ = false;
  if (status != 0) return close();
  if (!outgoing_.empty()) {
    writing_.swap(outgoing_);
    writing_dones_.swap(outgoing_dones_);
    write_deadline_ =
        std::chrono::steady_clock::now() + std::chrono::milliseconds(core_->options().write_timeout_ms);
    return stream_->write(writing_, {}, shared_from_this());
  }
  bool finished = !nghttp2_session_want_read(session_) && !nghttp2_session_want_write(session_);
  if (finished || (draining_ && streams_.empty())) close();
}

void Http2Session::on_written(bool ok) {
  if (!ok) return close();
  writing_.clear();
  std::vector<WriteDone> dones = std::move(writing_dones_);
  writing_dones_.clear();
  for (WriteDone& done : dones) done(true);
  flush();
}

// ---- the loop's calls ----

void Http2Session::check_deadline(Http2Stream& stream, SteadyTime now) {
  if (!stream.deadline) return;
  if (stream.state == Http2Stream::State::refused) {
    if (now <= *stream.deadline) return;
    stream.deadline.reset();
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id, NGHTTP2_NO_ERROR);
    return;
  }
  const ServerOptions& options = core_->options();
  bool handling = stream.state == Http2Stream::State::handling;
  auto earned = std::chrono::milliseconds(
      handling ? 0 : static_cast<int64_t>(stream.body_bytes) * 1000 / ServerOptions::kBodyBytesPerSecondMin);
  if (now <= *stream.deadline + earned) return;
  stream.deadline.reset();
  if (handling) {
    stream.fire_cancel();
    return finish_grpc(stream, GrpcStatus::deadline_exceeded, "the call's deadline has passed", {});
  }
  if (stream.is_grpc)
    return refuse_grpc(stream, NetLimit::body_timeout,
                       make_error(ErrorCode::timeout, "the request came too slowly"));
  bool in_headers = stream.state == Http2Stream::State::headers;
  refuse(stream, in_headers ? NetLimit::header_timeout : NetLimit::body_timeout,
         text_response(
             408, fmt::format("the request came too slowly (headers {} ms, body {} ms and {} bytes a second)",
                              options.header_timeout_ms, options.body_timeout_ms,
                              ServerOptions::kBodyBytesPerSecondMin)));
}

void Http2Session::tick(SteadyTime now) {
  if (closed_) return;
  if (stream_->writing() && now > write_deadline_) {
    rejected_total(NetLimit::write_timeout).add();
    return close();
  }
  if (streams_.empty() && now - idle_since_ > std::chrono::milliseconds(core_->options().idle_timeout_ms)) {
    nghttp2_session_terminate_session(session_, NGHTTP2_NO_ERROR);
    return flush();
  }
  auto kept = shared_from_this();
  std::vector<int32_t> ids;
  for (const auto& [id, stream] : streams_) {
    if (stream->deadline) ids.push_back(id);
  }
  for (int32_t id : ids) {
    if (Http2Stream* stream = find(id)) check_deadline(*stream, now);
  }
  flush();
}

void Http2Session::drain() {
  if (closed_ || std::exchange(draining_, true)) return;
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_),
                        NGHTTP2_NO_ERROR, nullptr, 0);
  flush();
}

void Http2Session::close() {
  if (std::exchange(closed_, true)) return;
  auto kept = shared_from_this();  // the loop may hold the last reference
  stream_->close();
  auto streams = std::move(streams_);
  streams_.clear();
  for (auto& [id, stream] : streams) {
    stream->fire_cancel();
    for (Http2Stream::Chunk& chunk : stream->output) {
      if (chunk.done) chunk.done(false);
    }
  }
  for (auto* dones : {&writing_dones_, &outgoing_dones_}) {
    for (WriteDone& done : *dones) done(false);
    dones->clear();
  }
  token_.reset();
  loop_->remove_member(this);
}

}  // namespace obelisk
