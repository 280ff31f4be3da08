#include "api/tempo/tempo_api.h"

#include "api/tempo/tempo_call.h"
#include "api/tempo/tempo_handlers.h"
#include "base/json_writer.h"

namespace obelisk {
namespace {

// Grafana reads the version to decide which of Tempo's features it may use; ours stands behind the plus sign.
constexpr std::string_view kTempoVersion = "3.0.0";

HttpResponse build_information(const ApiContext& context) {
  JsonWriter out;
  out.begin_object();
  out.field("version", std::string(kTempoVersion) + "+obelisk." + context.version);
  out.field("revision", context.revision).field("branch", "").field("buildUser", "").field("buildDate", "");
  out.field("goVersion", "");
  out.end_object();
  return tempo::json_response(out.take());
}

}  // namespace

void register_tempo_api(Router& router, GrpcRouter& grpc_router, ApiContext& context,
                        TempoOverrides overrides) {
  tempo::register_trace_routes(router, context);
  tempo::register_search_routes(router, context);
  tempo::register_tag_routes(router, context);
  tempo::register_metrics_routes(router, context);
  tempo::register_mcp(router, context);
  tempo::register_streaming_querier(grpc_router, context);
  router.add("GET", "/api/echo", [](HttpExchangePtr exchange, const PathParameters&) {
    exchange->respond(text_response(200, "echo"));
  });
  router.add("GET", "/api/status/buildinfo", [&context](HttpExchangePtr exchange, const PathParameters&) {
    exchange->respond(build_information(context));
  });
  if (overrides.store != nullptr) tempo::register_overrides(router, context, std::move(overrides));
}

}  // namespace obelisk
