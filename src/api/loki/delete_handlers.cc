// Loki's delete API: POST and PUT /loki/api/v1/delete (query, start, end), GET (the requests), DELETE
// (request_id, force).
#include "api/loki/delete_service.h"
#include "api/loki/loki_call.h"
#include "api/loki/loki_handlers.h"
#include "api/loki/loki_json.h"
#include "base/text.h"

namespace obelisk::loki {
namespace {

constexpr std::string_view kPath = "/loki/api/v1/delete";

Result<HttpResponse> add_request(const ApiContext& api, DeleteService& deletes, const HttpRequest& http) {
  OBELISK_TRY(Tenant tenant, tenant_of(api, http));
  OBELISK_TRY(Parameters parameters, parameters_of(http));
  OBELISK_TRY(std::string_view query, query_text_of(parameters));
  if (parameters.get_or("start", "").empty())
    return make_error(ErrorCode::invalid_argument, "start time not set");
  UnixNanos now = api.clock.now();
  OBELISK_TRY(UnixNanos start, time_of(parameters, "start", now));
  OBELISK_TRY(UnixNanos end, time_of(parameters, "end", now));
  if (end > now) return make_error(ErrorCode::invalid_argument, "deletes in the future are not allowed");
  if (start > end)
    return make_error(ErrorCode::invalid_argument, "start time can't be greater than end time");
  // Splits a request in Loki. Here one is carried out at once: only checked.
  OBELISK_TRY(int64_t max_interval, duration_of(parameters, "max_interval", 0));
  if (max_interval < 0) return make_error(ErrorCode::invalid_argument, "max_interval must not be negative");
  OBELISK_TRY(std::string id, deletes.add(tenant, std::string(query), {start, end + 1}));
  HttpResponse response;
  response.status = 204;
  response.headers.emplace_back("x-delete-request-id", id);
  return response;
}

Result<HttpResponse> list_requests(const ApiContext& api, DeleteService& deletes, const HttpRequest& http) {
  OBELISK_TRY(Tenant tenant, tenant_of(api, http));
  JsonWriter out;
  out.begin_array();
  auto seconds = [](UnixNanos time) { return static_cast<double>(time.to_millis()) / 1000; };
  for (const DeleteRequest& request : deletes.requests(tenant)) {
    out.begin_object().field("request_id", request.id);
    out.field("start_time", seconds(request.range.begin)).field("end_time", seconds(request.range.end - 1));
    out.field("query", request.query).field("status", request.processed ? "processed" : "received");
    out.field("created_at", seconds(request.created_at));
    // Not in Loki: a received one whose lines no answer has any more, but some file.
    if (request.erasure && !request.processed) out.field("hidden", true);
    if (!request.error.empty()) out.field("error", request.error);
    out.end_object();
  }
  out.end_array();
  return json_response(out.take());
}

Result<HttpResponse> cancel_request(const ApiContext& api, DeleteService& deletes, const HttpRequest& http) {
  OBELISK_TRY(Tenant tenant, tenant_of(api, http));
  OBELISK_TRY(Parameters parameters, parameters_of(http));
  std::string_view id = parameters.get_or("request_id", "");
  if (id.empty()) return make_error(ErrorCode::invalid_argument, "request_id not set");
  OBELISK_CHECK_OK(deletes.cancel(tenant, std::string(id), parameters.get_or("force", "") == "true"));
  HttpResponse response;
  response.status = 204;
  return response;
}

}  // namespace

void register_delete_routes(Router& router, ApiContext& context, DeleteService& deletes) {
  using Handler = Result<HttpResponse> (*)(const ApiContext&, DeleteService&, const HttpRequest&);
  auto add = [&](std::string_view method, Handler handler) {
    router.add(method, kPath, [&context, &deletes, handler](HttpExchangePtr exchange, const PathParameters&) {
      Result<HttpResponse> response = handler(context, deletes, exchange->request());
      if (response.ok()) return exchange->respond(std::move(*response));
      exchange->respond_text(loki_status_of(response.error().code), response.error().message);
    });
  };
  add("POST", add_request);
  add("PUT", add_request);
  add("GET", list_requests);
  add("DELETE", cancel_request);
}

}  // namespace obelisk::loki
