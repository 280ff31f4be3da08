#include "api/tempo/mcp_tools.h"

#include <fmt/format.h>

#include "api/tempo/tempo_handlers.h"

namespace obelisk::tempo {
namespace {

Result<std::string> text_of(Result<HttpResponse> response) {
  if (!response.ok()) return response.error();
  if (response->body.size() > kMcpAnswerBytesMax) {
    return make_error(ErrorCode::too_large,
                      fmt::format("the answer has {} bytes, more than {}: narrow the query or the time",
                                  response->body.size(), kMcpAnswerBytesMax));
  }
  return std::move(response->body);
}

// Searches and tags take whole seconds; here a time is written in any way, and the last hour is the default.
Result<void> use_seconds(TempoCall& call) {
  OBELISK_TRY(TimeRange range, instant_range_of(call.parameters, call.api.clock.now()));
  Parameters parameters;
  for (const auto& [name, value] : call.parameters.entries()) {
    if (name != "start" && name != "end" && name != "since") parameters.add(name, value);
  }
  parameters.add("start", std::to_string(range.begin.value / kNanosPerSecond));
  parameters.add("end", std::to_string(range.end.value / kNanosPerSecond));
  call.parameters = std::move(parameters);
  return {};
}

// The argument under the name that the HTTP API has for it.
void rename(TempoCall& call, std::string_view argument, std::string name) {
  call.parameters.add(std::move(name), std::string(call.parameters.get_or(argument, "")));
}

Result<std::string> traceql_search(TempoCall& call) {
  OBELISK_CHECK_OK(use_seconds(call));
  rename(call, "query", "q");
  return text_of(found_traces(call, {}));
}

Result<std::string> metrics_instant(TempoCall& call) {
  return text_of(metrics_at_once(call, {}));
}

Result<std::string> metrics_range(TempoCall& call) {
  return text_of(metrics_over_a_range(call, {}));
}

Result<std::string> get_trace(TempoCall& call) {
  PathParameters path;
  path.set("id", std::string(call.parameters.get_or("trace_id", "")));
  rename(call, "query", "q");
  return text_of(trace_by_id_v2(call, path));
}

Result<std::string> trace_diff(TempoCall& call) {
  return text_of(diff_of(call, std::string(call.parameters.get_or("base_trace_id", "")),
                         std::string(call.parameters.get_or("compare_trace_id", "")), DiffFormat::composed));
}

Result<std::string> attribute_names(TempoCall& call) {
  OBELISK_CHECK_OK(use_seconds(call));
  return text_of(tag_scopes(call, {}));
}

Result<std::string> attribute_values(TempoCall& call) {
  OBELISK_CHECK_OK(use_seconds(call));
  rename(call, "filter-query", "q");
  call.parameters.add("limit", "1000");
  PathParameters path;
  path.set("tag", std::string(call.parameters.get_or("name", "")));
  return text_of(typed_tag_values(call, path));
}

constexpr std::string_view kDocsBasic =
    R"(TraceQL selects spans with a condition in braces; the answer lists the traces that have such spans.
  { }                                          every span
  { status = error && duration > 500ms }       both on one span
  { resource.service.name = "shop" }           attribute of what sent the span
  { span.http.status_code >= 500 }             attribute of the span; numbers compare as numbers
  { .region =~ "eu-.*" }                       any scope; regular expressions hold for the whole text
  { event:name = "exception" } { link:traceID = "2f" } { instrumentation:name = "http" }
  { span.user.id != nil }                      has the attribute
Scopes: span. resource. event. link. instrumentation. parent.
Intrinsics: name, duration, status (ok, error, unset), kind (server, client, producer, consumer, internal, unspecified),
statusMessage, rootName, rootServiceName, traceDuration, span:id, span:parentID, span:childCount, trace:id,
event:timeSinceStart; of this server: span:selfTime, span:onCriticalPath.
Operators: = != > >= < <= =~ !~ && || ! + - * / % ^ and parentheses. Literals: "text", 12, 1.5, 250ms, true, nil.)";

constexpr std::string_view kDocsAggregates =
    R"(Stages follow with "|". They work on the spans that a trace matched.
  { status = error } | count() > 3             traces with more than three of them
  { name = "query" } | avg(duration) > 100ms   also min, max, sum, of any numeric expression
  { } | by(resource.service.name) | count() > 10
  { } | by(name) | coalesce()                  groups put together again
  { status = error } | select(span.http.url, resource.service.name)   shows these attributes, too
  { } | max(duration) - min(duration) > 1s     aggregates calculate with each other)";

