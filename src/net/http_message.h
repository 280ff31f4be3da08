#pragma once
// HTTP requests and responses as plain values, the same for HTTP/1.1 and HTTP/2.
// Header names are lower case. A request that reaches a handler is complete: its body has been read and is
// bounded by ServerOptions::body_bytes_max. Bodies are as sent; content_encoding.h undoes a Content-Encoding.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace obelisk {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

// The value of the first header with this lower-case name, or empty.
std::string_view find_header(const HttpHeaders& headers, std::string_view lower_case_name);

struct HttpRequest {
  std::string method;  // as sent: "GET"
  std::string target;  // origin form as sent: "/loki/api/v1/query?query=%7B%7D"
  std::string path;    // percent-decoded: "/loki/api/v1/query"
  std::string query;   // what follows '?', not decoded; see Parameters in url.h
  HttpHeaders headers;
  std::string body;
  std::string remote_address;  // "127.0.0.1:53122"
  int http_major = 1;

  std::string_view header(std::string_view lower_case_name) const {
    return find_header(headers, lower_case_name);
  }
  // The path before percent-decoding, so that an encoded slash can be told from a separator.
  std::string_view raw_path() const { return std::string_view(target).substr(0, target.find('?')); }
};

struct HttpResponse {
  int status = 200;
  HttpHeaders headers;  // content-length and the like are added by the server
  std::string body;
};

// "Not Found" for 404; "Unknown" for a code without a name.
std::string_view status_text(int status);

// A text/plain response with a line end after `text`: the shape of every error of the network layer.
HttpResponse text_response(int status, std::string_view text);

// True when one of the comma-separated elements of `value` is `token`, ignoring case and blanks.
bool header_has_token(std::string_view value, std::string_view token);

}  // namespace obelisk
