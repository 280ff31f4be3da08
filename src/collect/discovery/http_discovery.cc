// http_sd_configs: a URL that answers a JSON list of target groups.
#include <fmt/format.h>

#include "base/text.h"
#include "collect/discovery/discoverer.h"
#include "collect/discovery/json_tree.h"
#include "net/url.h"

namespace obelisk::collect {
namespace {

bool is_json(std::string_view content_type) {
  std::string lower = to_lower(content_type);
  std::string_view media = trim(std::string_view(lower).substr(0, lower.find(';')));
  if (media != "application/json") return false;
  size_t semicolon = lower.find(';');
  if (semicolon == std::string::npos) return true;
  std::string_view parameter = trim(std::string_view(lower).substr(semicolon + 1));
  return parameter.empty() || parameter == "charset=utf-8" || parameter == "charset=\"utf-8\"";
}

class HttpDiscoverer : public Discoverer {
 public:
  HttpDiscoverer(HttpDiscovery settings, HttpFetcher& fetcher)
      : settings_(std::move(settings)), fetcher_(fetcher), url_(without_credentials(settings_.url)) {}

  Result<std::vector<TargetGroup>> discover(const std::atomic<bool>& stop) override {
    ClientRequest request;
    request.url = settings_.url;
    request.headers = {{"Accept", "application/json"},
                       {"User-Agent", "Obelisk"},
                       {"X-Prometheus-Refresh-Interval-Seconds",
                        fmt::format("{}", static_cast<double>(settings_.refresh_nanos) / kNanosPerSecond)}};
    request.timeout_ms = std::max<int64_t>(settings_.refresh_nanos / kNanosPerMilli, 1'000);
    request.response_bytes_max = kAnswerBytesMax;
    request.cancel = &stop;
    OBELISK_TRY(ClientResponse response, fetcher_.fetch(std::move(request), settings_.http));
    if (response.status != 200)
      return make_error(ErrorCode::unavailable, fmt::format("{}: answered {}", url_, response.status));
    if (!is_json(response.header("content-type")))
      return make_error(ErrorCode::parse_error, fmt::format("{}: Content-Type \"{}\" is not application/json",
                                                            url_, response.header("content-type")));
    OBELISK_TRY(YamlNode root, parse_json_tree(response.body, url_));
    if (root.kind != YamlNode::Kind::list)
      return make_error(ErrorCode::parse_error, fmt::format("{}: must be a list of target groups", url_));
    std::vector<TargetGroup> groups;
    for (const YamlNode& item : root.items) {
      OBELISK_TRY(TargetGroup group, read_target_group(item, url_, NameScheme::utf8));
      group.source = fmt::format("{}:{}", url_, groups.size());
      group.labels.set("__meta_url", url_);
      groups.push_back(std::move(group));
    }
    return groups;
  }
  int64_t pause_nanos() const override { return settings_.refresh_nanos; }

 private:
  const HttpDiscovery settings_;
  HttpFetcher& fetcher_;
  const std::string url_;
};

}  // namespace

std::unique_ptr<Discoverer> make_http_discoverer(HttpDiscovery settings, HttpFetcher& fetcher) {
  return std::make_unique<HttpDiscoverer>(std::move(settings), fetcher);
}

}  // namespace obelisk::collect
