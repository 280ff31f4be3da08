#pragma once
// Which pages of other origins may send requests from a browser and read the answers (the fetch standard's
// CORS). Nothing is allowed until allow_origins() is called, once, before the servers start. Safe from any
// thread afterwards.
#include <string>
#include <string_view>
#include <vector>

#include "net/http_exchange.h"

namespace obelisk {

// Origins as browsers name them ("https://shop.example"), with at most one '*' for any text; "*" for every
// origin. invalid_argument for anything else.
Result<void> check_origin_pattern(std::string_view pattern);
void allow_origins(std::vector<std::string> patterns);
bool is_allowed_origin(std::string_view origin);

// What an answer to the request says besides: nothing unless it comes from a page of an allowed origin.
void add_cross_origin_headers(const HttpRequest& request, HttpHeaders& headers);
// Answers a browser's question whether a page may send a request. False: it is no such question, or none that
// is allowed, and the exchange is untouched.
bool answer_preflight(const HttpExchangePtr& exchange);

}  // namespace obelisk
