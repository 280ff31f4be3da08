#pragma once
// What the handlers of this folder share: a request with its parameters and its query's lifetime, how errors
// are answered (plain text, as Loki does), and how Loki's parameters read. Not thread safe; one object a
// request.
#include <functional>
#include <memory>

#include "api/request/context.h"
#include "net/router.h"
#include "query/core/query_context.h"
#include "query/logql/engine.h"

namespace obelisk::loki {

struct LokiCall {
  const ApiContext& api;
  HttpExchangePtr exchange;
  Parameters parameters;
  std::shared_ptr<QueryRun> run;
  LogQueryLimits limits;  // of the tenant

  QueryContext query_context() const { return {api.reader, run->tenant, run->at, run->budget, run->cancel}; }
};

using LokiHandler = std::function<Result<HttpResponse>(LokiCall&, const PathParameters&)>;
RouteHandler handler_of(const ApiContext& api, LokiHandler handler);
// GET and POST on one path.
void add_query_route(Router& router, const ApiContext& api, std::string_view pattern, LokiHandler handler);

HttpResponse json_response(std::string body);
// 400 for what the query is to blame for, 429, 499, 504 for time, 5xx for the rest.
int loki_status_of(ErrorCode code);

// Nanoseconds, seconds (ten digits or fewer, or with a fraction) or RFC 3339.
Result<UnixNanos> parse_time(std::string_view name, std::string_view text);
Result<UnixNanos> time_of(const Parameters& parameters, std::string_view name, UnixNanos fallback);
// start, end and since: end is now by default, start is `since` (default `since_nanos`) before the earlier of
// end and now. Error when end is not after start.
Result<TimeRange> range_of(const Parameters& parameters, UnixNanos now, int64_t since_nanos);
// The same within the limits of the tenant: an error when it is longer than a query may be, or ends before
// what may be looked at; a begin before that is moved there.
Result<TimeRange> range_of(const LokiCall& call, int64_t since_nanos);
// `begin`, or the oldest time that a query may look at.
Result<UnixNanos> within_lookback(const LokiCall& call, UnixNanos begin, UnixNanos end);
// "15s", "100ms", or seconds; `fallback` when absent.
Result<int64_t> duration_of(const Parameters& parameters, std::string_view name, int64_t fallback);
// The step of a query over a range: given, or a 250th of the range, at least a second.
Result<int64_t> step_of(const Parameters& parameters, const TimeRange& range);
Result<uint64_t> count_of(const Parameters& parameters, std::string_view name, uint64_t fallback,
                          uint64_t most);
// limit: 100 by default; error above log_entries_max, with Loki's text.
Result<uint64_t> entry_limit_of(const LokiCall& call);
Result<logql::Direction> direction_of(const Parameters& parameters);
// The value of `query`, or an error when there is none.
Result<std::string_view> query_text_of(const Parameters& parameters);

}  // namespace obelisk::loki
