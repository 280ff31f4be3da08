#include "api/zipkin/zipkin_api.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "api/jaeger/jaeger_search.h"
#include "api/request/archive_view.h"
#include "api/tempo/tempo_call.h"
#include "api/tempo/traceql_text.h"
#include "base/text.h"
#include "query/traceql/engine.h"
#include "wire/foreign/encode_traces.h"

namespace obelisk {
namespace {

using tempo::TempoCall;

constexpr int64_t kLookbackMillis = 86'400'000;  // Zipkin's QUERY_LOOKBACK
constexpr int64_t kTraceLimitDefault = 10;
constexpr int64_t kTraceLimitMax = 1000;
constexpr size_t kTraceIdsMax = 1000;
// What Zipkin's UI asks its server first: what it may offer, and from where on an arrow is drawn as failing.
constexpr std::string_view kUiConfig =
    R"({"environment":"","queryLimit":10,"defaultLookback":900000,"searchEnabled":true,)"
    R"("dependency":{"enabled":true,"lowErrorRate":0.5,"highErrorRate":0.75}})";

Result<std::vector<std::string>> sorted_values(const TempoCall& call, std::string_view tag,
                                               std::string_view filter) {
  traceql::ScanStatistics statistics;
  OBELISK_TRY(
      std::vector<traceql::TagValue> found,
      traceql::tag_values(call.query_context(), tag, filter, tempo::seconds_range(0, 0), 0, statistics));
  std::vector<std::string> texts;
  for (traceql::TagValue& value : found) texts.push_back(std::move(value.value));
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  return texts;
}

HttpResponse texts_response(const std::vector<std::string>& texts) {
  JsonWriter out;
  out.begin_array();
  for (const std::string& text : texts) out.value(text);
  out.end_array();
  return tempo::json_response(out.take());
}

std::string service_filter(std::string_view service) {
  return fmt::format("{{ resource.service.name = {} }}", tempo::traceql_string(service));
}

Result<std::string_view> required(const Parameters& parameters, std::string_view name) {
  std::string_view value = parameters.get_or(name, "");
  if (value.empty())
    return make_error(ErrorCode::invalid_argument, fmt::format("parameter {} is missing", name));
  return value;
}

Result<HttpResponse> services(TempoCall& call, const PathParameters&) {
  OBELISK_TRY(std::vector<std::string> names, sorted_values(call, "resource.service.name", ""));
  return texts_response(names);
}

Result<HttpResponse> span_names(TempoCall& call, const PathParameters&) {
  OBELISK_TRY(std::string_view service, required(call.parameters, "serviceName"));
  OBELISK_TRY(std::vector<std::string> names, sorted_values(call, "name", service_filter(service)));
  return texts_response(names);
}

Result<HttpResponse> remote_services(TempoCall& call, const PathParameters&) {
  OBELISK_TRY(std::string_view service, required(call.parameters, "serviceName"));
  OBELISK_TRY(std::vector<std::string> names,
              sorted_values(call, "span.peer.service", service_filter(service)));
  return texts_response(names);
}

Result<HttpResponse> autocomplete_keys(TempoCall& call, const PathParameters&) {
  traceql::ScanStatistics statistics;
  OBELISK_TRY(std::vector<traceql::TagScope> scopes,
              traceql::tag_names(call.query_context(), "span", "", tempo::seconds_range(0, 0), statistics));
  return texts_response(scopes.empty() ? std::vector<std::string>() : scopes[0].tags);
}

Result<HttpResponse> autocomplete_values(TempoCall& call, const PathParameters&) {
  OBELISK_TRY(std::string_view key, required(call.parameters, "key"));
  OBELISK_TRY(std::vector<std::string> found, sorted_values(call, tempo::traceql_attribute(key), ""));
  return texts_response(found);
}

// "error and http.method=GET": every condition must hold. One without a value means: the tag or an annotation
// of this text is there.
std::vector<std::string> annotation_conditions(std::string_view query) {
  constexpr std::string_view kAnd = " and ";
  std::vector<std::string> conditions;
  while (!query.empty()) {
    size_t end = std::min(query.find(kAnd), query.size());
    std::string_view part = trim(query.substr(0, end));
    query.remove_prefix(std::min(end + kAnd.size(), query.size()));
    if (part.empty()) continue;
    size_t equals = part.find('=');
    if (equals != std::string_view::npos) {
      conditions.push_back(tempo::traceql_tag_equals(part.substr(0, equals), part.substr(equals + 1)));
    } else if (part == "error") {
      conditions.push_back("status = error");
    } else {
      conditions.push_back(fmt::format("({} != nil || event:name = {})", tempo::traceql_attribute(part),
                                       tempo::traceql_string(part)));
    }
  }
  return conditions;
}

Result<std::string> query_of(const Parameters& parameters) {
  std::vector<std::string> conditions;
  auto add_text = [&](std::string_view parameter, std::string_view field) {
    std::string_view value = parameters.get_or(parameter, "");
    if (!value.empty() && value != "all")
      conditions.push_back(fmt::format("{} = {}", field, tempo::traceql_string(value)));
  };
  add_text("serviceName", "resource.service.name");
  add_text("spanName", "name");
  add_text("remoteServiceName", "span.peer.service");
  for (std::string& condition : annotation_conditions(parameters.get_or("annotationQuery", "")))
    conditions.push_back(std::move(condition));
  OBELISK_TRY(int64_t shortest, tempo::integer_of(parameters, "minDuration", 0, 0));
  OBELISK_TRY(int64_t longest, tempo::integer_of(parameters, "maxDuration", 0, 0));
  if (longest > 0 && longest < shortest)
    return make_error(ErrorCode::invalid_argument, "maxDuration is less than minDuration");
  if (shortest > 0) conditions.push_back(fmt::format("duration >= {}us", shortest));
  if (longest > 0) conditions.push_back(fmt::format("duration <= {}us", longest));
  return conditions.empty() ? std::string("{}") : fmt::format("{{ {} }}", fmt::join(conditions, " && "));
}

Result<HttpResponse> traces(TempoCall& call, const PathParameters&) {
  traceql::SearchOptions options;
  OBELISK_TRY(options.range, jaeger::lookback_range_of(call, kLookbackMillis));
  OBELISK_TRY(std::string query, query_of(call.parameters));
  OBELISK_TRY(int64_t limit, tempo::integer_of(call.parameters, "limit", kTraceLimitDefault, 1));
  if (limit > kTraceLimitMax)
    return make_error(ErrorCode::invalid_argument, fmt::format("limit is above {}", kTraceLimitMax));
  options.limit = static_cast<uint32_t>(limit);
  options.spans_per_spanset = 1;
  OBELISK_TRY(traceql::SearchResult found, traceql::search(call.query_context(), query, options));
  OBELISK_TRY(const QueryContext whole, with_archive(call.query_context()));
  JsonWriter out;
  out.begin_array();
  for (const traceql::FoundTrace& trace : found.traces) {
    OBELISK_TRY(std::vector<BatchPtr> spans, traceql::fetch_trace(whole, trace.id));
    write_zipkin_trace(out, spans);
  }
  out.end_array();
  return tempo::json_response(out.take());
}

Result<std::vector<BatchPtr>> spans_of(TempoCall& call, std::string_view text) {
  std::optional<TraceId> id = TraceId::from_hex(text);
  if (!id || id->is_none())
    return make_error(
        ErrorCode::invalid_argument,
        fmt::format("\"{}\" is no trace id of up to 32 hexadecimal digits", text.substr(0, 64)));
  OBELISK_TRY(const QueryContext context, with_archive(call.query_context()));
  return traceql::fetch_trace(context, *id);
}

Result<HttpResponse> trace(TempoCall& call, const PathParameters& path) {
  OBELISK_TRY(std::vector<BatchPtr> spans, spans_of(call, path.get("id")));
  if (spans.empty()) return make_error(ErrorCode::not_found, path.get("id") + " not found");
  JsonWriter out;
  write_zipkin_trace(out, spans);
  return tempo::json_response(out.take());
}

Result<HttpResponse> many_traces(TempoCall& call, const PathParameters&) {
  OBELISK_TRY(std::string_view ids, required(call.parameters, "traceIds"));
  if (static_cast<size_t>(std::count(ids.begin(), ids.end(), ',')) >= kTraceIdsMax)
    return make_error(ErrorCode::invalid_argument, fmt::format("more than {} trace ids", kTraceIdsMax));
  JsonWriter out;
  out.begin_array();
  while (!ids.empty()) {
    size_t end = std::min(ids.find(','), ids.size());
    OBELISK_TRY(std::vector<BatchPtr> spans, spans_of(call, trim(ids.substr(0, end))));
    if (!spans.empty()) write_zipkin_trace(out, spans);
    ids.remove_prefix(std::min(end + 1, ids.size()));
  }
  out.end_array();
  return tempo::json_response(out.take());
}

Result<HttpResponse> dependencies(TempoCall& call, const PathParameters&) {
  OBELISK_TRY(TimeRange range, jaeger::lookback_range_of(call, kLookbackMillis));
  OBELISK_TRY(std::vector<traceql::GraphEdge> edges, jaeger::dependencies(call, range));
  JsonWriter out;
  out.begin_array();
  for (const traceql::GraphEdge& edge : edges) {
    out.begin_object().field("parent", edge.client).field("child", edge.server);
    out.field("callCount", jaeger::calls_of(edge))
        .field("errorCount", static_cast<uint64_t>(std::llround(edge.failed)))
        .end_object();
  }
  out.end_array();
  return tempo::json_response(out.take());
}

}  // namespace

void register_zipkin_api(Router& router, ApiContext& context) {
  router.add("GET", "/zipkin/config.json", [](const HttpExchangePtr& exchange, const PathParameters&) {
    exchange->respond(tempo::json_response(std::string(kUiConfig)));
  });
  for (const char* prefix : {"/api/v2/", "/zipkin/api/v2/"}) {
    auto add = [&](const char* path, tempo::TempoHandler handler) {
      router.add("GET", std::string(prefix) + path, tempo::handler_of(context, std::move(handler)));
    };
    add("services", services);
    add("spans", span_names);
    add("remoteServices", remote_services);
    add("traces", traces);
    add("trace/{id}", trace);
    add("traceMany", many_traces);
    add("dependencies", dependencies);
    add("autocompleteKeys", autocomplete_keys);
    add("autocompleteValues", autocomplete_values);
  }
}

}  // namespace obelisk
