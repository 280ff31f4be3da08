// TraceQL metrics over HTTP.
#include <algorithm>

#include "api/tempo/tempo_call.h"
#include "api/tempo/tempo_handlers.h"
#include "api/tempo/tempo_json.h"
#include "api/tempo/tempo_protobuf.h"

namespace obelisk::tempo {
namespace {

constexpr int64_t kExemplarsMax = 100;  // Tempo's ceiling
constexpr int64_t kSeriesMax = 1000;    // Tempo's default

std::string_view query_of(const Parameters& parameters) {
  return parameters.get_or("q", parameters.get_or("query", ""));
}

}  // namespace

Result<HttpResponse> metrics_over_a_range(TempoCall& call, const PathParameters&) {
  traceql::MetricsOptions options;
  OBELISK_TRY(options.range, instant_range_of(call.parameters, call.api.clock.now()));
  OBELISK_TRY(options.step, step_of(call.parameters));
  OBELISK_TRY(int64_t exemplars, integer_of(call.parameters, "exemplars", kExemplarsMax, 0));
  OBELISK_TRY(int64_t series, integer_of(call.parameters, "maxSeries", kSeriesMax, 0));
  options.exemplars_max = static_cast<uint32_t>(std::min(exemplars, kExemplarsMax));
  options.series_max = static_cast<uint32_t>(std::min<int64_t>(series == 0 ? kSeriesMax : series, 1'000'000));
  OBELISK_TRY(traceql::MetricsResult result,
              traceql::evaluate_metrics(call.query_context(), query_of(call.parameters), options));
  if (wants_protobuf(call)) return protobuf_response(encode_metrics_range_responses(result, SIZE_MAX)[0]);
  return json_response(metrics_range_json(result));
}

Result<HttpResponse> metrics_at_once(TempoCall& call, const PathParameters&) {
  traceql::MetricsOptions options;
  OBELISK_TRY(options.range, instant_range_of(call.parameters, call.api.clock.now()));
  options.instant = true;
  options.exemplars_max = 0;
  options.series_max = kSeriesMax;
  OBELISK_TRY(traceql::MetricsResult result,
              traceql::evaluate_metrics(call.query_context(), query_of(call.parameters), options));
  if (wants_protobuf(call)) return protobuf_response(encode_metrics_instant_response(result));
  return json_response(metrics_instant_json(result));
}

void register_metrics_routes(Router& router, ApiContext& context) {
  router.add("GET", "/api/metrics/query_range", handler_of(context, metrics_over_a_range));
  router.add("GET", "/api/metrics/query", handler_of(context, metrics_at_once));
}

}  // namespace obelisk::tempo
