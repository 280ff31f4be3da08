// The service graph at query time: GET /obelisk/api/v1/service-graph?q={}&start=&end=
#include <fmt/format.h>

#include "api/obelisk/obelisk_handlers.h"
#include "api/obelisk/own_answer.h"
#include "base/json_writer.h"
#include "base/text.h"
#include "query/traceql/service_graph.h"

namespace obelisk {
namespace {

// RFC 3339, or a number of seconds or nanoseconds since the epoch.
Result<UnixNanos> time_of(const Parameters& parameters, std::string_view name, UnixNanos fallback) {
  std::string_view text = parameters.get_or(name, "");
  if (text.empty()) return fallback;
  if (std::optional<int64_t> nanos = parse_rfc3339(text)) return UnixNanos{*nanos};
  std::optional<double> number = parse_float(text);
  if (number && *number >= 0 && *number < 9.2e9) return UnixNanos{static_cast<int64_t>(*number * 1e9)};
  std::optional<int64_t> nanos = parse_int64(text);
  if (nanos && *nanos > 0) return UnixNanos{*nanos};
  return make_error(ErrorCode::invalid_argument,
                    fmt::format("invalid {}: seconds, nanoseconds or RFC 3339", name));
}

void write_edge(JsonWriter& out, const traceql::GraphEdge& edge) {
  out.begin_object().field("client", edge.client).field("server", edge.server);
  out.field("connectionType", edge.type);
  out.field("requests", std::to_string(edge.requests)).field("failed", std::to_string(edge.failed));
  out.field("serverP50Nanos", std::to_string(edge.server_p50));
  out.field("serverP99Nanos", std::to_string(edge.server_p99));
  out.field("clientP50Nanos", std::to_string(edge.client_p50));
  out.field("clientP99Nanos", std::to_string(edge.client_p99));
  out.field("slowestTraceId", edge.slowest_trace.to_hex()).end_object();
}

std::string graph_json(const traceql::ServiceGraphResult& graph) {
  JsonWriter out;
  out.begin_object().key("nodes").begin_array();
  for (const traceql::GraphNode& node : graph.nodes) {
    out.begin_object().field("service", node.service).field("requests", std::to_string(node.requests));
    out.field("failed", std::to_string(node.failed)).end_object();
  }
  out.end_array().key("edges").begin_array();
  for (const traceql::GraphEdge& edge : graph.edges) write_edge(out, edge);
  out.end_array().field("unpairedSpans", std::to_string(graph.unpaired_spans));
  out.field("complete", graph.statistics.complete);
  if (!graph.statistics.complete) out.field("reason", graph.statistics.reason);
  out.end_object();
  return out.take();
}

Result<std::string> answer(const ApiContext& context, const HttpExchangePtr& exchange) {
  OBELISK_TRY(Parameters parameters, parameters_of(exchange->request()));
  TimeRange range;
  OBELISK_TRY(range.end, time_of(parameters, "end", context.clock.now()));
  OBELISK_TRY(range.begin, time_of(parameters, "start", range.end - 3600 * kNanosPerSecond));
  if (range.end <= range.begin) return make_error(ErrorCode::invalid_argument, "start must lie before end");
  OBELISK_TRY(std::shared_ptr<QueryRun> run, begin_query(context, exchange));
  QueryContext query{context.reader, run->tenant, run->at, run->budget, run->cancel};
  OBELISK_TRY(traceql::ServiceGraphResult graph,
              traceql::service_graph(query, parameters.get_or("q", "{}"), range));
  return graph_json(graph);
}

}  // namespace

void register_service_graph(Router& router, ApiContext& context) {
  router.add("GET", "/obelisk/api/v1/service-graph",
             [&context](HttpExchangePtr exchange, const PathParameters&) {
               respond_own(exchange, answer(context, exchange));
             });
}

}  // namespace obelisk
