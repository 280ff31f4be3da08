// Elasticsearch's bulk API and what Filebeat, Fluent Bit, Vector and Logstash ask around it. 200 with a
// result for every item (201, or 400 with its reason); 400 for a request that is no bulk request; 429 and 503
// when trying again helps. Index templates, lifecycle policies and pipelines are acknowledged and have no
// effect: every field is searchable without them.
#include <fmt/format.h>

#include "api/push/push_api.h"
#include "api/push/push_request.h"
#include "api/request/response.h"
#include "base/json_writer.h"
#include "pipeline/pipeline.h"
#include "wire/elastic_bulk.h"

namespace obelisk {
namespace {

constexpr std::string_view kEndpoint = "elastic_bulk";
// The version whose API this follows: shippers choose features by it, and refuse servers older than they are.
constexpr std::string_view kVersion = "8.17.0";

HttpResponse elastic_json(std::string body, int status = 200) {
  HttpResponse response = typed_response("application/json", std::move(body), status);
  response.headers.emplace_back("x-elastic-product", "Elasticsearch");
  return response;
}

// {"error":{"root_cause":[],"type":"","reason":""},"status":400}
void fail(HttpExchange& exchange, int status, std::string_view type, const Error& error) {
  JsonWriter out;
  out.begin_object().key("error").begin_object().key("root_cause").begin_array().end_array();
  out.field("type", type).field("reason", error.message).end_object().field("status", status).end_object();
  HttpResponse response = elastic_json(out.take(), status);
  if (int seconds = retry_after_seconds(error.code); seconds > 0)
    response.headers.emplace_back("retry-after", std::to_string(seconds));
  answer_push(exchange, kEndpoint, std::move(response));
}

void fail(HttpExchange& exchange, const Error& error) {
  int status = error.code == ErrorCode::corrupt ? 400 : http_status_of(error.code);
  std::string_view type = status == 429   ? "es_rejected_execution_exception"
                          : status >= 500 ? "unavailable_shards_exception"
                                          : "illegal_argument_exception";
  fail(exchange, status, type, error);
}

void write_item(JsonWriter& out, const BulkItem& item, std::string_view refusal) {
  out.begin_object().key(item.action).begin_object().field("_index", item.index);
  out.key("_id");
  if (item.id.empty())
    out.null();
  else
    out.value(item.id);
  if (refusal.empty()) {
    out.field("_version", 1).field("result", "created");
    out.key("_shards")
        .begin_object()
        .field("total", 1)
        .field("successful", 1)
        .field("failed", 0)
        .end_object();
    out.field("_seq_no", 0).field("_primary_term", 1).field("status", 201);
  } else {
    out.field("status", 400).key("error").begin_object();
    out.field("type", "document_parsing_exception").field("reason", refusal).end_object();
  }
  out.end_object().end_object();
}

void finish(HttpExchange& exchange, const DecodedBulk& decoded, const Result<IntakeOutcome>& outcome) {
  if (!outcome.ok()) return fail(exchange, outcome.error());
  JsonWriter out;
  out.begin_object().field("took", 0);
  out.field("errors", decoded.failed_items + outcome->rejected_rows > 0).key("items").begin_array();
  uint64_t row = 0;
  auto rejected = outcome->rejected.begin();
  for (const BulkItem& item : decoded.items) {
    std::string_view refusal = item.error;
    if (refusal.empty()) {  // it became a row
      bool refused = rejected != outcome->rejected.end() && *rejected == row;
      if (refused) {
        refusal = outcome->message;
        ++rejected;
      }
      ++row;
    }
    write_item(out, item, refusal);
  }
  out.end_array().end_object();
  answer_push(exchange, kEndpoint, elastic_json(out.take()));
}

void handle(ApiContext& context, const HttpExchangePtr& exchange, std::string_view index) {
  Result<Tenant> tenant = tenant_of(context, exchange->request());
  if (!tenant.ok()) return fail(*exchange, tenant.error());
  Result<std::string> body = take_body(context, exchange->request());
  if (!body.ok()) return fail(*exchange, body.error());
  Result<DecodedBulk> decoded = decode_elastic_bulk(*body, index, context.clock.now(), *context.log_mapping);
  if (!decoded.ok()) return fail(*exchange, decoded.error());
  std::vector<Batch> batches = std::move(decoded->batches);
  auto rest = std::make_shared<const DecodedBulk>(std::move(*decoded));
  if (batches.empty()) return finish(*exchange, *rest, IntakeOutcome());
  context.pipeline.write(*tenant, std::move(batches), [exchange, rest](Result<IntakeOutcome> outcome) {
    finish(*exchange, *rest, outcome);
  });
}

void answer(const HttpExchangePtr& exchange, std::string body, int status = 200) {
  exchange->respond(elastic_json(std::move(body), status));
}

void add_answer(Router& router, std::string_view method, const std::string& path, std::string body) {
  router.add(method, path, [body = std::move(body)](HttpExchangePtr exchange, const PathParameters&) {
    answer(exchange, body);
  });
}

void register_below(Router& router, ApiContext& context, const std::string& root) {
  router.add("POST", root + "/_bulk",
             [&context](HttpExchangePtr exchange, const PathParameters&) { handle(context, exchange, ""); });
  router.add("PUT", root + "/_bulk",
             [&context](HttpExchangePtr exchange, const PathParameters&) { handle(context, exchange, ""); });
  for (std::string_view method : {"POST", "PUT"}) {
    router.add(method, root + "/{index}/_bulk",
               [&context](HttpExchangePtr exchange, const PathParameters& path) {
                 handle(context, exchange, path.get("index"));
               });
  }
  add_answer(router, "GET", root + "/_license",
             R"({"license":{"status":"active","uid":"obelisk","type":"basic","mode":"basic"}})");
  add_answer(router, "GET", root + "/_xpack",
             R"({"license":{"type":"basic","mode":"basic","status":"active"},"features":{}})");
  add_answer(
      router, "GET", root + "/_cluster/health",
      R"({"cluster_name":"obelisk","status":"green","timed_out":false,"number_of_nodes":1,"number_of_data_nodes":1})");
  add_answer(router, "GET", root + "/_nodes/http", R"({"cluster_name":"obelisk","nodes":{}})");
  // What shippers install before they send, and look for first.
  for (const char* kind : {"/_ilm/policy", "/_index_template", "/_component_template", "/_template",
                           "/_ingest/pipeline", "/_data_stream"}) {
    add_answer(router, "GET", root + kind + "/{name}", "{}");
    add_answer(router, "PUT", root + kind + "/{name}", R"({"acknowledged":true})");
  }
}

}  // namespace

HttpResponse elastic_greeting() {
  JsonWriter out;
  out.begin_object()
      .field("name", "obelisk")
      .field("cluster_name", "obelisk")
      .field("cluster_uuid", "obelisk");
  out.key("version").begin_object().field("number", kVersion).field("build_flavor", "default");
  out.field("build_type", "obelisk").field("build_snapshot", false).field("lucene_version", "9.12.0");
  out.field("minimum_wire_compatibility_version", "7.17.0");
  out.field("minimum_index_compatibility_version", "7.0.0").end_object();
  out.field("tagline", "You Know, for Search").end_object();
  return elastic_json(out.take());
}

bool expects_elastic(const HttpRequest& request) {
  std::string_view accept = request.header("accept");
  return accept.find("application/json") != std::string_view::npos ||
         accept.find("application/vnd.elasticsearch") != std::string_view::npos;
}

void register_elastic_bulk(Router& router, ApiContext& context) {
  register_below(router, context, "");
  register_below(router, context, "/elasticsearch");
  for (const char* path : {"/elasticsearch", "/elasticsearch/"}) {
    router.add("GET", path, [](HttpExchangePtr exchange, const PathParameters&) {
      exchange->respond(elastic_greeting());
    });
  }
}

}  // namespace obelisk
