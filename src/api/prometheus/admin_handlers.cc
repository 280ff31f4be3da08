// /api/v1/admin/tsdb/*: deleting and copying data. Off unless the configuration switches it on.
#include "api/prometheus/handlers.h"
#include "api/request/response.h"

namespace obelisk::prometheus_api {
namespace {

Result<void> check_enabled(const ApiCall& call) {
  if (call.service.providers.admin.enabled) return {};
  return make_error(ErrorCode::unavailable, "admin APIs disabled");
}

Error not_in_this_store(std::string_view what) {
  return make_error(ErrorCode::unsupported, "this store cannot " + std::string(what));
}

HttpResponse no_content() {
  HttpResponse response;
  response.status = 204;
  return response;
}

}  // namespace

Result<HttpResponse> handle_delete_series(ApiCall& call, const PathParameters&) {
  OBELISK_CHECK_OK(check_enabled(call));
  if (call.parameters.get_all("match[]").empty())
    return make_error(ErrorCode::invalid_argument, "no match[] parameter provided");
  OBELISK_TRY(TimeRange range, range_of(call.parameters));
  OBELISK_TRY(Expr where, selection_of(call.parameters));
  OBELISK_TRY(Tenant tenant, tenant_of(call.service.context, call.exchange->request()));
  const auto& erase = call.service.providers.admin.erase_series;
  if (!erase) return not_in_this_store("delete series");
  OBELISK_CHECK_OK(erase(tenant, std::move(where), range));
  return no_content();
}

// What is erased here is gone from answers at once, and from the disk when its blocks are next merged; asking
// for it does that now.
Result<HttpResponse> handle_clean_tombstones(ApiCall& call, const PathParameters&) {
  OBELISK_CHECK_OK(check_enabled(call));
  const auto& clean = call.service.providers.admin.clean_tombstones;
  if (!clean) return not_in_this_store("clean tombstones");
  OBELISK_CHECK_OK(clean());
  return no_content();
}

Result<HttpResponse> handle_snapshot(ApiCall& call, const PathParameters&) {
  OBELISK_CHECK_OK(check_enabled(call));
  std::string_view skip = call.parameters.get_or("skip_head", "");
  if (!skip.empty() && skip != "true" && skip != "false")
    return invalid_parameter("skip_head", "expected true or false");
  const auto& snapshot = call.service.providers.admin.snapshot;
  if (!snapshot) return not_in_this_store("write snapshots");
  OBELISK_TRY(std::string name, snapshot(skip == "true"));
  JsonWriter json;
  json.begin_object().field("status", "success").key("data").begin_object().field("name", name);
  json.end_object().end_object();
  return typed_response("application/json", json.take());
}

}  // namespace obelisk::prometheus_api
