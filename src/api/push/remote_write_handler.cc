// POST /api/v1/write: Prometheus remote write 1.0.
// 204 when all was stored; 400 when something never will be (the rest is stored all the same); 5xx when
// trying again helps, since that is what senders retry; 415 for remote write 2.0, which is not there yet.
#include <fmt/format.h>

#include "api/push/push_api.h"
#include "api/push/push_request.h"
#include "pipeline/pipeline.h"
#include "wire/remote_write.h"

namespace obelisk {
namespace {

constexpr std::string_view kEndpoint = "remote_write";

int remote_write_status_of(ErrorCode code) {
  if (code == ErrorCode::corrupt) return 400;
  // Prometheus drops what was answered 429 unless told otherwise, and retries 5xx.
  if (code == ErrorCode::overloaded) return 503;
  return http_status_of(code);
}

void fail(HttpExchange& exchange, const Error& error) {
  answer_push_error(exchange, kEndpoint, remote_write_status_of(error.code), error);
}

void refuse_type(HttpExchange& exchange, std::string message) {
  answer_push_error(exchange, kEndpoint, 415, make_error(ErrorCode::unsupported, std::move(message)));
}

// False when the request was answered.
bool accept_type(HttpExchange& exchange) {
  std::string_view content_type = exchange.request().header("content-type");
  std::string media = media_type_of(content_type);
  std::string_view message = media_type_parameter(content_type, "proto");
  if (message == "io.prometheus.write.v2.Request") {
    refuse_type(exchange,
                "remote write 2.0 is not supported yet; send prometheus.WriteRequest (remote write 1.0)");
    return false;
  }
  bool known = media.empty() || media == "application/x-protobuf";
  if (!known || (!message.empty() && message != "prometheus.WriteRequest")) {
    refuse_type(exchange, fmt::format("content type \"{}\" is not supported; send application/x-protobuf",
                                      content_type));
    return false;
  }
  return true;
}

void finish(HttpExchange& exchange, const DecodedRemoteWrite& decoded, const Result<IntakeOutcome>& outcome) {
  if (!outcome.ok()) return fail(exchange, outcome.error());
  uint64_t rejected = decoded.rejected_samples + outcome->rejected_rows;
  if (rejected > 0) {
    std::string reason = decoded.rejected_samples > 0 ? decoded.rejection : outcome->message;
    Error error = make_error(ErrorCode::invalid_argument,
                             fmt::format("{} samples were not accepted: {}", rejected, reason));
    return fail(exchange, error);
  }
  answer_push(exchange, kEndpoint, HttpResponse{204, {}, {}});
}

void handle(ApiContext& context, const HttpExchangePtr& exchange) {
  if (!accept_type(*exchange)) return;
  Result<Tenant> tenant = tenant_of(context, exchange->request());
  if (!tenant.ok()) return fail(*exchange, tenant.error());
  Result<std::string> body = take_body(context, exchange->request(), "snappy");
  if (!body.ok()) {
    if (body.error().code == ErrorCode::unsupported) return refuse_type(*exchange, body.error().message);
    return fail(*exchange, body.error());
  }
  auto bytes = std::make_shared<const std::string>(std::move(*body));
  Result<DecodedRemoteWrite> decoded = decode_remote_write(std::move(bytes), context.clock.now());
  if (!decoded.ok()) return fail(*exchange, decoded.error());
  std::vector<Batch> batches = std::move(decoded->batches);
  auto rest = std::make_shared<const DecodedRemoteWrite>(std::move(*decoded));
  context.pipeline.write(*tenant, std::move(batches), [exchange, rest](Result<IntakeOutcome> outcome) {
    finish(*exchange, *rest, outcome);
  });
}

}  // namespace

void register_remote_write(Router& router, ApiContext& context) {
  router.add("POST", "/api/v1/write",
             [&context](HttpExchangePtr exchange, const PathParameters&) { handle(context, exchange); });
}

}  // namespace obelisk
