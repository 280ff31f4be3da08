#include "net/http2_callbacks.h"

#include "net/http2_session.h"

namespace obelisk {
namespace {

Http2Session& self(void* user_data) {
  return *static_cast<Http2Session*>(user_data);
}
std::string_view view(const uint8_t* bytes, size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

ssize_t send_bytes(nghttp2_session*, const uint8_t* data, size_t length, int, void* user_data) {
  if (self(user_data).output_full()) return NGHTTP2_ERR_WOULDBLOCK;
  self(user_data).append_output(view(data, length));
  return static_cast<ssize_t>(length);
}

int send_data_frame(nghttp2_session*, nghttp2_frame* frame, const uint8_t* frame_header, size_t length,
                    nghttp2_data_source*, void* user_data) {
  constexpr size_t kFrameHeaderBytes = 9;
  if (self(user_data).output_full()) return NGHTTP2_ERR_WOULDBLOCK;
  self(user_data).append_output(view(frame_header, kFrameHeaderBytes));
  self(user_data).copy_data(frame->hd.stream_id, length);
  return 0;
}

bool starts_request(const nghttp2_frame* frame) {
  return frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
}

int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
  return starts_request(frame) ? self(user_data).begin_stream(frame->hd.stream_id) : 0;
}

int on_header(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
              const uint8_t* value, size_t value_size, uint8_t, void* user_data) {
  // Trailers of a request are not headers, and nothing of ours reads them.
  if (starts_request(frame))
    self(user_data).add_header(frame->hd.stream_id, view(name, name_size), view(value, value_size));
  return 0;
}

int on_frame_received(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
  if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
  if (starts_request(frame)) self(user_data).headers_complete(frame->hd.stream_id);
  if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) self(user_data).request_complete(frame->hd.stream_id);
  return 0;
}

int on_data(nghttp2_session*, uint8_t, int32_t id, const uint8_t* data, size_t length, void* user_data) {
  self(user_data).add_data(id, view(data, length));
  return 0;
}

int on_frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
  bool ends = (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
              (frame->hd.flags & NGHTTP2_FLAG_END_STREAM);
  if (ends) self(user_data).end_stream_sent(frame->hd.stream_id);
  return 0;
}

int on_stream_close(nghttp2_session*, int32_t id, uint32_t, void* user_data) {
  self(user_data).stream_closed(id);
  return 0;
}

}  // namespace

ssize_t read_http2_data(nghttp2_session*, int32_t id, uint8_t*, size_t length, uint32_t* flags,
                        nghttp2_data_source*, void* user_data) {
  return self(user_data).next_data(id, length, *flags);
}

nghttp2_session* make_http2_session(Http2Session& owner) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_option* option = nullptr;
  nghttp2_session* session = nullptr;
  int callbacks_status = nghttp2_session_callbacks_new(&callbacks);
  int option_status = nghttp2_option_new(&option);
  OBELISK_ASSERT(callbacks_status == 0 && option_status == 0);
  nghttp2_session_callbacks_set_send_callback(callbacks, send_bytes);
  nghttp2_session_callbacks_set_send_data_callback(callbacks, send_data_frame);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_received);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
  nghttp2_option_set_no_closed_streams(option, 1);
  int status = nghttp2_session_server_new2(&session, callbacks, &owner, option);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  OBELISK_ASSERT(status == 0);
  return session;
}

}  // namespace obelisk