constexpr std::string_view kDocsStructural =
    R"(Operators between conditions relate spans of one trace; the right side is the answer.
  { resource.service.name = "shop" } >  { status = error }    children
  { resource.service.name = "shop" } >> { status = error }    descendants
  { status = error } <  { }      parents           { status = error } << { }      ancestors
  { name = "a" } ~ { name = "b" }  siblings
  !> !>> !< !<< !~   spans of the right side that are in no such relation
  &> &>> &< &<< &~   both sides
  { .a } && { .b }   traces with both   { .a } || { .b }   spans of either)";

constexpr std::string_view kDocsMetrics = R"(A query that ends in a metrics function gives numbers over time.
  { status = error } | rate() by (resource.service.name)
  { } | count_over_time() by (name)
  { } | quantile_over_time(duration, 0.5, 0.99) by (name)
  { } | avg_over_time(span.size)               also min_, max_, sum_over_time; durations are in seconds
  { } | histogram_over_time(duration)
  { } | compare({ status = error })            how often attribute values occur among these spans and the others
  ... | topk(5), ... | bottomk(5), ... > 10    after the function
  ({ status = error } | rate()) / ({ } | rate()) * 100)";

Result<std::string> docs(TempoCall& call) {
  std::string_view name = call.parameters.get_or("name", "");
  if (name == "basic") return std::string(kDocsBasic);
  if (name == "aggregates") return std::string(kDocsAggregates);
  if (name == "structural") return std::string(kDocsStructural);
  if (name == "metrics") return std::string(kDocsMetrics);
  return make_error(ErrorCode::invalid_argument, "name is basic, aggregates, structural or metrics");
}

constexpr McpArgument kStart{
    "start", "Begin of the time: RFC 3339, or seconds since 1970. Default: an hour before the end"};
constexpr McpArgument kEnd{"end", "End of the time, likewise. Default: now"};

constexpr McpArgument kSearch[] = {
    {"query", "TraceQL search, such as { status = error }", true},
    kStart,
    kEnd,
    {"limit", "At most so many traces. Default: 20"},
    {"order", "time: most recent first (default); duration: the slowest of the whole time"}};
constexpr McpArgument kInstant[] = {
    {"query", "TraceQL metrics, such as { } | rate() by (resource.service.name)", true}, kStart, kEnd};
constexpr McpArgument kRange[] = {
    {"query", "TraceQL metrics, such as { } | rate() by (resource.service.name)", true},
    kStart,
    kEnd,
    {"step", "Time between two points, such as 30s. Default: about 240 points"}};
constexpr McpArgument kTrace[] = {
    {"trace_id", "The trace's id in hexadecimal digits", true},
    {"query", "Only the spans that this filter finds, such as { status = error }"}};
constexpr McpArgument kDiff[] = {{"base_trace_id", "The trace that is compared with", true},
                                 {"compare_trace_id", "The trace that is looked at", true}};
constexpr McpArgument kNames[] = {
    {"scope", "resource, span, event, link, instrumentation or intrinsic. Default: all"}, kStart, kEnd};
constexpr McpArgument kValues[] = {
    {"name", "The attribute as in a query: resource.service.name, span.http.route, name", true},
    {"filter-query", "Only values of spans that this filter finds"},
    kStart,
    kEnd};
constexpr McpArgument kDocs[] = {{"name", "basic, aggregates, structural or metrics", true}};

constexpr McpTool kTools[] = {
    {"traceql-search", "Finds traces by a TraceQL query over all of the time asked for.", kSearch,
     traceql_search},
    {"traceql-metrics-instant", "One number a series for the whole time, by a TraceQL metrics query.",
     kInstant, metrics_instant},
    {"traceql-metrics-range", "Numbers over time, by a TraceQL metrics query.", kRange, metrics_range},
    {"get-trace", "All spans of one trace, or those that a filter finds.", kTrace, get_trace},
    {"trace-diff", "What differs between two traces, span by span.", kDiff, trace_diff},
    {"get-attribute-names", "Which attributes spans have.", kNames, attribute_names},
    {"get-attribute-values", "Which values an attribute has, most frequent first.", kValues,
     attribute_values},
    {"docs-traceql", "How to write TraceQL. Read basic before the first query.", kDocs, docs},
};

}  // namespace

std::span<const McpTool> mcp_tools() {
  return kTools;
}

}  // namespace obelisk::tempo
