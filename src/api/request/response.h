#pragma once
// Answers with a body of a stated type. Pure.
#include <string>
#include <string_view>

#include "net/http_message.h"

namespace obelisk {

HttpResponse typed_response(std::string_view content_type, std::string body, int status = 200);

}  // namespace obelisk
