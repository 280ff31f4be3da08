#pragma once
// A blocking HTTP client (libcurl): scraping, notifications, probes. Thread safe; connections are kept alive
// and shared by the calls of one client. A request that gets an answer, whatever its status code, is a
// success; no answer is an Error:
//   invalid_argument  the URL or scheme; unavailable  could not connect, or the connection broke; timeout;
//   cancelled; too_large  the body is over response_bytes_max (counted after decompression).
// Error texts name the URL without its credentials. Only http and https are spoken, also after redirects.
// A redirect to another host, port or scheme is followed without credentials: no user, no Authorization or
// Cookie header, no secret_headers. Certificates and keys come from files (read for each new connection) or
// as PEM text.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/thread_annotations.h"
#include "net/http_message.h"

namespace obelisk {

enum class TlsVersion : uint8_t { any, tls10, tls11, tls12, tls13 };

struct ClientTls {
  bool verify = true;
  std::string ca_file;  // instead of the system's; at most one of file and text of each
  std::string ca_pem;
  std::string cert_file;
  std::string cert_pem;
  std::string key_file;
  std::string key_pem;
  std::string server_name;  // in the handshake and for verification; empty: the URL's host
  TlsVersion min_version = TlsVersion::tls12;
  TlsVersion max_version = TlsVersion::any;

  bool operator==(const ClientTls&) const = default;
};

struct ClientProxy {
  std::string url;  // empty: none, whatever the environment says
  std::string no_proxy;
  bool from_environment = false;  // HTTP_PROXY, HTTPS_PROXY, NO_PROXY
  HttpHeaders connect_headers;    // sent to the proxy with CONNECT

  bool operator==(const ClientProxy&) const = default;
};

struct ClientRequest {
  std::string method = "GET";
  std::string url;
  HttpHeaders headers;
  HttpHeaders secret_headers;  // headers that another host must not see
  std::string body;
  std::string user;  // basic authentication, when not empty
  std::string password;
  int64_t connect_timeout_ms = 5'000;
  int64_t timeout_ms = 10'000;  // the whole exchange
  size_t response_bytes_max = size_t{64} << 20;
  bool follow_redirects = false;  // at most 10; credentials go to the first host only
  bool accept_compressed = true;  // asks for gzip and undoes it
  bool http2 = true;              // may be negotiated over TLS
  ClientTls tls;
  ClientProxy proxy;
  std::string unix_socket_path;               // connect to this instead of the URL's host, when not empty
  const std::atomic<bool>* cancel = nullptr;  // checked about once a second, and whenever bytes move
  // Takes the body of an answer of status 200 piece by piece as it comes, in the place of the response, and
  // without its limit; false breaks the exchange off (cancelled). For answers that go on and on.
  std::function<bool(std::string_view piece)> on_piece;
};

struct ClientResponse {
  int status = 0;
  HttpHeaders headers;  // lower-case names, of the last answer
  std::string body;
  std::string effective_url;

  std::string_view header(std::string_view lower_case_name) const {
    return find_header(headers, lower_case_name);
  }
};

class HttpClient {
 public:
  HttpClient();
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  Result<ClientResponse> request(const ClientRequest& request);

 private:
  static constexpr size_t kIdleHandlesMax = 16;  // each keeps up to 5 connections open
  static constexpr int kRedirectsMax = 10;
  class Handle;
  std::unique_ptr<Handle> take_handle();
  void give_back(std::unique_ptr<Handle> handle);
  static Result<ClientResponse> follow(Handle& handle, ClientRequest request, Result<ClientResponse> response,
                                       std::string redirect);

  Mutex mutex_;
  std::vector<std::unique_ptr<Handle>> idle_ GUARDED_BY(mutex_);
};

}  // namespace obelisk
