#pragma once
// The table of what is served under /api/v1, and its description as an OpenAPI document, so that the two
// cannot differ.
#include <span>
#include <string>
#include <string_view>

namespace obelisk::prometheus_api {

struct ApiRoute {
  std::string_view methods;  // "GET", "GET POST", "PUT POST"
  std::string_view path;     // below /api/v1
  std::string_view summary;
  std::string_view parameters;  // names apart by spaces; a leading ! marks what must be given
  std::string_view media_type = "application/json";
};

std::span<const ApiRoute> api_routes();
std::string openapi_document(std::span<const ApiRoute> routes);

}  // namespace obelisk::prometheus_api
