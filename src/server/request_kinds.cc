#include "server/request_kinds.h"

namespace obelisk::server {

bool is_push(std::string_view method, std::string_view path) {
  if (path == "/api/traces") return method == "POST";    // Jaeger's spans
  if (path == "/api/v2/spans") return method == "POST";  // Zipkin's; its query API has the path for GET
  return path.starts_with("/v1/") || path.starts_with("/otlp/") ||
         path.starts_with("/opentelemetry.proto.") || path == "/api/v1/write" ||
         path == "/api/v1/otlp/v1/metrics" || path == "/api/v1/import/prometheus" ||
         path == "/api/v1/spans" || path.starts_with("/jaeger.api_v2.CollectorService/") ||
         path.starts_with("/zipkin.proto3.") || path == "/loki/api/v1/push" || path == "/api/prom/push" ||
         path.ends_with("/_bulk");
}

bool is_probe(std::string_view path) {
  return path == "/ready" || path == "/-/ready" || path == "/-/healthy" ||
         path.starts_with("/obelisk/api/v1/queries");
}

}  // namespace obelisk::server
