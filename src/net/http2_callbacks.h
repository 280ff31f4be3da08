#pragma once
// Between nghttp2's C callbacks and the methods of Http2Session: they translate and decide nothing. Internal
// to net, and included by .cc files only.
#include <nghttp2/nghttp2.h>

namespace obelisk {

class Http2Session;

// A server session whose callbacks call `owner`, which must outlive it.
nghttp2_session* make_http2_session(Http2Session& owner);

// The source of an answer's DATA frames.
ssize_t read_http2_data(nghttp2_session*, int32_t id, uint8_t*, size_t length, uint32_t* flags,
                        nghttp2_data_source*, void* user_data);

}  // namespace obelisk
