#include "net/net_metrics.h"

#include <fmt/format.h>

#include <array>

namespace obelisk {
namespace {

constexpr int kStatuses = 17;
constexpr int kClasses = 6;  // 1xx to 5xx, and 0 for anything else
constexpr std::array<std::string_view, 11> kLimitNames{
    "connections",  "header_bytes",  "body_bytes", "buffered_bodies", "worker_queue",   "header_timeout",
    "body_timeout", "write_timeout", "malformed",  "stream_queue",    "websocket_queue"};

std::array<Counter*, kClasses> request_counters(std::string_view protocol) {
  std::array<Counter*, kClasses> counters{};
  for (int i = 0; i < kClasses; ++i) {
    counters[i] = &counter(
        "obelisk_http_requests_total", "HTTP requests answered, by protocol and class of status code.",
        {{"protocol", std::string(protocol)}, {"code", i == 0 ? "other" : fmt::format("{}xx", i)}});
  }
  return counters;
}

std::array<Counter*, kStatuses> grpc_counters() {
  std::array<Counter*, kStatuses> counters{};
  for (int i = 0; i < kStatuses; ++i)
    counters[i] = &counter("obelisk_grpc_calls_total", "gRPC calls finished, by grpc-status.",
                           {{"status", std::to_string(i)}});
  return counters;
}

std::array<Counter*, kLimitNames.size()> limit_counters() {
  std::array<Counter*, kLimitNames.size()> counters{};
  for (size_t i = 0; i < kLimitNames.size(); ++i)
    counters[i] = &counter("obelisk_network_rejected_total",
                           "Connections and requests refused or cut off, by the limit.",
                           {{"limit", std::string(kLimitNames[i])}});
  return counters;
}

}  // namespace

NetMetrics& net_metrics() {
  static NetMetrics metrics{
      gauge("obelisk_network_connections", "Open connections."),
      counter("obelisk_network_connections_total", "Connections accepted."),
      counter("obelisk_network_received_bytes_total", "Bytes received from clients."),
      counter("obelisk_network_sent_bytes_total", "Bytes sent to clients."),
      gauge("obelisk_network_websockets", "Open WebSocket connections."),
  };
  return metrics;
}

Counter& rejected_total(NetLimit limit) {
  static const auto counters = limit_counters();
  return *counters[static_cast<size_t>(limit)];
}

void count_http_request(NetProtocol protocol, int status) {
  static const auto http1 = request_counters("http1");
  static const auto http2 = request_counters("http2");
  int code_class = status / 100;
  if (code_class < 1 || code_class >= kClasses) code_class = 0;
  (protocol == NetProtocol::http1 ? http1 : http2)[code_class]->add();
}

void count_grpc_call(GrpcStatus status) {
  static const auto counters = grpc_counters();
  counters[static_cast<size_t>(status)]->add();
}

}  // namespace obelisk
