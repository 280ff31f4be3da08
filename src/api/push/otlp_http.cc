// OTLP/HTTP: protobuf and JSON, the answer in the encoding of the request.
// 200 with a partial success when rows were left out; 400 for what will never be accepted, with
// google.rpc.Status; 415 for other media types and unknown encodings; 413 too large; 429 and 503 with
// Retry-After when trying again helps.
#include "api/push/otlp_export.h"
#include "api/push/push_api.h"
#include "api/push/push_request.h"
#include "api/push/trace_gathering.h"
#include "net/content_encoding.h"
#include "net/grpc_framing.h"
#include "pipeline/pipeline.h"

namespace obelisk {
namespace {

constexpr std::string_view kProtobuf = "application/x-protobuf";
constexpr std::string_view kJson = "application/json";

// The statuses that OTLP clients retry are 429, 502, 503 and 504; an I/O error of ours may pass.
int otlp_status_of(ErrorCode code) {
  if (code == ErrorCode::corrupt) return 400;
  if (code == ErrorCode::io) return 503;
  return http_status_of(code);
}

std::string_view endpoint_of(OtlpSignal signal) {
  static constexpr std::string_view kNames[] = {"otlp_http_traces", "otlp_http_logs", "otlp_http_metrics"};
  return kNames[static_cast<int>(signal)];
}

class OtlpHttpCall : public TraceRequest, public std::enable_shared_from_this<OtlpHttpCall> {
 public:
  OtlpHttpCall(ApiContext& context, HttpExchangePtr exchange, OtlpSignal signal, bool empty_success,
               SpanRates* span_rates)
      : context_(context),
        exchange_(std::move(exchange)),
        signal_(signal),
        empty_success_(empty_success),
        span_rates_(span_rates),
        endpoint_(endpoint_of(signal)) {}

  // `gathering` is for spans.
  void run(TraceGathering* gathering) {
    HttpRequest& request = exchange_->request();
    std::string type = media_type_of(request.header("content-type"));
    json_ = type == kJson;
    if (!json_ && type != kProtobuf && type != "application/protobuf") {
      return answer_push_error(
          *exchange_, endpoint_, 415,
          make_error(ErrorCode::invalid_argument, "content type \"" + type + "\" is not supported; send " +
                                                      std::string(kProtobuf) + " or " + std::string(kJson)));
    }
    Result<Tenant> tenant = tenant_of(context_, request);
    if (!tenant.ok()) return fail(http_status_of(tenant.error().code), tenant.error());
    tenant_ = std::move(*tenant);
    Result<std::string> body = take_body(context_, request);
    if (!body.ok()) {
      bool unknown_encoding = body.error().code == ErrorCode::unsupported;
      return fail(unknown_encoding ? 415 : otlp_status_of(body.error().code), body.error());
    }
    body_ = std::make_shared<const std::string>(std::move(*body));
    if (json_) {
      auto protobuf = otlp_json_to_protobuf(signal_, *body_);
      if (!protobuf.ok()) return fail(otlp_status_of(protobuf.error().code), protobuf.error());
      body_ = std::move(*protobuf);
    }
    if (span_rates_ != nullptr) {
      if (std::optional<SpanRates::Refusal> refusal = span_rates_->take(tenant_, body_->size()))
        return refuse(*refusal);
    }
    if (gathering != nullptr) return gathering->add(tenant_, shared_from_this());
    take_alone();
  }

  // TraceRequest
  const std::shared_ptr<const std::string>& body() const override { return body_; }
  void forget_body() override { body_.reset(); }

  void take_alone() override {
    Result<DecodedExport> decoded = decode_export(signal_, std::move(body_), context_.clock.now(),
                                                  context_.otlp.get(), *context_.log_mapping);
    if (!decoded.ok()) return fail(otlp_status_of(decoded.error().code), decoded.error());
    PartialSuccess partial{decoded->rejected, std::move(decoded->rejection)};
    context_.pipeline.write(
        tenant_, std::move(decoded->batches),
        [self = shared_from_this(), partial = std::move(partial)](Result<IntakeOutcome> outcome) mutable {
          self->finish(std::move(partial), outcome);
        });
  }

  void finish(const Result<IntakeOutcome>& outcome) override { finish(PartialSuccess(), outcome); }

 private:
  void finish(PartialSuccess partial, const Result<IntakeOutcome>& outcome) {
    if (!outcome.ok()) return fail(otlp_status_of(outcome.error().code), outcome.error());
    partial.rejected += outcome->rejected_rows;
    if (partial.message.empty()) partial.message = outcome->message;
    HttpResponse response;
    if (empty_success_ && partial.rejected == 0) {
      response.status = 204;
    } else {
      response.headers.emplace_back("content-type", json_ ? kJson : kProtobuf);
      response.body = json_ ? export_response_json(signal_, partial) : export_response_protobuf(partial);
    }
    answer_push(*exchange_, endpoint_, std::move(response));
  }

  void fail(int status, const Error& error) {
    int retry_seconds = status == 400 || status == 413 || status == 415 ? 0 : retry_after_seconds(error.code);
    fail(status, grpc_status_of(error.code), error.message, retry_seconds);
  }

  void refuse(const SpanRates::Refusal& refusal) {
    fail(refusal.retry_seconds > 0 ? 429 : 413, GrpcStatus::resource_exhausted, refusal.message,
         refusal.retry_seconds);
  }

  void fail(int status, GrpcStatus grpc_status, std::string_view message, int retry_seconds) {
    int code = static_cast<int>(grpc_status);
    HttpResponse response;
    response.status = status;
    response.headers.emplace_back("content-type", json_ ? kJson : kProtobuf);
    if (retry_seconds > 0) response.headers.emplace_back("retry-after", std::to_string(retry_seconds));
    if (status == 415) response.headers.emplace_back("accept-encoding", kAcceptedEncodings);
    response.body =
        json_ ? rpc_status_json(code, message) : rpc_status_protobuf(code, message, retry_seconds);
    answer_push(*exchange_, endpoint_, std::move(response));
  }

  ApiContext& context_;
  const HttpExchangePtr exchange_;
  const OtlpSignal signal_;
  const bool empty_success_;
  SpanRates* const span_rates_;  // null: no limit
  const std::string_view endpoint_;
  bool json_ = false;
  Tenant tenant_;
  std::shared_ptr<const std::string> body_;  // protobuf; until it is decoded
};

void add(Router& router, ApiContext& context, std::string_view path, OtlpSignal signal,
         bool empty_success = false, const std::shared_ptr<SpanRates>& span_rates = nullptr) {
  std::shared_ptr<TraceGathering> gathering;
  if (signal == OtlpSignal::traces) gathering = std::make_shared<TraceGathering>(context.pipeline);
  router.add("POST", path,
             [&context, signal, empty_success, gathering, span_rates](HttpExchangePtr exchange,
                                                                      const PathParameters&) {
               std::make_shared<OtlpHttpCall>(context, std::move(exchange), signal, empty_success,
                                              span_rates.get())
                   ->run(gathering.get());
             });
}

}  // namespace

void register_otlp_http(Router& router, ApiContext& context, std::shared_ptr<SpanRates> span_rates) {
  add(router, context, "/v1/traces", OtlpSignal::traces, false, span_rates);
  add(router, context, "/v1/logs", OtlpSignal::logs);
  add(router, context, "/v1/metrics", OtlpSignal::metrics);
  add(router, context, "/otlp/v1/logs", OtlpSignal::logs, true);  // Loki answers 204
  add(router, context, "/api/v1/otlp/v1/metrics", OtlpSignal::metrics);
}

}  // namespace obelisk
