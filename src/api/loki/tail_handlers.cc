// tail over WebSocket.
#include <fmt/format.h>

#include "api/loki/loki_call.h"
#include "api/loki/loki_handlers.h"
#include "query/logql/pipeline.h"

namespace obelisk::loki {
namespace {

constexpr int64_t kHour = 3600 * kNanosPerSecond;
constexpr int64_t kDelayMax = 5 * kNanosPerSecond;  // Loki's

Result<TailRequest> tail_request(const ApiContext& api, const HttpExchangePtr& exchange) {
  OBELISK_TRY(Parameters parameters, parameters_of(exchange->request()));
  TailRequest request;
  OBELISK_TRY(request.tenant, tenant_of(api, exchange->request()));
  OBELISK_TRY(std::string_view text, query_text_of(parameters));
  OBELISK_TRY(logql::Query query, logql::parse_and_check(text));
  if (!query.is_log())
    return make_error(ErrorCode::invalid_argument, "only log selector is supported for tailing");
  request.selector = std::move(query.selector);
  OBELISK_TRY(request.limit,
              count_of(parameters, "limit", 100, api.log_limits.of(request.tenant).entries_max));
  OBELISK_TRY(request.start, time_of(parameters, "start", api.clock.now() - kHour));
  std::string_view delay = parameters.get_or("delay_for", "");
  OBELISK_TRY(request.delay_nanos, duration_of(parameters, "delay_for", 0));
  if (request.delay_nanos < 0 || request.delay_nanos > kDelayMax) {
    return make_error(
        ErrorCode::invalid_argument,
        fmt::format("delay_for can't be greater than 5 or negative: \"{}\"", delay.substr(0, 100)));
  }
  request.categorise =
      header_has_token(exchange->request().header("x-loki-response-encoding-flags"), "categorize-labels");
  return request;
}

Result<void> begin_tail(const ApiContext& api, TailService& tails, const HttpExchangePtr& exchange) {
  OBELISK_TRY(TailRequest request, tail_request(api, exchange));
  if (!exchange->is_websocket_upgrade()) {
    return make_error(ErrorCode::invalid_argument, "tail needs a WebSocket: send Upgrade: websocket");
  }
  OBELISK_TRY(std::shared_ptr<TailService::Tail> tail, tails.reserve(std::move(request)));
  WebSocketHandlers handlers;
  handlers.on_close = [weak = std::weak_ptr(tail)](uint16_t, std::string) {
    if (std::shared_ptr<TailService::Tail> alive = weak.lock()) TailService::end(*alive);
  };
  Result<std::shared_ptr<WebSocket>> socket = exchange->accept_websocket(std::move(handlers));
  if (!socket.ok()) {
    TailService::end(*tail);
    return socket.error();
  }
  tails.start(tail, *socket);
  return {};
}

}  // namespace

void register_tail_routes(Router& router, ApiContext& context, TailService& tails) {
  for (std::string_view path : {"/loki/api/v1/tail", "/api/prom/tail"}) {
    router.add("GET", path, [&context, &tails](HttpExchangePtr exchange, const PathParameters&) {
      Result<void> begun = begin_tail(context, tails, exchange);
      if (!begun.ok()) exchange->respond_text(loki_status_of(begun.error().code), begun.error().message);
    });
  }
  // Grafana takes any other answer than 404 here for a server of an older protocol.
  router.add("GET", "/loki/api/v2alpha/tail", [](HttpExchangePtr exchange, const PathParameters&) {
    exchange->respond_text(404, "not found");
  });
}

}  // namespace obelisk::loki
