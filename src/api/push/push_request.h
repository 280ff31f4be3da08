#pragma once
// What all push endpoints do with a request before and after decoding: media type, body, counting, and the
// answer's status. Thread safe.
#include <string>
#include <string_view>

#include "api/request/context.h"
#include "ingest/span_rates.h"

namespace obelisk {

// "application/json" of "Application/JSON; charset=utf-8".
std::string media_type_of(std::string_view content_type);

// A parameter of a media type: "1" for name "version" of "text/plain; version=1". Empty when absent.
std::string_view media_type_parameter(std::string_view content_type, std::string_view name);

// The body of the request, moved out of it, without its content encoding. `default_encoding` holds when the
// request names none. Errors: unsupported (unknown encoding), too_large, corrupt.
Result<std::string> take_body(const ApiContext& context, HttpRequest& request,
                              std::string_view default_encoding = "");

// Seconds after which a sender may try again; 0 when trying again will not help.
// 429 with Retry-After, or 413 where trying again does not help.
HttpResponse rate_refusal_response(const SpanRates::Refusal& refusal);
int retry_after_seconds(ErrorCode code);

// Counts the answer and gives it.
void answer_push(HttpExchange& exchange, std::string_view endpoint, HttpResponse response);

// An error in plain text, with Retry-After where it helps.
void answer_push_error(HttpExchange& exchange, std::string_view endpoint, int status, const Error& error);

}  // namespace obelisk
