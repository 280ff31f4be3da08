// The service graph at query time: GET /obelisk/api/v1/service-graph?q={}&start=&end=
#include <fmt/format.h>

#include <cmath>

#include "api/obelisk/obelisk_handlers.h"
#include "api/obelisk/own_answer.h"
#include "api/obelisk/past_window.h"
#include "api/request/graph_rules.h"
#include "base/json_writer.h"
#include "query/traceql/service_graph.h"

namespace obelisk {
namespace {

// 120; 6.666666666666667 where sampled calls stand for more.
std::string count_text(double count) {
  return count == std::floor(count) && count < 1e15 ? fmt::format("{:.0f}", count) : fmt::format("{}", count);
}

void write_edge(JsonWriter& out, const traceql::GraphEdge& edge) {
  out.begin_object().field("client", edge.client).field("server", edge.server);
  out.field("connectionType", edge.type);
  if (!edge.labels.empty()) {
    out.key("labels").begin_object();
    for (const auto& [name, value] : edge.labels) out.field(name, value);
    out.end_object();
  }
  out.field("requests", count_text(edge.requests)).field("failed", count_text(edge.failed));
  out.field("serverP50Nanos", std::to_string(edge.server_p50));
  out.field("serverP99Nanos", std::to_string(edge.server_p99));
  out.field("clientP50Nanos", std::to_string(edge.client_p50));
  out.field("clientP99Nanos", std::to_string(edge.client_p99));
  if (edge.messaging_p99 > 0) {
    out.field("messagingP50Nanos", std::to_string(edge.messaging_p50));
    out.field("messagingP99Nanos", std::to_string(edge.messaging_p99));
  }
  out.field("slowestTraceId", edge.slowest_trace.to_hex()).end_object();
}

std::string graph_json(const traceql::ServiceGraphResult& graph) {
  JsonWriter out;
  out.begin_object().key("nodes").begin_array();
  for (const traceql::GraphNode& node : graph.nodes) {
    out.begin_object().field("service", node.service).field("requests", count_text(node.requests));
    out.field("failed", count_text(node.failed)).end_object();
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
  OBELISK_TRY(TimeRange range, past_window_of(parameters, context.clock.now()));
  OBELISK_TRY(std::shared_ptr<QueryRun> run, begin_query(context, exchange));
  QueryContext query{context.reader, run->tenant, run->at, run->budget, run->cancel};
  OBELISK_TRY(traceql::ServiceGraphResult graph,
              traceql::service_graph(query, parameters.get_or("q", "{}"), range,
                                     graph_rules_of(context, run->tenant)));
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
