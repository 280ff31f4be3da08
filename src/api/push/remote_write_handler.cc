// POST /api/v1/write: Prometheus remote write 1.0 and 2.0, told apart by the content type's proto parameter.
// 204 when all was stored; 400 when something never will be (the rest is stored all the same); 5xx when
// trying again helps, since that is what senders retry; 415 for any other message or encoding. Every answer
// to a 2.0 request says in its headers how many samples, histograms and exemplars were written.
#include <fmt/format.h>

#include "api/push/push_api.h"
#include "api/push/push_request.h"
#include "pipeline/pipeline.h"
#include "wire/remote_write.h"
#include "wire/remote_write_v2.h"

namespace obelisk {
namespace {

constexpr std::string_view kEndpoint = "remote_write";

enum class RemoteWriteVersion : uint8_t { first, second };

// A request under way: its version and what it has come to.
struct RemoteWriteCall {
  HttpExchangePtr exchange;
  RemoteWriteVersion version = RemoteWriteVersion::first;
  uint64_t rejected = 0;
  std::string rejection;
};

int remote_write_status_of(ErrorCode code) {
  if (code == ErrorCode::corrupt) return 400;
  // Prometheus drops what was answered 429 unless told otherwise, and retries 5xx.
  if (code == ErrorCode::overloaded) return 503;
  return http_status_of(code);
}

void answer(const RemoteWriteCall& call, HttpResponse response, const IntakeOutcome& written = {}) {
  if (call.version == RemoteWriteVersion::second) {
    auto add = [&](const char* name, uint64_t count) {
      response.headers.emplace_back(name, std::to_string(count));
    };
    add("x-prometheus-remote-write-samples-written", written.accepted_values);
    add("x-prometheus-remote-write-histograms-written", written.accepted_histograms);
    add("x-prometheus-remote-write-exemplars-written", written.accepted_exemplars);
  }
  answer_push(*call.exchange, kEndpoint, std::move(response));
}

void fail(const RemoteWriteCall& call, int status, const Error& error, const IntakeOutcome& written = {}) {
  HttpResponse response = text_response(status, error.message);
  if (int seconds = retry_after_seconds(error.code); seconds > 0)
    response.headers.emplace_back("retry-after", std::to_string(seconds));
  answer(call, std::move(response), written);
}

void fail(const RemoteWriteCall& call, const Error& error) {
  fail(call, remote_write_status_of(error.code), error);
}

void refuse_type(const RemoteWriteCall& call, std::string message) {
  fail(call, 415, make_error(ErrorCode::unsupported, std::move(message)));
}

// Sets the version; false when the content type is none of ours.
bool read_version(std::string_view content_type, RemoteWriteVersion& version) {
  std::string media = media_type_of(content_type);
  std::string_view message = media_type_parameter(content_type, "proto");
  if (!media.empty() && media != "application/x-protobuf") return false;
  if (message == "io.prometheus.write.v2.Request") {
    version = RemoteWriteVersion::second;
    return true;
  }
  return message.empty() || message == "prometheus.WriteRequest";
}

void finish(const RemoteWriteCall& call, const Result<IntakeOutcome>& outcome) {
  if (!outcome.ok()) return fail(call, outcome.error());
  uint64_t rejected = call.rejected + outcome->rejected_rows;
  if (rejected == 0) return answer(call, HttpResponse{204, {}, {}}, *outcome);
  const std::string& reason = call.rejected > 0 ? call.rejection : outcome->message;
  Error error = make_error(ErrorCode::invalid_argument,
                           fmt::format("{} samples were not accepted: {}", rejected, reason));
  fail(call, 400, error, *outcome);
}

void handle(ApiContext& context, const HttpExchangePtr& exchange) {
  auto call = std::make_shared<RemoteWriteCall>();
  call->exchange = exchange;
  std::string_view content_type = exchange->request().header("content-type");
  if (!read_version(content_type, call->version)) {
    return refuse_type(*call,
                       fmt::format("content type \"{}\" is not supported; send application/x-protobuf, "
                                   "with proto=io.prometheus.write.v2.Request for remote write 2.0",
                                   content_type));
  }
  Result<Tenant> tenant = tenant_of(context, exchange->request());
  if (!tenant.ok()) return fail(*call, tenant.error());
  Result<std::string> body = take_body(context, exchange->request(), "snappy");
  if (!body.ok()) {
    if (body.error().code == ErrorCode::unsupported) return refuse_type(*call, body.error().message);
    return fail(*call, body.error());
  }
  auto bytes = std::make_shared<const std::string>(std::move(*body));
  bool second = call->version == RemoteWriteVersion::second;
  Result<DecodedRemoteWrite> decoded = second ? decode_remote_write_v2(std::move(bytes), context.clock.now())
                                              : decode_remote_write(std::move(bytes), context.clock.now());
  if (!decoded.ok()) return fail(*call, decoded.error());
  call->rejected = decoded->rejected_samples;
  call->rejection = std::move(decoded->rejection);
  context.pipeline.write(*tenant, std::move(decoded->batches),
                         [call](Result<IntakeOutcome> outcome) { finish(*call, outcome); });
}

}  // namespace

void register_remote_write(Router& router, ApiContext& context) {
  router.add("POST", "/api/v1/write",
             [&context](HttpExchangePtr exchange, const PathParameters&) { handle(context, exchange); });
}

}  // namespace obelisk
