// detected_fields and detected_field/{name}/values.
#include "api/loki/loki_call.h"
#include "api/loki/loki_handlers.h"
#include "api/loki/loki_json.h"
#include "query/logql/detected_fields.h"
#include "query/logql/pipeline.h"

namespace obelisk::loki {
namespace {

constexpr int64_t kHour = 3600 * kNanosPerSecond;
constexpr uint64_t kLineLimitMax = 5'000;

Result<std::map<std::string, logql::DetectedField>> fields_of(LokiCall& call) {
  OBELISK_TRY(std::string_view text, query_text_of(call.parameters));
  OBELISK_TRY(logql::Query query, logql::parse_and_check(text));
  if (!query.is_log()) return make_error(ErrorCode::invalid_argument, "only log selector is supported");
  logql::RangeRequest request;
  request.now = call.api.clock.now();
  OBELISK_TRY(TimeRange range, range_of(call, kHour));
  request.start = range.begin;
  request.end = range.end;
  OBELISK_TRY(request.limit, count_of(call.parameters, "line_limit", 100, kLineLimitMax));
  QueryContext context = call.query_context();
  return logql::detect_fields(context, query.selector, request);
}

// The parameter is `limit`, in older clients `field_limit`.
Result<uint64_t> field_limit_of(const LokiCall& call) {
  OBELISK_TRY(uint64_t old_name, count_of(call.parameters, "field_limit", 1000, 10'000));
  return count_of(call.parameters, "limit", old_name, 10'000);
}

Result<HttpResponse> detected_fields(LokiCall& call, const PathParameters&) {
  OBELISK_TRY(uint64_t limit, field_limit_of(call));
  OBELISK_TRY(auto fields, fields_of(call));
  JsonWriter out;
  out.begin_object().key("fields").begin_array();
  uint64_t written = 0;
  for (const auto& [name, field] : fields) {
    if (written++ == limit) break;
    out.begin_object().field("label", name).field("type", field.type);
    out.field("cardinality", static_cast<uint64_t>(field.values.size())).key("parsers");
    if (field.parsers.empty()) {
      out.null();
    } else {
      out.begin_array();
      for (const std::string& parser : field.parsers) out.value(parser);
      out.end_array();
    }
    if (!field.json_path.empty()) {
      out.key("jsonPath").begin_array();
      for (const std::string& key : field.json_path) out.value(key);
      out.end_array();
    }
    out.end_object();
  }
  out.end_array().field("limit", limit).end_object();
  return json_response(out.take());
}

Result<HttpResponse> detected_field_values(LokiCall& call, const PathParameters& path) {
  OBELISK_TRY(uint64_t limit, field_limit_of(call));
  OBELISK_TRY(auto fields, fields_of(call));
  JsonWriter out;
  out.begin_object().key("values").begin_array();
  uint64_t written = 0;
  if (auto field = fields.find(path.get("name")); field != fields.end()) {
    for (const std::string& value : field->second.values) {
      if (written++ == limit) break;
      out.value(value);
    }
  }
  out.end_array().field("limit", limit).end_object();
  return json_response(out.take());
}

}  // namespace

void register_field_routes(Router& router, ApiContext& context) {
  add_query_route(router, context, "/loki/api/v1/detected_fields", detected_fields);
  add_query_route(router, context, "/loki/api/v1/detected_field/{name}/values", detected_field_values);
}

}  // namespace obelisk::loki
