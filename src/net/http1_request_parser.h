#pragma once
// The incremental parser of one HTTP/1.x request: Boost.Beast's parser, filling an HttpRequest without its
// containers. feed() is called with the unread bytes until header_complete(); after that, for a chunked body,
// until complete(). A body with a Content-Length is read by the caller, straight into request().body. Refused
// beyond what Beast refuses: more than one Host or none in HTTP/1.1, both Content-Length and
// Transfer-Encoding (request smuggling), transfer codings other than chunked, and more than kHeadersMax
// headers. Not thread safe; reusable after reset().
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "net/http_message.h"

namespace obelisk {

struct Http1ParseError {
  int status = 400;  // what to answer
  std::string message;
};

class Http1RequestParser {
 public:
  static constexpr size_t kHeadersMax = 256;

  Http1RequestParser(size_t header_bytes_max, size_t body_bytes_max);
  ~Http1RequestParser();

  void reset();
  // Returns how many bytes were used; the rest, when not complete(), must be given again with more behind it.
  // After an error only reset() is allowed.
  size_t feed(std::string_view bytes, std::optional<Http1ParseError>& error);

  bool header_complete() const;
  bool complete() const;
  bool chunked() const;
  uint64_t content_length() const;  // 0 when there is none
  bool keep_alive() const;
  bool expects_continue() const;
  int minor_version() const;
  HttpRequest& request();

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace obelisk
