#pragma once
// The value of the Date header for an instant: "Sun, 06 Nov 1994 08:49:37 GMT".
#include <string>
#include <string_view>

#include "base/time.h"

namespace obelisk {

std::string format_http_date(UnixNanos time);
// The current date, formatted once a second and thread. The view is valid until the next call on this thread.
std::string_view current_http_date();

}  // namespace obelisk
