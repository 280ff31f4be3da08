#include "api/request/context.h"

#include <algorithm>

#include "api/request/multi_tenant_reader.h"

namespace obelisk {
namespace {

Result<void> check_tenant_name(std::string_view name) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!_.*'()-";
  if (name.empty() || name.size() > 150 || name.find_first_not_of(kAllowed) != std::string_view::npos ||
      name == "." || name == "..") {
    return make_error(ErrorCode::invalid_argument,
                      "X-Scope-OrgID: at most 150 of letters, digits and !_.*'()-");
  }
  return {};
}

}  // namespace

Result<Tenant> tenant_of(const ApiContext& context, const HttpRequest& request) {
  if (!context.multi_tenancy) return kDefaultTenant;
  std::string_view name = request.header("x-scope-orgid");
  if (name.empty()) return make_error(ErrorCode::unauthenticated, "no org id: send the X-Scope-OrgID header");
  OBELISK_CHECK_OK(check_tenant_name(name));
  return Tenant(name);
}

Result<Tenant> readable_tenants_of(const ApiContext& context, const HttpRequest& request) {
  std::string_view names = request.header("x-scope-orgid");
  if (!context.multi_tenancy || names.find('|') == std::string_view::npos) return tenant_of(context, request);
  std::vector<std::string> tenants;
  while (true) {
    size_t end = std::min(names.find('|'), names.size());
    OBELISK_CHECK_OK(check_tenant_name(names.substr(0, end)));
    tenants.emplace_back(names.substr(0, end));
    if (tenants.size() > kTenantsPerQueryMax) {
      return make_error(
          ErrorCode::invalid_argument,
          "X-Scope-OrgID: at most " + std::to_string(kTenantsPerQueryMax) + " tenants in a query");
    }
    if (end == names.size()) break;
    names.remove_prefix(end + 1);
  }
  return join_tenants(std::move(tenants));
}

Result<Parameters> parameters_of(const HttpRequest& request) {
  OBELISK_TRY(Parameters parameters, Parameters::parse(request.query));
  if (request.header("content-type").starts_with("application/x-www-form-urlencoded")) {
    OBELISK_TRY(Parameters form, Parameters::parse(request.body));
    parameters.append(std::move(form));
  }
  return parameters;
}

Result<std::shared_ptr<QueryRun>> enter_query(const ApiContext& context, Tenant tenant, QueryText about,
                                              int64_t timeout_nanos) {
  OBELISK_TRY(Snapshot at, context.reader.snapshot(tenant));
  if (timeout_nanos <= 0 || timeout_nanos > context.limits.timeout_nanos)
    timeout_nanos = context.limits.timeout_nanos;
  auto deadline = Cancel::Clock::now() + std::chrono::nanoseconds(timeout_nanos);
  OBELISK_TRY(std::shared_ptr<QueryRun> run,
              context.queries->enter(std::make_unique<QueryRun>(std::move(tenant), std::move(at),
                                                                context.limits.memory_bytes_max, deadline),
                                     std::move(about)));
  count_reads_into(run->progress);
  return run;
}

Result<std::shared_ptr<QueryRun>> begin_query(const ApiContext& context, const HttpExchangePtr& exchange,
                                              int64_t timeout_nanos) {
  const HttpRequest& request = exchange->request();
  OBELISK_TRY(Tenant tenant, readable_tenants_of(context, request));
  OBELISK_TRY(Parameters parameters, parameters_of(request));
  QueryText about{std::string(request.header("x-obelisk-query-id")), request.path,
                  std::string(parameters.get_or("query", parameters.get_or("q", "")))};
  OBELISK_TRY(std::shared_ptr<QueryRun> run,
              enter_query(context, std::move(tenant), std::move(about), timeout_nanos));
  exchange->on_cancel([weak = std::weak_ptr<QueryRun>(run)] {
    if (std::shared_ptr<QueryRun> alive = weak.lock()) alive->cancel.cancel();
  });
  return run;
}

int http_status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
    case ErrorCode::parse_error:
    case ErrorCode::unsupported:
      return 400;
    case ErrorCode::unauthenticated:
      return 401;
    case ErrorCode::not_found:
      return 404;
    case ErrorCode::too_large:
      return 413;
    case ErrorCode::execution:
      return 422;
    case ErrorCode::overloaded:
      return 429;
    case ErrorCode::cancelled:
      return 499;
    case ErrorCode::timeout:
    case ErrorCode::no_space:
    case ErrorCode::unavailable:
      return 503;
    case ErrorCode::corrupt:
    case ErrorCode::io:
    case ErrorCode::internal:
      return 500;
  }
  return 500;
}

}  // namespace obelisk
