#include "api/push/foreign_spans.h"

#include <fmt/format.h>

#include "api/push/push_request.h"
#include "base/log.h"
#include "base/self_metrics.h"
#include "pipeline/pipeline.h"
#include "wire/foreign/jaeger.h"
#include "wire/foreign/zipkin.h"

namespace obelisk {
namespace {

using Body = std::shared_ptr<const std::string>;

// What became of a request's spans.
struct SpanOutcome {
  uint64_t kept = 0;
  uint64_t rejected = 0;
  std::string reason;
};
using SpansDone = std::function<void(Result<SpanOutcome>)>;

void count_rejected(std::string_view endpoint, uint64_t spans) {
  if (spans == 0) return;
  counter("obelisk_rejected_spans_total", "Spans in the formats of other systems that could not be kept.",
          {{"endpoint", std::string(endpoint)}})
      .add(spans);
}

void write_spans(ApiContext& context, const Tenant& tenant, std::string_view endpoint, DecodedTraces decoded,
                 SpansDone done) {
  uint64_t rows = 0;
  for (const Batch& batch : decoded.batches) rows += batch.row_count;
  auto outcome = std::make_shared<SpanOutcome>();
  outcome->rejected = decoded.rejected_spans;
  outcome->reason = std::move(decoded.rejection);
  context.pipeline.write(tenant, std::move(decoded.batches),
                         [=, done = std::move(done)](Result<IntakeOutcome> written) {
                           if (!written.ok()) return done(written.error());
                           outcome->kept = rows - written->rejected_rows;
                           outcome->rejected += written->rejected_rows;
                           if (outcome->reason.empty()) outcome->reason = written->message;
                           count_rejected(endpoint, outcome->rejected);
                           done(std::move(*outcome));
                         });
}

int status_of(const Error& error) {
  if (error.code == ErrorCode::unsupported) return 415;
  return error.code == ErrorCode::corrupt ? 400 : http_status_of(error.code);
}

void answer(HttpExchange& exchange, std::string_view endpoint, const Result<SpanOutcome>& outcome) {
  if (!outcome.ok())
    return answer_push_error(exchange, endpoint, status_of(outcome.error()), outcome.error());
  HttpResponse response;
  response.status = outcome->kept == 0 && outcome->rejected > 0 ? 400 : 202;
  if (outcome->rejected > 0) {
    response.headers.emplace_back("content-type", "text/plain; charset=utf-8");
    response.body = fmt::format("{} spans were rejected: {}\n", outcome->rejected, outcome->reason);
  }
  answer_push(exchange, endpoint, std::move(response));
}

// The decoder for a content type; `unsupported` names what is understood.
using Decode = Result<DecodedTraces> (*)(Body);
using ChooseDecoder = Result<Decode> (*)(std::string_view media_type);

void take_request(ApiContext& context, const HttpExchangePtr& exchange, std::string_view endpoint,
                  ChooseDecoder choose, SpanRates* span_rates) {
  auto fail = [&](const Error& error) { answer(*exchange, endpoint, error); };
  HttpRequest& request = exchange->request();
  Result<Tenant> tenant = tenant_of(context, request);
  if (!tenant.ok()) return fail(tenant.error());
  Result<Decode> decode = choose(media_type_of(request.header("content-type")));
  if (!decode.ok()) return fail(decode.error());
  Result<std::string> body = take_body(context, request);
  if (!body.ok()) return fail(body.error());
  if (span_rates != nullptr) {
    if (std::optional<SpanRates::Refusal> refusal = span_rates->take(*tenant, body->size()))
      return answer_push(*exchange, endpoint, rate_refusal_response(*refusal));
  }
  Result<DecodedTraces> decoded = (*decode)(std::make_shared<const std::string>(std::move(*body)));
  if (!decoded.ok()) return fail(decoded.error());
  write_spans(
      context, *tenant, endpoint, std::move(*decoded),
      [exchange, endpoint](const Result<SpanOutcome>& outcome) { answer(*exchange, endpoint, outcome); });
}

Error wrong_media_type(std::string_view media, std::string_view expected) {
  return make_error(ErrorCode::unsupported, fmt::format("content type \"{}\" is not supported; send {}",
                                                        media.substr(0, 100), expected));
}

Result<Decode> zipkin_decoder(std::string_view media) {
  if (media.empty() || media == "application/json") return &decode_zipkin_json;
  if (media == "application/x-protobuf" || media == "application/protobuf") return &decode_zipkin_protobuf;
  return wrong_media_type(media, "application/json or application/x-protobuf");
}

Result<Decode> zipkin_v1_decoder(std::string_view media) {
  if (media.empty() || media == "application/json") return &decode_zipkin_v1_json;
  if (media == "application/x-thrift") return &decode_zipkin_thrift;
  return wrong_media_type(media, "application/json or application/x-thrift");
}

Result<DecodedTraces> decode_binary(Body body) {
  return decode_jaeger_thrift_batch(ThriftProtocol::binary, std::move(body));
}
Result<DecodedTraces> decode_compact(Body body) {
  return decode_jaeger_thrift_batch(ThriftProtocol::compact, std::move(body));
}

Result<Decode> jaeger_decoder(std::string_view media) {
  if (media == "application/x-thrift" || media == "application/vnd.apache.thrift.binary")
    return &decode_binary;
  if (media == "application/vnd.apache.thrift.compact") return &decode_compact;
  return wrong_media_type(media,
                          "application/vnd.apache.thrift.binary, application/x-thrift or "
                          "application/vnd.apache.thrift.compact");
}

void take_call(ApiContext& context, const GrpcCallPtr& call, std::string_view endpoint, Decode decode,
               SpanRates* span_rates) {
  std::vector<std::string>& messages = call->request().messages;
  if (messages.size() != 1)
    return call->finish_with(make_error(ErrorCode::invalid_argument, "the method takes exactly one message"));
  HttpRequest request;
  request.headers = call->request().metadata;
  Result<Tenant> tenant = tenant_of(context, request);
  if (!tenant.ok()) return call->finish_with(tenant.error());
  if (span_rates != nullptr) {
    if (std::optional<SpanRates::Refusal> refusal = span_rates->take(*tenant, messages[0].size()))
      return call->finish(GrpcStatus::resource_exhausted, refusal->message);
  }
  Result<DecodedTraces> decoded = decode(std::make_shared<const std::string>(std::move(messages[0])));
  if (!decoded.ok()) return call->finish_with(decoded.error());
  write_spans(context, *tenant, endpoint, std::move(*decoded), [call](const Result<SpanOutcome>& outcome) {
    if (!outcome.ok()) return call->finish_with(outcome.error());
    if (outcome->kept == 0 && outcome->rejected > 0)
      return call->finish_with(make_error(ErrorCode::invalid_argument, outcome->reason));
    call->finish_with(std::string());
  });
}

}  // namespace

void register_foreign_spans(Router& router, GrpcRouter& grpc_router, ApiContext& context,
                            std::shared_ptr<SpanRates> span_rates) {
  auto add = [&](const char* path, const char* endpoint, ChooseDecoder choose) {
    router.add("POST", path, [=, &context](const HttpExchangePtr& exchange, const PathParameters&) {
      take_request(context, exchange, endpoint, choose, span_rates.get());
    });
  };
  add("/api/v2/spans", "zipkin", &zipkin_decoder);
  add("/api/v1/spans", "zipkin_v1", &zipkin_v1_decoder);
  add("/api/traces", "jaeger_thrift", &jaeger_decoder);
  grpc_router.add("/zipkin.proto3.SpanService/Report", [&context, span_rates](const GrpcCallPtr& call) {
    take_call(context, call, "zipkin_grpc", &decode_zipkin_protobuf, span_rates.get());
  });
  grpc_router.add("/jaeger.api_v2.CollectorService/PostSpans",
                  [&context, span_rates](const GrpcCallPtr& call) {
                    take_call(context, call, "jaeger_grpc", &decode_jaeger_post_spans, span_rates.get());
                  });
}

void take_jaeger_datagram(ApiContext& context, ThriftProtocol protocol, std::string datagram,
                          SpanRates* span_rates) {
  static Counter& lost = counter("obelisk_jaeger_datagrams_lost_total",
                                 "Datagrams to the Jaeger agent ports that could not be read or stored.", {});
  auto failed = [](const Error& error) {
    if (lost.value() == 0) log_warning("push", "a Jaeger datagram was dropped: " + error.to_string());
    lost.add();
  };
  if (span_rates != nullptr) {
    if (std::optional<SpanRates::Refusal> refusal = span_rates->take(kDefaultTenant, datagram.size()))
      return failed(make_error(ErrorCode::overloaded, refusal->message));
  }
  Result<DecodedTraces> decoded =
      decode_jaeger_agent_message(protocol, std::make_shared<const std::string>(std::move(datagram)));
  if (!decoded.ok()) return failed(decoded.error());
  write_spans(context, kDefaultTenant, "jaeger_agent", std::move(*decoded),
              [failed](const Result<SpanOutcome>& outcome) {
                if (!outcome.ok()) failed(outcome.error());
              });
}

}  // namespace obelisk
