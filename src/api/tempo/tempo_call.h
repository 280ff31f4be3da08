#pragma once
// What the handlers of this folder share: a request with its parameters and its query's lifetime, and how
// errors are answered (text, as Tempo does). Not thread safe; one object a request.
#include <functional>
#include <memory>
#include <optional>

#include "api/request/context.h"
#include "net/router.h"
#include "query/core/query_context.h"

namespace obelisk::tempo {

struct TempoCall {
  const ApiContext& api;
  HttpExchangePtr exchange;
  Parameters parameters;
  std::shared_ptr<QueryRun> run;

  QueryContext query_context() const { return {api.reader, run->tenant, run->at, run->budget, run->cancel}; }
};

using TempoHandler = std::function<Result<HttpResponse>(TempoCall&, const PathParameters&)>;
// A route handler that answers with what `handler` returns, or with its error.
RouteHandler handler_of(const ApiContext& api, TempoHandler handler);
HttpResponse json_response(std::string body);
HttpResponse protobuf_response(std::string body);
HttpResponse llm_response(std::string body);  // llm_json.h

// A whole number of at least `low`; `fallback` when the parameter is absent or empty.
Result<int64_t> integer_of(const Parameters& parameters, std::string_view name, int64_t fallback,
                           int64_t low);
// start and end in whole seconds, both inside; the whole of time when absent. 0 counts as absent.
Result<TimeRange> seconds_range_of(const Parameters& parameters);
TimeRange seconds_range(int64_t start, int64_t end);
// start and end as seconds (with fraction), nanoseconds or RFC 3339; else `since` (default 1h) until now.
Result<TimeRange> instant_range_of(const Parameters& parameters, UnixNanos now);
// "15s", "1m30s" or seconds; 0 when absent or 0.
Result<int64_t> step_of(const Parameters& parameters);
bool accepts(const HttpRequest& request, std::string_view media_type);
// Every answer of this folder is JSON unless the request accepts protobuf.
bool wants_protobuf(const TempoCall& call);

}  // namespace obelisk::tempo
