// OTLP/gRPC: the three Export methods. Errors that pass (queue full, no space, shutting down) are UNAVAILABLE
// with RetryInfo in grpc-status-details-bin, which clients obey.
#include "api/push/otlp_export.h"
#include "api/push/push_api.h"
#include "api/push/push_request.h"
#include "base/self_metrics.h"
#include "pipeline/pipeline.h"
#include "wire/base64.h"

namespace obelisk {
namespace {

void count(OtlpSignal signal, GrpcStatus status) {
  counter("obelisk_push_requests_total", "Answers to pushed telemetry.",
          {{"endpoint", "otlp_grpc_" + std::string(otlp_signal_name(signal))},
           {"status", std::to_string(static_cast<int>(status))}})
      .add();
}

void fail(GrpcCall& call, OtlpSignal signal, GrpcStatus status, const std::string& message,
          int retry_seconds) {
  count(signal, status);
  HttpHeaders trailers;
  if (retry_seconds > 0) {
    std::string details = rpc_status_protobuf(static_cast<int>(status), message, retry_seconds);
    trailers.emplace_back("grpc-status-details-bin", base64_encode(details));
  }
  call.finish(status, message, std::move(trailers));
}

void fail(GrpcCall& call, OtlpSignal signal, const Error& error) {
  GrpcStatus status = error.code == ErrorCode::io ? GrpcStatus::unavailable : grpc_status_of(error.code);
  fail(call, signal, status, error.message, retry_after_seconds(error.code));
}

Result<Tenant> tenant_of_call(const ApiContext& context, const GrpcCall& call) {
  HttpRequest request;
  request.headers = call.request().metadata;
  return tenant_of(context, request);
}

void export_signal(ApiContext& context, const GrpcCallPtr& call, OtlpSignal signal, SpanRates* span_rates) {
  std::vector<std::string>& messages = call->request().messages;
  if (messages.size() != 1) {
    return fail(*call, signal, make_error(ErrorCode::invalid_argument, "Export takes exactly one message"));
  }
  Result<Tenant> tenant = tenant_of_call(context, *call);
  if (!tenant.ok()) return fail(*call, signal, tenant.error());
  if (span_rates != nullptr && signal == OtlpSignal::traces) {
    if (std::optional<SpanRates::Refusal> refusal = span_rates->take(*tenant, messages[0].size())) {
      return fail(*call, signal, GrpcStatus::resource_exhausted, refusal->message, refusal->retry_seconds);
    }
  }
  auto body = std::make_shared<const std::string>(std::move(messages[0]));
  Result<DecodedExport> decoded =
      decode_export(signal, std::move(body), context.clock.now(), context.otlp.get(), *context.log_mapping);
  if (!decoded.ok()) return fail(*call, signal, decoded.error());
  PartialSuccess partial{decoded->rejected, std::move(decoded->rejection)};
  context.pipeline.write(*tenant, std::move(decoded->batches),
                         [call, signal, partial = std::move(partial)](Result<IntakeOutcome> outcome) mutable {
                           if (!outcome.ok()) return fail(*call, signal, outcome.error());
                           partial.rejected += outcome->rejected_rows;
                           if (partial.message.empty()) partial.message = outcome->message;
                           count(signal, GrpcStatus::ok);
                           call->finish_with(export_response_protobuf(partial));
                         });
}

}  // namespace

void register_otlp_grpc(GrpcRouter& router, ApiContext& context, std::shared_ptr<SpanRates> span_rates) {
  auto add = [&](const char* path, OtlpSignal signal) {
    router.add(path, [&context, signal, span_rates](GrpcCallPtr call) {
      export_signal(context, call, signal, span_rates.get());
    });
  };
  add("/opentelemetry.proto.collector.trace.v1.TraceService/Export", OtlpSignal::traces);
  add("/opentelemetry.proto.collector.logs.v1.LogsService/Export", OtlpSignal::logs);
  add("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", OtlpSignal::metrics);
}

}  // namespace obelisk
