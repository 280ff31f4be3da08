#include "collect/fetch/http_fetcher.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "base/text.h"
#include "base/yaml.h"
#include "net/url.h"

namespace obelisk::collect {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kSecretBytesMax = 1 << 20;
constexpr std::chrono::seconds kTokenMargin{10};     // asked for anew this long before it ends
constexpr std::chrono::seconds kTokenDefault{3600};  // when the answer does not say how long it is valid

// Equal settings share a token.
std::string token_key(const OAuth2& oauth2) {
  std::string key =
      fmt::format("{}\n{}\n{}\n{}\n{}", oauth2.token_url, oauth2.client_id, oauth2.client_secret.text,
                  oauth2.client_secret.file, fmt::join(oauth2.scopes, " "));
  for (const auto& [name, value] : oauth2.endpoint_params) key += "\n" + name + "=" + value;
  return key;
}

Result<void> add_headers(const HttpSettings& settings, ClientRequest& request) {
  for (const HeaderSetting& header : settings.headers) {
    std::vector<std::string> values = header.values;
    values.insert(values.end(), header.secrets.begin(), header.secrets.end());
    for (const std::string& file : header.files) {
      OBELISK_TRY(std::string text, secret_text({"", file}));
      values.push_back(std::move(text));
    }
    for (std::string& value : values) request.secret_headers.emplace_back(header.name, std::move(value));
  }
  return {};
}

Result<void> add_credentials(const HttpSettings& settings, ClientRequest& request) {
  if (settings.basic_auth) {
    OBELISK_TRY(request.user, secret_text(settings.basic_auth->user));
    OBELISK_TRY(request.password, secret_text(settings.basic_auth->password));
  }
  if (settings.authorization) {
    OBELISK_TRY(std::string credentials, secret_text(settings.authorization->credentials));
    if (!credentials.empty())
      request.secret_headers.emplace_back("Authorization", settings.authorization->type + " " + credentials);
  }
  return {};
}

}  // namespace

Result<std::string> read_small_file(const std::string& path, size_t bytes_max) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return make_error(ErrorCode::io, fmt::format("cannot read {}", path));
  std::string text(bytes_max + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) return make_error(ErrorCode::io, fmt::format("cannot read {}", path));
  text.resize(static_cast<size_t>(in.gcount()));
  if (text.size() > bytes_max)
    return make_error(ErrorCode::too_large, fmt::format("{} is larger than {} bytes", path, bytes_max));
  return text;
}

Result<std::string> secret_text(const Secret& secret) {
  if (secret.file.empty()) return secret.text;
  OBELISK_TRY(std::string text, read_small_file(secret.file, kSecretBytesMax));
  return std::string(trim(text));
}

Result<HttpFetcher::Token> HttpFetcher::ask_for_token(const OAuth2& oauth2, const ClientRequest& request) {
  OBELISK_TRY(std::string secret, secret_text(oauth2.client_secret));
  Parameters form;
  form.add("grant_type", "client_credentials");
  if (!oauth2.scopes.empty()) form.add("scope", fmt::format("{}", fmt::join(oauth2.scopes, " ")));
  for (const auto& [name, value] : oauth2.endpoint_params) form.add(name, value);
  ClientRequest ask;
  ask.method = "POST";
  ask.url = oauth2.token_url;
  ask.headers = {{"Content-Type", "application/x-www-form-urlencoded"}, {"Accept", "application/json"}};
  ask.body = form.encode();
  ask.user = percent_encode(oauth2.client_id);  // RFC 6749, 2.3.1
  ask.password = percent_encode(secret);
  ask.tls = oauth2.tls;
  ask.proxy = oauth2.proxy;
  ask.timeout_ms = request.timeout_ms;
  ask.connect_timeout_ms = request.connect_timeout_ms;
  ask.cancel = request.cancel;
  ask.response_bytes_max = kSecretBytesMax;
  OBELISK_TRY(ClientResponse answer, send(ask));
  auto refuse = [&](std::string_view why) {
    return make_error(ErrorCode::unavailable,
                      fmt::format("oauth2: {} {}", without_credentials(oauth2.token_url), why));
  };
  if (answer.status / 100 != 2) return refuse(fmt::format("answered {}", answer.status));
  auto json = parse_yaml(answer.body, "token");  // JSON is YAML
  if (!json.ok()) return refuse("answered no JSON");
  const YamlNode* value = json->find("access_token");
  if (value == nullptr || value->scalar.empty()) return refuse("gave no access_token");
  Token token{value->scalar, Clock::now() + kTokenDefault};
  if (const YamlNode* lifetime = json->find("expires_in")) {
    int64_t seconds = parse_int64(lifetime->scalar).value_or(0);
    if (seconds > 0)
      token.valid_until = Clock::now() + std::chrono::seconds(std::min<int64_t>(seconds, 86'400 * 365));
  }
  return token;
}

Result<std::string> HttpFetcher::token_for(const OAuth2& oauth2, const std::string& key,
                                           const ClientRequest& request) {
  {
    MutexLock lock(mutex_);
    auto known = tokens_.find(key);
    if (known != tokens_.end() && Clock::now() + kTokenMargin < known->second.valid_until)
      return known->second.value;
  }
  // Two that ask at the same time both fetch one: harmless, and no request waits for another's.
  OBELISK_TRY(Token token, ask_for_token(oauth2, request));
  std::string value = token.value;
  MutexLock lock(mutex_);
  if (tokens_.size() >= kTokensMax) tokens_.clear();
  tokens_.insert_or_assign(key, std::move(token));
  return value;
}

Result<ClientResponse> HttpFetcher::fetch(ClientRequest request, const HttpSettings& settings) {
  request.tls = settings.tls;
  request.proxy = settings.proxy;
  request.http2 = settings.http2;
  request.follow_redirects = settings.follow_redirects;
  OBELISK_CHECK_OK(add_headers(settings, request));
  OBELISK_CHECK_OK(add_credentials(settings, request));
  if (!settings.oauth2) return send(request);
  std::string key = token_key(*settings.oauth2);
  OBELISK_TRY(std::string token, token_for(*settings.oauth2, key, request));
  request.secret_headers.emplace_back("Authorization", "Bearer " + token);
  Result<ClientResponse> response = send(request);
  if (response.ok() && response->status == 401) {
    MutexLock lock(mutex_);
    tokens_.erase(key);
  }
  return response;
}

}  // namespace obelisk::collect
