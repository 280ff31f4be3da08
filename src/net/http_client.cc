#include "net/http_client.h"

#include <curl/curl.h>
#include <fmt/format.h>

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

// What the callbacks of one transfer write to.
struct Transfer {
  ClientResponse response;
  size_t bytes_max = 0;
  bool over_limit = false;
  const std::atomic<bool>* cancel = nullptr;
};

size_t on_body(char* data, size_t, size_t size, void* user_data) {
  auto& transfer = *static_cast<Transfer*>(user_data);
  if (transfer.response.body.size() + size > transfer.bytes_max) {
    transfer.over_limit = true;
    return CURL_WRITEFUNC_ERROR;
  }
  transfer.response.body.append(data, size);
  return size;
}

size_t on_header(char* data, size_t, size_t size, void* user_data) {
  auto& response = static_cast<Transfer*>(user_data)->response;
  std::string_view line(data, size);
  if (line.starts_with("HTTP/")) {  // a further answer: after a redirect or 100-continue
    response.headers.clear();
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

}  // namespace

// One libcurl easy handle with its connections.
class HttpClient::Handle {
 public:
  Handle() : curl_(curl_easy_init()) { OBELISK_ASSERT(curl_ != nullptr); }
  ~Handle() { curl_easy_cleanup(curl_); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  Result<ClientResponse> perform(const ClientRequest& request);

 private:
  void set_request(const ClientRequest& request, Transfer& transfer);
  Slist set_headers(const ClientRequest& request);
  Error explain(CURLcode status, const ClientRequest& request, const Transfer& transfer) const;

  CURL* const curl_;
  char error_text_[CURL_ERROR_SIZE] = {};
};

void HttpClient::Handle::set_request(const ClientRequest& request, Transfer& transfer) {
  curl_easy_reset(curl_);  // keeps the connections
  curl_easy_setopt(curl_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl_, CURLOPT_ERRORBUFFER, error_text_);
  curl_easy_setopt(curl_, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl_, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl_, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl_, CURLOPT_FOLLOWLOCATION, request.follow_redirects ? 1L : 0L);
  curl_easy_setopt(curl_, CURLOPT_MAXREDIRS, 10L);
  curl_easy_setopt(curl_, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.connect_timeout_ms));
  curl_easy_setopt(curl_, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout_ms));
  curl_easy_setopt(curl_, CURLOPT_SSL_VERIFYPEER, request.verify_tls ? 1L : 0L);
  curl_easy_setopt(curl_, CURLOPT_SSL_VERIFYHOST, request.verify_tls ? 2L : 0L);
  curl_easy_setopt(curl_, CURLOPT_PROXY, "");  // an http_proxy in the environment must not redirect scrapes
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

Slist HttpClient::Handle::set_headers(const ClientRequest& request) {
  Slist list;
  auto append = [&](const std::string& line) {
    curl_slist* longer = curl_slist_append(list.get(), line.c_str());
    OBELISK_ASSERT(longer != nullptr);
    [[maybe_unused]] curl_slist* same = list.release();
    list.reset(longer);
  };
  for (const auto& [name, value] : request.headers) append(fmt::format("{}: {}", name, value));
  append("Expect:");  // no round trip before a body
  if (find_header(request.headers, "content-type").empty())
    append("Content-Type:");  // not libcurl's form default
  curl_easy_setopt(curl_, CURLOPT_HTTPHEADER, list.get());
  return list;
}

Error HttpClient::Handle::explain(CURLcode status, const ClientRequest& request,
                                  const Transfer& transfer) const {
  std::string where = fmt::format("{} {}", request.method, without_credentials(request.url));
  if (transfer.over_limit)
    return make_error(ErrorCode::too_large,
                      fmt::format("{}: the answer is over the limit of {} bytes", where, transfer.bytes_max));
  if (status == CURLE_ABORTED_BY_CALLBACK) return make_error(ErrorCode::cancelled, where + ": cancelled");
  std::string_view text = error_text_[0] != '\0' ? error_text_ : curl_easy_strerror(status);
  return make_error(code_of(status), fmt::format("{}: {}", where, text));
}

Result<ClientResponse> HttpClient::Handle::perform(const ClientRequest& request) {
  for (const auto& [name, value] : request.headers) {
    if ((name + value).find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos)
      return make_error(ErrorCode::invalid_argument, fmt::format("header \"{}\" holds a line end", name));
  }
  Transfer transfer;
  transfer.bytes_max = request.response_bytes_max;
  transfer.cancel = request.cancel;
  error_text_[0] = '\0';
  set_request(request, transfer);
  Slist headers = set_headers(request);
  CURLcode status = curl_easy_perform(curl_);
  if (status != CURLE_OK) return explain(status, request, transfer);
  long code = 0;
  curl_easy_getinfo(curl_, CURLINFO_RESPONSE_CODE, &code);
  transfer.response.status = static_cast<int>(code);
  char* effective_url = nullptr;
  curl_easy_getinfo(curl_, CURLINFO_EFFECTIVE_URL, &effective_url);
  if (effective_url != nullptr) transfer.response.effective_url = without_credentials(effective_url);
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
  auto response = handle->perform(request);
  give_back(std::move(handle));
  return response;
}

}  // namespace obelisk
