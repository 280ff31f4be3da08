#include "api/obelisk/own_answer.h"

#include "api/request/response.h"
#include "base/json_writer.h"

namespace obelisk {

HttpResponse own_json_response(std::string body, int status) {
  return typed_response("application/json", std::move(body), status);
}

HttpResponse own_error_response(const Error& error) {
  JsonWriter out;
  out.begin_object().field("code", error_code_name(error.code)).field("message", error.message).end_object();
  return own_json_response(out.take(), http_status_of(error.code));
}

void respond_own(const HttpExchangePtr& exchange, Result<std::string> body) {
  exchange->respond(body.ok() ? own_json_response(std::move(*body)) : own_error_response(body.error()));
}

}  // namespace obelisk
