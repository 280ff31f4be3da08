// patterns.
#include "api/loki/loki_call.h"
#include "api/loki/loki_handlers.h"
#include "api/loki/loki_json.h"
#include "query/logql/patterns.h"
#include "query/logql/pipeline.h"

namespace obelisk::loki {
namespace {

constexpr int64_t kHour = 3600 * kNanosPerSecond;
constexpr size_t kPatternsMax = 300;  // as many as Loki keeps for a stream; the most frequent ones
constexpr int64_t kStepMin = 10 * kNanosPerSecond;  // Loki's resolution, and the default's least

Result<HttpResponse> patterns(LokiCall& call, const PathParameters&) {
  OBELISK_TRY(std::string_view text, query_text_of(call.parameters));
  OBELISK_TRY(logql::Query query, logql::parse_and_check(text));
  if (!query.is_log()) return make_error(ErrorCode::invalid_argument, "only log selector is supported");
  logql::RangeRequest request;
  request.now = call.api.clock.now();
  OBELISK_TRY(TimeRange range, range_of(call.parameters, request.now, kHour));
  request.start = range.begin;
  request.end = range.end;
  OBELISK_TRY(request.step_nanos, step_of(call.parameters, range));
  if (!call.parameters.get("step")) request.step_nanos = std::max(request.step_nanos, kStepMin);
  OBELISK_TRY(uint64_t limit, count_of(call.parameters, "limit", kPatternsMax, kPatternsMax));
  QueryContext context = call.query_context();
  OBELISK_TRY(logql::PatternsResult result, logql::find_patterns(context, query.selector, request));
  JsonWriter out;
  out.begin_object().field("status", "success").key("data").begin_array();
  for (size_t i = 0; i < std::min<size_t>(limit, result.patterns.size()); ++i) {
    const logql::PatternMiner::Pattern& pattern = result.patterns[i];
    out.begin_object().field("pattern", pattern.text);
    if (!pattern.level.empty()) out.field("level", pattern.level);
    out.key("samples").begin_array();
    for (size_t step = 0; step < pattern.counts.size(); ++step) {
      if (pattern.counts[step] == 0) continue;
      out.begin_array().value(result.grid.at(step) / kNanosPerSecond).value(pattern.counts[step]).end_array();
    }
    out.end_array().end_object();
  }
  out.end_array();
  if (!result.incomplete.empty())
    out.key("warnings").begin_array().value("incomplete: " + result.incomplete).end_array();
  out.end_object();
  return json_response(out.take());
}

}  // namespace

void register_pattern_routes(Router& router, ApiContext& context) {
  add_query_route(router, context, "/loki/api/v1/patterns", patterns);
}

}  // namespace obelisk::loki
