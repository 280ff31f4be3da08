#pragma once
// What every API handler is given: the parts of the server it may use, and how to read a request's tenant and
// parameters. Built once by server/; handlers hold it by reference. Thread safe.
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/request/log_limits.h"
#include "api/request/running_queries.h"
#include "base/result.h"
#include "base/time.h"
#include "env/clock.h"
#include "model/tenant.h"
#include "net/http_exchange.h"
#include "net/url.h"
#include "plan/budget.h"
#include "plan/read_progress.h"
#include "storage/reader.h"
#include "wire/log_mapping.h"

namespace obelisk {

class Pipeline;
class OtlpSettings;
struct GraphRules;

struct QueryLimits {
  int64_t timeout_nanos = 120 * kNanosPerSecond;  // Prometheus' query.timeout
  uint64_t memory_bytes_max = 1ull << 30;
  uint64_t points_per_series_max = 11'000;  // Prometheus' and Loki's
};

struct ApiContext {
  Reader& reader;
  Pipeline& pipeline;
  const Clock& clock;
  QueryLimits limits;
  bool multi_tenancy = false;
  size_t request_bytes_max = 64u << 20;  // of a body after decompression
  std::string version;                   // "0.1.0"
  std::string revision;
  std::shared_ptr<const OtlpSettings> otlp = nullptr;  // how OTLP metrics are translated; null: as by default
  std::shared_ptr<RunningQueries> queries = std::make_shared<RunningQueries>();
  // How pushed logs become streams; never null.
  std::shared_ptr<const LogMapping> log_mapping = std::make_shared<const LogMapping>();
  bool discovers_log_levels = false;  // every log line is given a detected_level
  // Of service graphs at query time; null: as by default.
  std::shared_ptr<const GraphRules> graph_rules = nullptr;
  LogLimits log_limits = {};
};

// The tenant of X-Scope-OrgID; kDefaultTenant when multi-tenancy is off; unauthenticated when it is on and
// the header is missing; invalid_argument when the name has characters outside [A-Za-z0-9!_.*'()-] or is
// longer than 150.
Result<Tenant> tenant_of(const ApiContext& context, const HttpRequest& request);

// The same for what only reads: with multi-tenancy on, "a|b" names several tenants (multi_tenant_reader.h).
Result<Tenant> readable_tenants_of(const ApiContext& context, const HttpRequest& request);

// Query string parameters, then those of an application/x-www-form-urlencoded body.
Result<Parameters> parameters_of(const HttpRequest& request);

// A query's lifetime: budget, deadline and cancellation by the client going away.
struct QueryRun {
  Tenant tenant;
  Snapshot at;
  Budget budget;
  Cancel cancel;
  const std::shared_ptr<ReadProgress> progress = std::make_shared<ReadProgress>();
  QueryRun(Tenant of, Snapshot snapshot, uint64_t bytes, Cancel::Clock::time_point deadline)
      : tenant(std::move(of)), at(std::move(snapshot)), budget(bytes), cancel(deadline) {}
  // Whoever still counts into the progress can cancel nothing any more.
  ~QueryRun() { progress->limit_reads({}, nullptr); }
};
// Takes the tenant and a snapshot, enters the query among those that run, and cancels when the exchange is
// cancelled. The calling thread's reads count as this query's from here on. `timeout_nanos` 0: the limit's.
Result<std::shared_ptr<QueryRun>> begin_query(const ApiContext& context, const HttpExchangePtr& exchange,
                                              int64_t timeout_nanos = 0);

// The same for what is no HTTP request, and without the client going away.
Result<std::shared_ptr<QueryRun>> enter_query(const ApiContext& context, Tenant tenant, QueryText about,
                                              int64_t timeout_nanos);

// The HTTP status of an error: 400 invalid_argument and parse_error and unsupported, 401, 404, 413 too_large,
// 422 execution, 429 overloaded, 499 cancelled, 503 timeout, no_space and unavailable, 500 the rest.
int http_status_of(ErrorCode code);

}  // namespace obelisk
