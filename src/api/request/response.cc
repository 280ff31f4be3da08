#include "api/request/response.h"

namespace obelisk {

HttpResponse typed_response(std::string_view content_type, std::string body, int status) {
  HttpResponse response;
  response.status = status;
  response.headers.emplace_back("content-type", content_type);
  response.body = std::move(body);
  return response;
}

}  // namespace obelisk
