// The queries that run, with what they have read, and a way to end one of them.
#include <fmt/format.h>

#include "api/obelisk/obelisk_handlers.h"
#include "api/obelisk/own_answer.h"
#include "base/json_writer.h"
#include "base/text.h"

namespace obelisk {
namespace {

void write_query(JsonWriter& out, const RunningQuery& query) {
  out.begin_object().field("id", query.id).field("tenant", query.tenant);
  out.field("language", query_language_of(query.path)).field("path", query.path).field("query", query.text);
  out.field("elapsedSeconds", query.elapsed_seconds);
  out.field("rowsRead", fmt::format("{}", query.read.rows));
  out.field("bytesRead", fmt::format("{}", query.read.bytes));
  out.field("rowsPriced", fmt::format("{}", query.priced.rows));
  out.field("bytesPriced", fmt::format("{}", query.priced.bytes));
  out.field("memoryBytes", fmt::format("{}", query.memory_bytes)).end_object();
}

Result<std::string> list(const ApiContext& context, const HttpExchangePtr& exchange) {
  OBELISK_TRY(Tenant tenant, tenant_of(context, exchange->request()));
  OBELISK_TRY(Parameters parameters, parameters_of(exchange->request()));
  std::optional<std::string_view> wanted = parameters.get("id");
  JsonWriter out;
  out.begin_object().key("queries").begin_array();
  for (const RunningQuery& query : context.queries->list(tenant)) {
    if (!wanted || query.id == *wanted) write_query(out, query);
  }
  out.end_array().end_object();
  return out.take();
}

Result<std::string> cancel(const ApiContext& context, const HttpExchangePtr& exchange,
                           const PathParameters& path) {
  OBELISK_TRY(Tenant tenant, tenant_of(context, exchange->request()));
  const std::string& id = path.get("id");
  if (!context.queries->cancel(tenant, id)) {
    return make_error(ErrorCode::not_found, fmt::format("no query {} is running; it may have ended",
                                                        replace_invalid_utf8(id.substr(0, 100))));
  }
  JsonWriter out;
  out.begin_object().field("id", id).field("cancelled", true).end_object();
  return out.take();
}

}  // namespace

void register_query_control(Router& router, ApiContext& context) {
  router.add("GET", "/obelisk/api/v1/queries", [&context](HttpExchangePtr exchange, const PathParameters&) {
    respond_own(exchange, list(context, exchange));
  });
  router.add("DELETE", "/obelisk/api/v1/queries/{id}",
             [&context](HttpExchangePtr exchange, const PathParameters& path) {
               respond_own(exchange, cancel(context, exchange, path));
             });
}

}  // namespace obelisk
