// POST /loki/api/v1/push and /api/prom/push. As Loki reads them: application/json is JSON, plain or in gzip,
// deflate or snappy; everything else is protobuf in snappy's block format. 204 when all was stored; 400 when
// something never will be (the rest is stored all the same); 429 and 503 when trying again helps.
#include <fmt/format.h>

#include "api/push/push_api.h"
#include "api/push/push_request.h"
#include "base/text.h"
#include "net/content_encoding.h"
#include "pipeline/pipeline.h"
#include "wire/loki_push.h"

namespace obelisk {
namespace {

constexpr std::string_view kEndpoint = "loki_push";

int loki_status_of(ErrorCode code) {
  return code == ErrorCode::corrupt ? 400 : http_status_of(code);
}

void fail(HttpExchange& exchange, const Error& error) {
  answer_push_error(exchange, kEndpoint, loki_status_of(error.code), error);
}

Result<DecodedLokiPush> decode(const ApiContext& context, HttpRequest& request) {
  std::string media = media_type_of(request.header("content-type"));
  if (media == "application/json") {
    OBELISK_TRY(std::string body, take_body(context, request));
    return decode_loki_push_json(body, *context.log_mapping);
  }
  // Protobuf is always in snappy's block format; a Content-Encoding other than snappy comes on top of it.
  std::string encoding(trim(request.header("content-encoding")));
  if (!encoding.empty() && encoding != "snappy") {
    if (encoding != "gzip" && encoding != "deflate") {
      return make_error(ErrorCode::unsupported,
                        fmt::format("Content-Encoding \"{}\" not supported", encoding));
    }
    OBELISK_TRY(request.body, take_body(context, request));
  }
  Result<DecodedBlock> body = decode_snappy_block(request.body, context.request_bytes_max);
  if (!body.ok()) {
    bool expected = media.empty() || media == "application/x-protobuf";
    return expected ? body.error()
                    : body.error().with_context("content type \"" + media + "\" is read as protobuf");
  }
  std::string().swap(request.body);  // what is decoded needs it no more
  return decode_loki_push_protobuf(body->bytes, body->owner, *context.log_mapping);
}

void finish(HttpExchange& exchange, const DecodedLokiPush& decoded, const Result<IntakeOutcome>& outcome) {
  if (!outcome.ok()) return fail(exchange, outcome.error());
  if (decoded.rejected_lines > 0)
    return fail(exchange, make_error(ErrorCode::invalid_argument, decoded.rejection));
  if (outcome->rejected_rows > 0)
    return fail(exchange, make_error(ErrorCode::invalid_argument, outcome->message));
  answer_push(exchange, kEndpoint, HttpResponse{204, {}, {}});
}

void handle(ApiContext& context, const HttpExchangePtr& exchange) {
  Result<Tenant> tenant = tenant_of(context, exchange->request());
  if (!tenant.ok()) return fail(*exchange, tenant.error());
  Result<DecodedLokiPush> decoded = decode(context, exchange->request());
  if (!decoded.ok()) return fail(*exchange, decoded.error());
  std::vector<Batch> batches = std::move(decoded->batches);
  auto rest = std::make_shared<const DecodedLokiPush>(std::move(*decoded));
  context.pipeline.write(*tenant, std::move(batches), [exchange, rest](Result<IntakeOutcome> outcome) {
    finish(*exchange, *rest, outcome);
  });
}

}  // namespace

void register_loki_push(Router& router, ApiContext& context) {
  for (std::string_view path : {"/loki/api/v1/push", "/api/prom/push"}) {
    router.add("POST", path,
               [&context](HttpExchangePtr exchange, const PathParameters&) { handle(context, exchange); });
  }
}

}  // namespace obelisk
