#include "net/http1_request_parser.h"

#include <fmt/format.h>

#include <boost/beast/http/basic_parser.hpp>

#include "base/text.h"
#include "net/url.h"

namespace obelisk {
namespace http = boost::beast::http;
using boost::beast::error_code;

namespace {

std::string_view view(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

// The callbacks of Beast's parser. One object a request.
class RequestFields : public http::basic_parser<true> {
 public:
  HttpRequest request;
  int version = 0;  // 10 or 11
  size_t host_count = 0;
  bool too_many_headers = false;

 private:
  void on_request_impl(http::verb, boost::beast::string_view method, boost::beast::string_view target,
                       int http_version, error_code&) override {
    version = http_version;
    request.method = view(method);
    request.target = view(target);
  }
  void on_response_impl(int, boost::beast::string_view, int, error_code&) override {}
  void on_field_impl(http::field, boost::beast::string_view name, boost::beast::string_view value,
                     error_code& error) override {
    if (is_header_done()) return;  // trailers of a chunked body must not pass for headers
    if (request.headers.size() == Http1RequestParser::kHeadersMax) {
      too_many_headers = true;
      error = http::error::header_limit;
      return;
    }
    auto& [lower, text] = request.headers.emplace_back(std::string(view(name)), std::string(view(value)));
    for (char& c : lower) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
    }
    if (lower == "host") ++host_count;
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(boost::optional<std::uint64_t> const&, error_code&) override {}
  std::size_t on_body_impl(boost::beast::string_view body, error_code&) override {
    request.body.append(view(body));
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t, boost::beast::string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, boost::beast::string_view body, error_code&) override {
    request.body.append(view(body));
    return body.size();
  }
  void on_finish_impl(error_code&) override {}
};

// "http://host/path" as sent to proxies is accepted in its origin form.
void normalise_target(std::string& target) {
  size_t scheme = target.find("://");
  if (target.starts_with('/') || scheme == std::string::npos) return;
  size_t path = target.find('/', scheme + 3);
  target = path == std::string::npos ? "/" : target.substr(path);
}

}  // namespace

class Http1RequestParser::Implementation {
 public:
  Implementation(size_t header_bytes_max, size_t body_bytes_max)
      : header_bytes_max_(header_bytes_max), body_bytes_max_(body_bytes_max) {
    reset();
  }
  void reset() {
    fields.emplace();
    fields->header_limit(static_cast<uint32_t>(header_bytes_max_));
    fields->body_limit(body_bytes_max_);
    fields->eager(false);
  }

  size_t feed(std::string_view bytes, std::optional<Http1ParseError>& error) {
    bool header_was_complete = fields->is_header_done();
    // Beast asserts that a last chunk it has seen the begin of comes again with the whole of "0\r\n\r\n".
    // Nothing shorter ends a chunked body, so nothing is delayed by waiting.
    constexpr size_t kLastChunkBytes = 5;
    if (header_was_complete && bytes.size() < kLastChunkBytes) return 0;
    size_t used = 0;
    while (used < bytes.size() && !fields->is_done()) {
      error_code code;
      used += fields->put({bytes.data() + used, bytes.size() - used}, code);
      if (code == http::error::need_more) break;
      if (code) {
        error = explain(code);
        return used;
      }
      if (!header_was_complete && fields->is_header_done()) {
        error = check_header();
        if (error || !fields->chunked()) return used;
        fields->eager(true);
        return used;
      }
    }
    return used;
  }

  std::optional<RequestFields> fields;

 private:
  std::optional<Http1ParseError> check_header() {
    HttpRequest& request = fields->request;
    bool transfer_encoding = !request.header("transfer-encoding").empty();
    if (fields->version == 11 && fields->host_count != 1)
      return Http1ParseError{400, "HTTP/1.1 needs exactly one Host header"};
    if (transfer_encoding && !request.header("content-length").empty())
      return Http1ParseError{400, "both Content-Length and Transfer-Encoding were sent"};
    if (transfer_encoding && !equals_ignoring_case(request.header("transfer-encoding"), "chunked"))
      return Http1ParseError{501, "the only Transfer-Encoding supported is chunked"};
    normalise_target(request.target);
    auto parts = split_target(request.target);
    if (!parts.ok()) return Http1ParseError{400, "request target: " + parts.error().to_string()};
    request.path = std::move(parts->path);
    request.query = std::move(parts->query);
    return std::nullopt;
  }

  Http1ParseError explain(const error_code& code) const {
    if (fields->too_many_headers) return {431, fmt::format("more than {} headers", kHeadersMax)};
    if (code == http::error::header_limit)
      return {431, fmt::format("request headers are over the limit of {} bytes", header_bytes_max_)};
    if (code == http::error::body_limit)
      return {413, fmt::format("request body is over the limit of {} bytes", body_bytes_max_)};
    return {400, "malformed HTTP request: " + code.message()};
  }

  const size_t header_bytes_max_;
  const size_t body_bytes_max_;
};

Http1RequestParser::Http1RequestParser(size_t header_bytes_max, size_t body_bytes_max)
    : implementation_(std::make_unique<Implementation>(header_bytes_max, body_bytes_max)) {}
Http1RequestParser::~Http1RequestParser() = default;

void Http1RequestParser::reset() {
  implementation_->reset();
}
size_t Http1RequestParser::feed(std::string_view bytes, std::optional<Http1ParseError>& error) {
  return implementation_->feed(bytes, error);
}
bool Http1RequestParser::header_complete() const {
  return implementation_->fields->is_header_done();
}
bool Http1RequestParser::complete() const {
  return implementation_->fields->is_done();
}
bool Http1RequestParser::chunked() const {
  return implementation_->fields->chunked();
}
uint64_t Http1RequestParser::content_length() const {
  auto length = implementation_->fields->content_length();
  return length ? *length : 0;
}
bool Http1RequestParser::keep_alive() const {
  return implementation_->fields->keep_alive();
}
bool Http1RequestParser::expects_continue() const {
  return equals_ignoring_case(implementation_->fields->request.header("expect"), "100-continue");
}
int Http1RequestParser::minor_version() const {
  return implementation_->fields->version % 10;
}
HttpRequest& Http1RequestParser::request() {
  return implementation_->fields->request;
}

}  // namespace obelisk
