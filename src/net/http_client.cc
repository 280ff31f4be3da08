#include "net/http_client.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <mutex>

#include "base/text.h"
#include "net/url.h"

namespace obelisk {
namespace {

void initialise_curl_once() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

struct SlistDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Slist = std::unique_ptr<curl_slist, SlistDeleter>;

void append_line(Slist& list, const std::string& line) {
  curl_slist* longer = curl_slist_append(list.get(), line.c_str());
  OBELISK_ASSERT(longer != nullptr);
  [[maybe_unused]] curl_slist* same = list.release();
  list.reset(longer);
}

// What the callbacks of one transfer write to.
struct Transfer {
  ClientResponse response;
  size_t bytes_max = 0;
  bool over_limit = false;
  std::string host_header;  // when the URL's host is not the one that is asked
  Slist connect_to;
  Slist proxy_headers;
  const std::atomic<bool>* cancel = nullptr;
  const std::function<bool(std::string_view)>* on_piece = nullptr;
  bool broken_off = false;  // by on_piece
  bool is_ok = false;       // the answer under way is of status 200
};

// What the answer announces, so that a large body is not copied while it grows. At most 64 MiB on a peer's
// word.
size_t expected_bytes(const Transfer& transfer) {
  constexpr uint64_t kTrustedMax = uint64_t{64} << 20;
  uint64_t announced = parse_uint64(transfer.response.header("content-length")).value_or(0);
  return static_cast<size_t>(std::min({announced, kTrustedMax, static_cast<uint64_t>(transfer.bytes_max)}));
}

size_t on_body(char* data, size_t, size_t size, void* user_data) {
  auto& transfer = *static_cast<Transfer*>(user_data);
  if (transfer.is_ok && *transfer.on_piece) {
    transfer.broken_off = !(*transfer.on_piece)({data, size});
    return transfer.broken_off ? CURL_WRITEFUNC_ERROR : size;
  }
  if (transfer.response.body.empty()) transfer.response.body.reserve(expected_bytes(transfer));
  if (transfer.response.body.size() + size > transfer.bytes_max) {
    transfer.over_limit = true;
    return CURL_WRITEFUNC_ERROR;
  }
  transfer.response.body.append(data, size);
  return size;
}

size_t on_header(char* data, size_t, size_t size, void* user_data) {
  auto& transfer = *static_cast<Transfer*>(user_data);
  ClientResponse& response = transfer.response;
  std::string_view line(data, size);
  if (line.starts_with("HTTP/")) {  // a further answer: after a redirect or 100-continue
    response.headers.clear();
    transfer.is_ok = line.substr(std::min(line.find(' '), line.size())).starts_with(" 200");
    return size;
  }
  size_t colon = line.find(':');
  if (colon != std::string_view::npos)
    response.headers.emplace_back(to_lower(line.substr(0, colon)), std::string(trim(line.substr(colon + 1))));
  return size;
}

int on_progress(void* user_data, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const std::atomic<bool>* cancel = static_cast<Transfer*>(user_data)->cancel;
  return cancel != nullptr && cancel->load() ? 1 : 0;
}

ErrorCode code_of(CURLcode status) {
  switch (status) {
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
      return ErrorCode::invalid_argument;
    case CURLE_OPERATION_TIMEDOUT:
      return ErrorCode::timeout;
    case CURLE_ABORTED_BY_CALLBACK:
      return ErrorCode::cancelled;
    default:
      return ErrorCode::unavailable;
  }
}

// Scheme, host and port, in lower case: what credentials are for.
std::string origin_of(std::string_view url) {
  size_t scheme = url.find("://");
  size_t authority = scheme == std::string_view::npos ? 0 : scheme + 3;
  size_t end = std::min(url.find_first_of("/?#", authority), url.size());
  std::string_view host = url.substr(authority, end - authority);
  if (size_t at = host.rfind('@'); at != std::string_view::npos) host.remove_prefix(at + 1);
  std::string origin = to_lower(url.substr(0, authority)) + to_lower(host);
  if (origin.starts_with("http://") && origin.ends_with(":80")) origin.resize(origin.size() - 3);
  if (origin.starts_with("https://") && origin.ends_with(":443")) origin.resize(origin.size() - 4);
  return origin;
}

void drop_credentials(ClientRequest& request) {
  request.user.clear();
  request.password.clear();
  request.secret_headers.clear();
  std::erase_if(request.headers, [](const auto& header) {
    return equals_ignoring_case(header.first, "authorization") ||
           equals_ignoring_case(header.first, "cookie");
  });
}

}  // namespace

// One libcurl easy handle with its connections.
class HttpClient::Handle {
 public:
  Handle() : curl_(curl_easy_init()) { OBELISK_ASSERT(curl_ != nullptr); }
  ~Handle() { curl_easy_cleanup(curl_); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  // One exchange; `redirect` is where the answer points to, when it is a redirect.
  Result<ClientResponse> perform(const ClientRequest& request, std::string& redirect);

 private:
  void set_request(const ClientRequest& request, Transfer& transfer);
  void set_tls(const ClientTls& tls);
  void set_proxy(const ClientProxy& proxy);
  // The URL that is asked for: with the TLS server name in the place of the host, when there is one.
  std::string url_of(const ClientRequest& request, Transfer& transfer);
  Slist set_headers(const ClientRequest& request, const Transfer& transfer);
  Error explain(CURLcode status, const ClientRequest& request, const Transfer& transfer) const;

  CURL* const curl_;
  char error_text_[CURL_ERROR_SIZE] = {};
};

void HttpClient::Handle::set_request(const ClientRequest& request, Transfer& transfer) {
  curl_easy_reset(curl_);  // keeps the connections
  curl_easy_setopt(curl_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl_, CURLOPT_ERRORBUFFER, error_text_);
  curl_easy_setopt(curl_, CURLOPT_URL, url_of(request, transfer).c_str());
  curl_easy_setopt(curl_, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl_, CURLOPT_FOLLOWLOCATION, 0L);  // HttpClient::request does, without credentials
  curl_easy_setopt(curl_, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.connect_timeout_ms));
  curl_easy_setopt(curl_, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout_ms));
  set_tls(request.tls);
  set_proxy(request.proxy);
  if (!request.proxy.connect_headers.empty()) {
    for (const auto& [name, value] : request.proxy.connect_headers)
      append_line(transfer.proxy_headers, fmt::format("{}: {}", name, value));
    curl_easy_setopt(curl_, CURLOPT_PROXYHEADER, transfer.proxy_headers.get());
    curl_easy_setopt(curl_, CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));
  }
  curl_easy_setopt(
      curl_, CURLOPT_HTTP_VERSION,
      request.http2 ? static_cast<long>(CURL_HTTP_VERSION_2TLS) : static_cast<long>(CURL_HTTP_VERSION_1_1));
  if (!request.unix_socket_path.empty())
    curl_easy_setopt(curl_, CURLOPT_UNIX_SOCKET_PATH, request.unix_socket_path.c_str());
  if (request.accept_compressed) curl_easy_setopt(curl_, CURLOPT_ACCEPT_ENCODING, "gzip");
  if (!request.user.empty()) {
    curl_easy_setopt(curl_, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    curl_easy_setopt(curl_, CURLOPT_USERNAME, request.user.c_str());
    curl_easy_setopt(curl_, CURLOPT_PASSWORD, request.password.c_str());
  }
  if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
    curl_easy_setopt(curl_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(curl_, CURLOPT_POSTFIELDS, request.body.data());
  }
  if (request.method == "HEAD") curl_easy_setopt(curl_, CURLOPT_NOBODY, 1L);
  curl_easy_setopt(curl_, CURLOPT_CUSTOMREQUEST, request.method == "HEAD" ? nullptr : request.method.c_str());
  curl_easy_setopt(curl_, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl_, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl_, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(curl_, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(curl_, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl_, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl_, CURLOPT_XFERINFODATA, &transfer);
}

void HttpClient::Handle::set_tls(const ClientTls& tls) {
  auto set_text = [this](CURLoption option, const std::string& text) {
    if (text.empty()) return;
    curl_blob blob{const_cast<char*>(text.data()), text.size(), CURL_BLOB_COPY};
    curl_easy_setopt(curl_, option, &blob);
  };
  auto set_file = [this](CURLoption option, const std::string& file) {
    if (!file.empty()) curl_easy_setopt(curl_, option, file.c_str());
  };
  curl_easy_setopt(curl_, CURLOPT_SSL_VERIFYPEER, tls.verify ? 1L : 0L);
  curl_easy_setopt(curl_, CURLOPT_SSL_VERIFYHOST, tls.verify ? 2L : 0L);
  if (!tls.ca_file.empty() || !tls.ca_pem.empty()) {  // only these, not the system's as well
    curl_easy_setopt(curl_, CURLOPT_CAPATH, nullptr);
    curl_easy_setopt(curl_, CURLOPT_CAINFO, nullptr);
  }
  set_file(CURLOPT_CAINFO, tls.ca_file);
  set_text(CURLOPT_CAINFO_BLOB, tls.ca_pem);
  set_file(CURLOPT_SSLCERT, tls.cert_file);
  set_text(CURLOPT_SSLCERT_BLOB, tls.cert_pem);
  set_file(CURLOPT_SSLKEY, tls.key_file);
  set_text(CURLOPT_SSLKEY_BLOB, tls.key_pem);
  static constexpr long kMin[] = {CURL_SSLVERSION_DEFAULT, CURL_SSLVERSION_TLSv1_0, CURL_SSLVERSION_TLSv1_1,
                                  CURL_SSLVERSION_TLSv1_2, CURL_SSLVERSION_TLSv1_3};
  static constexpr long kMax[] = {CURL_SSLVERSION_MAX_DEFAULT, CURL_SSLVERSION_MAX_TLSv1_0,
                                  CURL_SSLVERSION_MAX_TLSv1_1, CURL_SSLVERSION_MAX_TLSv1_2,
                                  CURL_SSLVERSION_MAX_TLSv1_3};
  curl_easy_setopt(curl_, CURLOPT_SSLVERSION,
                   kMin[static_cast<size_t>(tls.min_version)] | kMax[static_cast<size_t>(tls.max_version)]);
  // OpenSSL's default security level refuses what was asked for.
  if (tls.min_version == TlsVersion::tls10 || tls.min_version == TlsVersion::tls11)
    curl_easy_setopt(curl_, CURLOPT_SSL_CIPHER_LIST, "DEFAULT@SECLEVEL=0");
}

void HttpClient::Handle::set_proxy(const ClientProxy& proxy) {
  if (proxy.from_environment) return;  // libcurl's default
  curl_easy_setopt(curl_, CURLOPT_PROXY, proxy.url.c_str());
  curl_easy_setopt(curl_, CURLOPT_NOPROXY, proxy.no_proxy.c_str());
}

// libcurl takes the name of the handshake from the URL: the URL names it, CONNECT_TO the real host, and the
// Host header stays what the URL said.
std::string HttpClient::Handle::url_of(const ClientRequest& request, Transfer& transfer) {
  if (request.tls.server_name.empty() || !request.url.starts_with("https://")) return request.url;
  std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> url(curl_url(), curl_url_cleanup);
  auto part = [&](CURLUPart which, unsigned flags) {
    char* text = nullptr;
    std::string copy;
    if (curl_url_get(url.get(), which, &text, flags) == CURLUE_OK) copy = text;
    curl_free(text);
    return copy;
  };
  if (curl_url_set(url.get(), CURLUPART_URL, request.url.c_str(), 0) != CURLUE_OK) return request.url;
  std::string host = part(CURLUPART_HOST, 0);
  std::string port = part(CURLUPART_PORT, CURLU_DEFAULT_PORT);
  std::string given_port = part(CURLUPART_PORT, 0);
  if (host == request.tls.server_name ||
      curl_url_set(url.get(), CURLUPART_HOST, request.tls.server_name.c_str(), 0) != CURLUE_OK)
    return request.url;
  append_line(transfer.connect_to, fmt::format("{}:{}:{}:{}", request.tls.server_name, port, host, port));
  curl_easy_setopt(curl_, CURLOPT_CONNECT_TO, transfer.connect_to.get());
  transfer.host_header = given_port.empty() ? host : host + ":" + given_port;
  return part(CURLUPART_URL, 0);
}

Slist HttpClient::Handle::set_headers(const ClientRequest& request, const Transfer& transfer) {
  Slist list;
  for (const HttpHeaders* headers : {&request.headers, &request.secret_headers}) {
    for (const auto& [name, value] :
         *headers)  // "name;" sends an empty value, "name:" would remove the header
      append_line(list, value.empty() ? name + ";" : fmt::format("{}: {}", name, value));
  }
  if (!transfer.host_header.empty()) append_line(list, "Host: " + transfer.host_header);
  append_line(list, "Expect:");  // no round trip before a body
  if (find_header(request.headers, "content-type").empty())
    append_line(list, "Content-Type:");  // not libcurl's form default
  curl_easy_setopt(curl_, CURLOPT_HTTPHEADER, list.get());
  return list;
}

Error HttpClient::Handle::explain(CURLcode status, const ClientRequest& request,
                                  const Transfer& transfer) const {
  std::string where = fmt::format("{} {}", request.method, without_credentials(request.url));
  if (transfer.over_limit)
    return make_error(ErrorCode::too_large,
                      fmt::format("{}: the answer is over the limit of {} bytes", where, transfer.bytes_max));
  if (status == CURLE_ABORTED_BY_CALLBACK || transfer.broken_off)
    return make_error(ErrorCode::cancelled, where + ": cancelled");
  std::string_view text = error_text_[0] != '\0' ? error_text_ : curl_easy_strerror(status);
  return make_error(code_of(status), fmt::format("{}: {}", where, text));
}

Result<ClientResponse> HttpClient::Handle::perform(const ClientRequest& request, std::string& redirect) {
  for (const HttpHeaders* headers :
       {&request.headers, &request.secret_headers, &request.proxy.connect_headers}) {
    for (const auto& [name, value] : *headers) {
      if ((name + value).find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos)
        return make_error(ErrorCode::invalid_argument, fmt::format("header \"{}\" holds a line end", name));
    }
  }
  Transfer transfer;
  transfer.bytes_max = request.response_bytes_max;
  transfer.cancel = request.cancel;
  transfer.on_piece = &request.on_piece;
  error_text_[0] = '\0';
  set_request(request, transfer);
  Slist headers = set_headers(request, transfer);
  CURLcode status = curl_easy_perform(curl_);
  if (status != CURLE_OK) return explain(status, request, transfer);
  long code = 0;
  curl_easy_getinfo(curl_, CURLINFO_RESPONSE_CODE, &code);
  transfer.response.status = static_cast<int>(code);
  char* url = nullptr;
  curl_easy_getinfo(curl_, CURLINFO_EFFECTIVE_URL, &url);
  if (url != nullptr) transfer.response.effective_url = without_credentials(url);
  url = nullptr;
  curl_easy_getinfo(curl_, CURLINFO_REDIRECT_URL, &url);
  redirect = url != nullptr ? url : "";
  return std::move(transfer.response);
}

HttpClient::HttpClient() {
  initialise_curl_once();
}
HttpClient::~HttpClient() = default;

std::unique_ptr<HttpClient::Handle> HttpClient::take_handle() {
  {
    MutexLock lock(mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<Handle> handle = std::move(idle_.back());
      idle_.pop_back();
      return handle;
    }
  }
  return std::make_unique<Handle>();
}

void HttpClient::give_back(std::unique_ptr<Handle> handle) {
  MutexLock lock(mutex_);
  if (idle_.size() < kIdleHandlesMax) idle_.push_back(std::move(handle));
}

Result<ClientResponse> HttpClient::request(const ClientRequest& request) {
  std::unique_ptr<Handle> handle = take_handle();
  std::string redirect;
  Result<ClientResponse> response = handle->perform(request, redirect);
  if (request.follow_redirects && response.ok() && !redirect.empty())
    response = follow(*handle, request, std::move(response), redirect);
  give_back(std::move(handle));
  return response;
}

// As browsers and Go do: 307 and 308 repeat the request, the others ask again with GET (or HEAD).
Result<ClientResponse> HttpClient::follow(Handle& handle, ClientRequest request,
                                          Result<ClientResponse> response, std::string redirect) {
  auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(request.timeout_ms);
  for (int hops = 0; response.ok() && !redirect.empty(); ++hops) {
    if (hops == kRedirectsMax)
      return make_error(ErrorCode::unavailable, fmt::format("{} {}: more than {} redirects", request.method,
                                                            without_credentials(request.url), kRedirectsMax));
    if (origin_of(redirect) != origin_of(request.url)) drop_credentials(request);
    if (response->status != 307 && response->status != 308 && request.method != "HEAD") {
      request.method = "GET";
      request.body.clear();
    }
    request.url = redirect;
    request.timeout_ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now())
            .count();
    if (request.timeout_ms <= 0)
      return make_error(ErrorCode::timeout, fmt::format("{}: timed out", without_credentials(request.url)));
    redirect.clear();
    response = handle.perform(request, redirect);
  }
  return response;
}

}  // namespace obelisk
