#pragma once
// Requests with the HttpSettings of a configuration: credentials (from files, read for each request), OAuth2
// tokens (fetched when needed, kept until shortly before they expire, and dropped when a server answers 401),
// TLS, proxy, headers and redirects. No error text shows a secret. Thread safe; at most kTokensMax tokens are
// kept.
#include <chrono>
#include <functional>
#include <map>
#include <string>

#include "base/thread_annotations.h"
#include "collect/config/http_settings.h"
#include "net/http_client.h"

namespace obelisk::collect {

class HttpFetcher {
 public:
  using Transport = std::function<Result<ClientResponse>(const ClientRequest&)>;
  static constexpr size_t kTokensMax = 1'000;

  // `transport` replaces the network; not set: an HttpClient.
  explicit HttpFetcher(Transport transport = {}) : transport_(std::move(transport)) {}

  // URL, method, body, limits and the caller's own headers are taken from `request`; the rest from
  // `settings`.
  Result<ClientResponse> fetch(ClientRequest request, const HttpSettings& settings);

 private:
  struct Token {
    std::string value;
    std::chrono::steady_clock::time_point valid_until;
  };

  Result<ClientResponse> send(const ClientRequest& request) {
    return transport_ ? transport_(request) : client_.request(request);
  }
  Result<std::string> token_for(const OAuth2& oauth2, const std::string& key, const ClientRequest& request);
  Result<Token> ask_for_token(const OAuth2& oauth2, const ClientRequest& request);

  const Transport transport_;
  HttpClient client_;
  Mutex mutex_;
  std::map<std::string, Token> tokens_ GUARDED_BY(mutex_);
};

// The secret's text, from its file where it has one, without a line end; at most 1 MiB.
Result<std::string> secret_text(const Secret& secret);
// The bytes of a file of at most `bytes_max`.
Result<std::string> read_small_file(const std::string& path, size_t bytes_max);

}  // namespace obelisk::collect
