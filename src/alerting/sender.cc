#include "alerting/sender.h"

#include <fmt/format.h>

#include <memory>

#include "net/http_client.h"

namespace obelisk::alerting {
namespace {

// A webhook's path may be a secret (Slack's is): messages name the host only.
std::string host_of(std::string_view url) {
  size_t scheme = url.find("://");
  size_t start = scheme == std::string_view::npos ? 0 : scheme + 3;
  size_t end = url.find('/', start);
  std::string_view authority = url.substr(start, end == std::string_view::npos ? end : end - start);
  size_t at = authority.rfind('@');
  return std::string(at == std::string_view::npos ? authority : authority.substr(at + 1));
}

Result<void> deliver(HttpClient& client, const std::string& url, std::string body, int64_t timeout_nanos) {
  ClientRequest request;
  request.method = "POST";
  request.url = url;
  request.headers = {{"content-type", "application/json"}, {"user-agent", "Obelisk/0.1"}};
  request.body = std::move(body);
  request.timeout_ms = timeout_nanos / kNanosPerMilli;
  request.response_bytes_max = 1 << 20;
  Result<ClientResponse> response = client.request(request);
  if (!response.ok()) {
    return make_error(response.error().code,
                      fmt::format("{}: {}", host_of(url), error_code_name(response.error().code)));
  }
  if (response->status / 100 == 2) return {};
  return make_error(ErrorCode::unavailable, fmt::format("{} answered {}: {}", host_of(url), response->status,
                                                        response->body.substr(0, 200)));
}

}  // namespace

Sender make_http_sender(int64_t timeout_nanos) {
  auto client = std::make_shared<HttpClient>();
  return [client, timeout_nanos](const Receiver& receiver, const Notification& notification) -> Result<void> {
    bool resolved = notification.is_resolved();
    Result<void> worst;
    for (const WebhookConfig& webhook : receiver.webhooks) {
      if (resolved && !webhook.send_resolved) continue;
      Result<void> sent =
          deliver(*client, webhook.url, webhook_body(notification, webhook.max_alerts), timeout_nanos);
      if (!sent.ok()) worst = sent;
    }
    for (const SlackConfig& slack : receiver.slacks) {
      if (resolved && !slack.send_resolved) continue;
      Result<void> sent = deliver(*client, slack.api_url, slack_body(notification, slack), timeout_nanos);
      if (!sent.ok()) worst = sent;
    }
    return worst;
  };
}

}  // namespace obelisk::alerting
