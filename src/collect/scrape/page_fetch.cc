#include "collect/scrape/page_fetch.h"

#include <fmt/format.h>

namespace obelisk::scrape {
namespace {

using collect::EscapingScheme;
using collect::ScrapeProtocol;

constexpr int64_t kConnectTimeoutMs = 5'000;

// The media type of a protocol; `escaping` stands in those that know it.
std::string media_type(ScrapeProtocol protocol, EscapingScheme escaping) {
  std::string scheme(collect::escaping_scheme_name(escaping));
  switch (protocol) {
    case ScrapeProtocol::prometheus_proto:
      return "application/"
             "vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;escaping=" +
             scheme;
    case ScrapeProtocol::prometheus_text_0_0_4:
      return "text/plain;version=0.0.4";
    case ScrapeProtocol::prometheus_text_1_0_0:
      return "text/plain;version=1.0.0;escaping=" + scheme;
    case ScrapeProtocol::openmetrics_text_0_0_1:
      return "application/openmetrics-text;version=0.0.1";
    case ScrapeProtocol::openmetrics_text_1_0_0:
      return "application/openmetrics-text;version=1.0.0;escaping=" + scheme;
  }
  return "";
}

ExpositionFormat format_of(ScrapeProtocol protocol) {
  switch (protocol) {
    case ScrapeProtocol::prometheus_proto:
      return ExpositionFormat::prometheus_protobuf;
    case ScrapeProtocol::openmetrics_text_0_0_1:
    case ScrapeProtocol::openmetrics_text_1_0_0:
      return ExpositionFormat::openmetrics_text;
    case ScrapeProtocol::prometheus_text_0_0_4:
    case ScrapeProtocol::prometheus_text_1_0_0:
      break;
  }
  return ExpositionFormat::prometheus_text;
}

}  // namespace

std::string accept_header(const ScrapeConfig& job) {
  std::string header;
  size_t weight = job.protocols.size() + 1;
  for (ScrapeProtocol protocol : job.protocols) {
    header += fmt::format("{};q=0.{},", media_type(protocol, job.escaping), weight--);
  }
  return header + fmt::format("*/*;q=0.{}", weight);
}

ClientRequest make_scrape_request(const ScrapeTarget& target, const std::atomic<bool>* cancel) {
  ClientRequest request;
  request.url = target.url;
  double timeout_seconds = static_cast<double>(target.timeout_nanos) / static_cast<double>(kNanosPerSecond);
  request.headers = {{"Accept", accept_header(*target.job)},
                     {"User-Agent", "Obelisk"},
                     {"X-Prometheus-Scrape-Timeout-Seconds", fmt::format("{}", timeout_seconds)}};
  request.timeout_ms = std::max<int64_t>(target.timeout_nanos / kNanosPerMilli, 1);
  request.connect_timeout_ms = std::min(request.timeout_ms, kConnectTimeoutMs);
  request.accept_compressed = target.job->compression;
  request.unix_socket_path = target.unix_socket_path;
  uint64_t limit = target.job->limits.body_bytes;
  request.response_bytes_max = limit > 0 ? limit : ScrapeConfig::kBodyBytesMax;
  request.cancel = cancel;
  return request;
}

Result<ExpositionFormat> format_of_answer(const ScrapeTarget& target, const ClientResponse& response) {
  if (response.status != 200)
    return make_error(ErrorCode::unavailable, fmt::format("server returned HTTP status {} {}",
                                                          response.status, status_text(response.status)));
  std::string_view content_type = response.header("content-type");
  OBELISK_TRY(std::optional<ExpositionFormat> format, exposition_format_of(content_type));
  if (!format && target.job->fallback_protocol) format = format_of(*target.job->fallback_protocol);
  if (!format)
    return make_error(
        ErrorCode::unsupported,
        fmt::format("Content-Type \"{}\" is no exposition format, and no fallback_scrape_protocol is given",
                    content_type));
  return *format;
}

}  // namespace obelisk::scrape
