#pragma once
// What the handlers of this folder share: the request's parameters, Prometheus' envelope around answers, and
// the parsing of times, durations and limits. One object a request; not thread safe.
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/prometheus/prometheus_api.h"
#include "base/json_writer.h"
#include "query/core/query_context.h"
#include "query/promql/ast.h"

namespace obelisk::prometheus_api {

// Shared by all handlers; immutable after registration.
struct Service {
  ApiContext& context;
  PrometheusProviders providers;
};

// What a handler gives back: the JSON of `data`, and what goes beside it.
struct Answer {
  std::string data;
  std::vector<std::string> warnings;
  std::vector<std::string> infos;
};

struct ApiCall {
  const Service& service;
  HttpExchangePtr exchange;
  Parameters parameters;

  // The query's tenant, snapshot, budget and deadline; `timeout` of the request is honoured.
  Result<std::shared_ptr<QueryRun>> begin() const;
  QueryContext query_context(QueryRun& run) const {
    return {service.context.reader, run.tenant, run.at, run.budget, run.cancel};
  }
};

// The server's, with lookback_delta and tiers (auto, off) of the request.
Result<PromqlOptions> promql_options_of(const ApiCall& call);

using Handler = std::function<Result<Answer>(ApiCall&, const PathParameters&)>;
RouteHandler route_handler(std::shared_ptr<const Service> service, Handler handler);
// The same for answers that are not in the envelope; errors are.
using RawHandler = std::function<Result<HttpResponse>(ApiCall&, const PathParameters&)>;
RouteHandler raw_route_handler(std::shared_ptr<const Service> service, RawHandler handler);

// The envelope of an error: {"status":"error","errorType":..,"error":..}.
HttpResponse error_response(const Error& error);
HttpResponse error_response(int status, std::string_view error_type, std::string_view message);

// Code invalid_argument with Prometheus' text: invalid parameter "time": ...
Error invalid_parameter(std::string_view name, std::string_view why);

// Seconds (with a fraction) or RFC 3339.
Result<UnixNanos> parse_time(std::string_view text);
Result<UnixNanos> time_of(const Parameters& parameters, std::string_view name, UnixNanos fallback);
Result<UnixNanos> required_time_of(const Parameters& parameters, std::string_view name);
// Seconds or a Prometheus duration.
Result<int64_t> duration_of(const Parameters& parameters, std::string_view name, int64_t fallback);
// 0: no limit.
Result<uint64_t> limit_of(const Parameters& parameters, std::string_view name = "limit");
// Of metadata: absent or negative is no limit, and zero is none at all.
Result<std::optional<uint64_t>> metadata_limit_of(const Parameters& parameters,
                                                  std::string_view name = "limit");
// start and end for metadata endpoints, both inside; the whole of time when absent, nothing when the end lies
// before the start.
Result<TimeRange> range_of(const Parameters& parameters);
// The label sets selected by match[] (any of them); always when there is none.
Result<Expr> selection_of(const Parameters& parameters);

// 1435781451.781: seconds, with three digits where there is a fraction.
std::string format_time(int64_t time_ms);

inline constexpr std::string_view kTruncated = "results truncated due to limit";

}  // namespace obelisk::prometheus_api
