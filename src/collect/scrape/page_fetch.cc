#include "collect/scrape/page_fetch.h"

#include <fmt/format.h>

namespace obelisk::scrape {
namespace {

// What we read, in the order of preference; the protobuf format, which Prometheus may ask for as well, we do
// not.
constexpr std::string_view kAccept =
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
    "text/plain;version=0.0.4;q=0.2,"
    "*/*;q=0.1";
constexpr int64_t kConnectTimeoutMs = 5'000;

}  // namespace

ClientRequest make_scrape_request(const ScrapeTarget& target, const std::atomic<bool>* cancel) {
  ClientRequest request;
  request.url = target.url;
  double timeout_seconds = static_cast<double>(target.timeout_nanos) / static_cast<double>(kNanosPerSecond);
  request.headers = {{"Accept", std::string(kAccept)},
                     {"User-Agent", "Obelisk"},
                     {"X-Prometheus-Scrape-Timeout-Seconds", fmt::format("{}", timeout_seconds)}};
  if (!target.job.authorization.empty())
    request.headers.emplace_back("Authorization", target.job.authorization);
  request.user = target.job.user;
  request.password = target.job.password;
  request.timeout_ms = std::max<int64_t>(target.timeout_nanos / kNanosPerMilli, 1);
  request.connect_timeout_ms = std::min(request.timeout_ms, kConnectTimeoutMs);
  request.follow_redirects = target.job.follow_redirects;
  request.accept_compressed = target.job.compression;
  request.response_bytes_max =
      target.job.body_bytes_max > 0 ? target.job.body_bytes_max : ScrapeConfig::kBodyBytesMax;
  request.cancel = cancel;
  return request;
}

Result<ExpositionFormat> format_of_answer(const ScrapeTarget& target, const ClientResponse& response) {
  if (response.status != 200)
    return make_error(ErrorCode::unavailable, fmt::format("server returned HTTP status {} {}",
                                                          response.status, status_text(response.status)));
  std::string_view content_type = response.header("content-type");
  OBELISK_TRY(std::optional<ExpositionFormat> format, exposition_format_of(content_type));
  if (!format) format = target.job.fallback_format;
  if (!format)
    return make_error(
        ErrorCode::unsupported,
        fmt::format("Content-Type \"{}\" is no exposition format, and no fallback_scrape_protocol is given",
                    content_type));
  return *format;
}

}  // namespace obelisk::scrape
