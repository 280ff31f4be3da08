#include "net/cross_origin.h"

#include <algorithm>

namespace obelisk {
namespace {

std::vector<std::string>& allowed() {
  static std::vector<std::string> patterns;
  return patterns;
}

bool fits(std::string_view pattern, std::string_view origin) {
  size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == origin;
  std::string_view before = pattern.substr(0, star), behind = pattern.substr(star + 1);
  return origin.size() >= before.size() + behind.size() && origin.starts_with(before) &&
         origin.ends_with(behind);
}

}  // namespace

Result<void> check_origin_pattern(std::string_view pattern) {
  bool known_scheme = pattern.starts_with("http://") || pattern.starts_with("https://");
  bool one_star = std::count(pattern.begin(), pattern.end(), '*') <= 1;
  bool printable = std::all_of(pattern.begin(), pattern.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (pattern == "*" || (known_scheme && one_star && printable && !pattern.ends_with('/'))) return {};
  return make_error(
      ErrorCode::invalid_argument,
      "an origin is a scheme and a host such as https://shop.example, with at most one *, or *");
}

void allow_origins(std::vector<std::string> patterns) {
  allowed() = std::move(patterns);
}

bool is_allowed_origin(std::string_view origin) {
  return !origin.empty() && std::any_of(allowed().begin(), allowed().end(),
                                        [&](const std::string& pattern) { return fits(pattern, origin); });
}

void add_cross_origin_headers(const HttpRequest& request, HttpHeaders& headers) {
  if (allowed().empty()) return;
  headers.emplace_back("vary", "origin");
  std::string_view origin = request.header("origin");
  if (!is_allowed_origin(origin)) return;
  headers.emplace_back("access-control-allow-origin", origin);
  headers.emplace_back("access-control-expose-headers", "etag, retry-after");
}

bool answer_preflight(const HttpExchangePtr& exchange) {
  const HttpRequest& request = exchange->request();
  bool is_question = request.method == "OPTIONS" && !request.header("access-control-request-method").empty();
  if (!is_question || !is_allowed_origin(request.header("origin"))) return false;
  HttpResponse response;
  response.status = 204;
  response.headers.emplace_back("access-control-allow-methods", "GET, HEAD, POST, PUT, PATCH, DELETE");
  std::string_view asked = request.header("access-control-request-headers");
  if (!asked.empty()) response.headers.emplace_back("access-control-allow-headers", asked);
  response.headers.emplace_back("access-control-max-age", "7200");  // the longest that browsers keep
  exchange->respond(std::move(response));
  return true;
}

}  // namespace obelisk
