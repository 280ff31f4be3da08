#pragma once
// How this folder's handlers answer: JSON, errors as {"code": .., "message": ..} with the status of their
// kind.
#include <string>

#include "api/request/context.h"

namespace obelisk {

HttpResponse own_json_response(std::string body, int status = 200);
HttpResponse own_error_response(const Error& error);
// The body, or the error.
void respond_own(const HttpExchangePtr& exchange, Result<std::string> body);

}  // namespace obelisk
