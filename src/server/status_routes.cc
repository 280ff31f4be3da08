#include "server/status_routes.h"

#include <fmt/format.h>

#include "api/push/push_api.h"
#include "api/request/context.h"
#include "base/json_writer.h"
#include "base/self_metrics.h"
#include "server/version.h"

namespace obelisk::server {
namespace {

constexpr std::string_view kFrontPage =
    "Obelisk {}: metrics, logs and traces in one store. What answers here:\n"
    "\n"
    "  query  Prometheus  /api/v1/query, query_range, labels, series, metadata, query_exemplars, rules, "
    "alerts, targets\n"
    "         Loki        /loki/api/v1/query_range, query, labels, series, tail\n"
    "         Tempo       /api/search, /api/v2/traces/<id>, /api/v2/search/tags, /api/metrics/query_range\n"
    "         pivots      /obelisk/api/v1/traces/<id>/logs, /obelisk/api/v1/traces/<id>/exemplars\n"
    "  push   OTLP        /v1/traces, /v1/metrics, /v1/logs (protobuf or JSON), and gRPC on this port\n"
    "         Prometheus  /api/v1/write        Loki  /loki/api/v1/push\n"
    "  state  /ready  /-/healthy  /metrics  /version\n"
    "  see    /ui/ in a browser, where this build has the interface\n";

}  // namespace

void register_status_routes(Router& router, StatusPages pages) {
  auto ready = [&flag = pages.ready](const HttpExchangePtr& exchange, const PathParameters&) {
    if (flag.load()) {
      exchange->respond_text(200, "ready");
    } else {
      exchange->respond_text(503, "not ready");
    }
  };
  router.add("GET", "/ready", ready);
  router.add("GET", "/-/ready", ready);
  router.add("GET", "/-/healthy", [](const HttpExchangePtr& exchange, const PathParameters&) {
    exchange->respond_text(200, "healthy");
  });
  router.add(
      "GET", "/version", [version = pages.version](const HttpExchangePtr& exchange, const PathParameters&) {
        JsonWriter json;
        json.begin_object().field("version", version).field("revision", std::string(revision())).end_object();
        HttpResponse response;
        response.headers.emplace_back("content-type", "application/json");
        response.body = json.take();
        exchange->respond(std::move(response));
      });
  router.add("GET", "/metrics",
             [refresh = pages.before_metrics](const HttpExchangePtr& exchange, const PathParameters&) {
               if (refresh) refresh();
               HttpResponse response;
               response.headers.emplace_back("content-type", "text/plain; version=0.0.4; charset=utf-8");
               response.body = render_self_metrics();
               exchange->respond(std::move(response));
             });
  for (const char* method : {"POST", "PUT"}) {
    router.add(method, "/-/reload",
               [reload = pages.reload](const HttpExchangePtr& exchange, const PathParameters&) {
                 Result<void> result = reload();
                 if (result.ok()) return exchange->respond_text(200, "reloaded");
                 exchange->respond_text(http_status_of(result.error().code), result.error().to_string());
               });
  }
  std::string front_page = fmt::format(fmt::runtime(kFrontPage), pages.version);
  router.add("GET", "/",
             [front_page, has_interface = pages.has_interface](const HttpExchangePtr& exchange,
                                                               const PathParameters&) {
               if (expects_elastic(exchange->request())) return exchange->respond(elastic_greeting());
               HttpResponse response = text_response(200, front_page);
               response.headers.emplace_back("vary", "accept");
               if (has_interface &&
                   exchange->request().header("accept").find("text/html") != std::string_view::npos) {
                 response.status = 302;
                 response.headers.emplace_back("location", "/ui/");
               }
               exchange->respond(std::move(response));
             });
}

}  // namespace obelisk::server
