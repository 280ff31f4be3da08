// patterns.
#include <fmt/format.h>

#include <numeric>

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

void write_samples(JsonWriter& out, const logql::StepGrid& grid, const std::vector<uint64_t>& counts) {
  out.key("samples").begin_array();
  for (size_t step = 0; step < counts.size(); ++step) {
    if (counts[step] == 0) continue;
    out.begin_array().value(grid.at(step) / kNanosPerSecond).value(counts[step]).end_array();
  }
  out.end_array();
}

// Lines of no pattern of the answer are in `others` (not in Loki's shape): all together are all lines.
std::string patterns_json(logql::PatternsResult& result, size_t limit) {
  JsonWriter out;
  out.begin_object().field("status", "success").key("data").begin_array();
  size_t shown = std::min(limit, result.patterns.size());
  for (size_t i = 0; i < shown; ++i) {
    const logql::PatternMiner::Pattern& pattern = result.patterns[i];
    out.begin_object().field("pattern", pattern.text);
    if (!pattern.level.empty()) out.field("level", pattern.level);
    write_samples(out, result.grid, pattern.counts);
    out.end_object();
  }
  out.end_array();
  for (size_t i = shown; i < result.patterns.size(); ++i) {
    for (size_t step = 0; step < result.others.size(); ++step)
      result.others[step] += result.patterns[i].counts[step];
  }
  uint64_t others = std::accumulate(result.others.begin(), result.others.end(), uint64_t{0});
  if (others > 0) {
    out.key("others").begin_object().field("lines", others);
    out.field("patterns", result.patterns.size() - shown);
    write_samples(out, result.grid, result.others);
    out.end_object();
  }
  if (others > 0 || !result.incomplete.empty()) {
    out.key("warnings").begin_array();
    if (!result.incomplete.empty()) out.value("incomplete: " + result.incomplete);
    if (others > 0)
      out.value(fmt::format("{} lines are in none of the {} patterns: see others", others, shown));
    out.end_array();
  }
  out.end_object();
  return out.take();
}

Result<HttpResponse> patterns(LokiCall& call, const PathParameters&) {
  OBELISK_TRY(std::string_view text, query_text_of(call.parameters));
  OBELISK_TRY(logql::Query query, logql::parse_and_check(text));
  if (!query.is_log()) return make_error(ErrorCode::invalid_argument, "only log selector is supported");
  logql::RangeRequest request;
  request.now = call.api.clock.now();
  OBELISK_TRY(TimeRange range, range_of(call, kHour));
  request.start = range.begin;
  request.end = range.end;
  OBELISK_TRY(request.step_nanos, step_of(call.parameters, range));
  if (!call.parameters.get("step")) request.step_nanos = std::max(request.step_nanos, kStepMin);
  OBELISK_TRY(uint64_t limit, count_of(call.parameters, "limit", kPatternsMax, kPatternsMax));
  QueryContext context = call.query_context();
  OBELISK_TRY(logql::PatternsResult result, logql::find_patterns(context, query.selector, request));
  return json_response(patterns_json(result, limit));
}

}  // namespace

void register_pattern_routes(Router& router, ApiContext& context) {
  add_query_route(router, context, "/loki/api/v1/patterns", patterns);
}

}  // namespace obelisk::loki
