#include "api/push/push_request.h"

#include "base/self_metrics.h"
#include "base/text.h"
#include "net/content_encoding.h"

namespace obelisk {

std::string media_type_of(std::string_view content_type) {
  return to_lower(trim(content_type.substr(0, content_type.find(';'))));
}

std::string_view media_type_parameter(std::string_view content_type, std::string_view name) {
  size_t at = content_type.find(';');
  while (at != std::string_view::npos) {
    size_t next = content_type.find(';', at + 1);
    std::string_view parameter =
        trim(content_type.substr(at + 1, next == std::string_view::npos ? next : next - at - 1));
    size_t equals = parameter.find('=');
    if (equals != std::string_view::npos && equals_ignoring_case(trim(parameter.substr(0, equals)), name)) {
      std::string_view value = trim(parameter.substr(equals + 1));
      if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
        value = value.substr(1, value.size() - 2);
      return value;
    }
    at = next;
  }
  return {};
}

Result<std::string> take_body(const ApiContext& context, HttpRequest& request,
                              std::string_view default_encoding) {
  std::string_view encoding = trim(request.header("content-encoding"));
  if (encoding.empty()) encoding = default_encoding;
  if (encoding.empty() && request.body.size() > context.request_bytes_max) {
    return make_error(ErrorCode::too_large, "the body is over the limit of " +
                                                std::to_string(context.request_bytes_max) + " bytes");
  }
  return decode_content(encoding, std::move(request.body), context.request_bytes_max);
}

HttpResponse rate_refusal_response(const SpanRates::Refusal& refusal) {
  HttpResponse response = text_response(refusal.retry_seconds > 0 ? 429 : 413, refusal.message);
  if (refusal.retry_seconds > 0)
    response.headers.emplace_back("retry-after", std::to_string(refusal.retry_seconds));
  return response;
}

int retry_after_seconds(ErrorCode code) {
  switch (code) {
    case ErrorCode::overloaded:
      return 1;
    case ErrorCode::unavailable:
    case ErrorCode::timeout:
    case ErrorCode::io:
      return 5;
    case ErrorCode::no_space:
      return 30;
    default:
      return 0;
  }
}

namespace {

// Answers of a thread are mostly of one kind: finding its counter costs more than the rest of a small answer.
void count_answer(std::string_view endpoint, int status) {
  struct Last {
    std::string endpoint;
    int status = 0;
    Counter* answers = nullptr;
  };
  thread_local Last last;
  if (last.answers == nullptr || last.status != status || last.endpoint != endpoint) {
    Counter& answers = counter("obelisk_push_requests_total", "Answers to pushed telemetry.",
                               {{"endpoint", std::string(endpoint)}, {"status", std::to_string(status)}});
    last = {std::string(endpoint), status, &answers};
  }
  last.answers->add();
}

}  // namespace

void answer_push(HttpExchange& exchange, std::string_view endpoint, HttpResponse response) {
  count_answer(endpoint, response.status);
  exchange.respond(std::move(response));
}

void answer_push_error(HttpExchange& exchange, std::string_view endpoint, int status, const Error& error) {
  HttpResponse response = text_response(status, error.message);
  if (int seconds = retry_after_seconds(error.code); seconds > 0) {
    response.headers.emplace_back("retry-after", std::to_string(seconds));
  }
  answer_push(exchange, endpoint, std::move(response));
}

}  // namespace obelisk
