// Beyond Prometheus: what a query costs and why its result is empty, and what makes the series of this store.
#include <algorithm>

#include "api/prometheus/handlers.h"
#include "api/prometheus/result_json.h"
#include "base/text.h"
#include "query/promql/explain.h"
#include "query/promql/parser.h"

namespace obelisk::prometheus_api {
namespace {

constexpr uint64_t kGroupsMax = 10'000;

void write_strings(JsonWriter& json, std::string_view key, const std::vector<std::string>& texts) {
  json.key(key).begin_array();
  for (const std::string& text : texts) json.value(text);
  json.end_array();
}

void write_node(JsonWriter& json, const ExplainedNode& node) {
  json.begin_object().field("expression", node.expression).field("kind", node.kind);
  json.field("seconds", node.seconds).field("ownSeconds", node.own_seconds);
  json.field("seriesRead", node.series_read).field("samplesRead", node.samples_read);
  json.field("series", node.series).field("points", node.points);
  write_strings(json, "notes", node.notes);
  json.key("operands").begin_array();
  for (const ExplainedNode& operand : node.operands) write_node(json, operand);
  json.end_array().end_object();
}

}  // namespace

void write_explanation(JsonWriter& json, const Explanation& explanation) {
  write_strings(json, "whyEmpty", explanation.why_empty);
  json.key("nodes").begin_array();
  for (const ExplainedNode& node : explanation.nodes) write_node(json, node);
  json.end_array();
}

// query, and either time or start, end and step.
Result<Answer> handle_explain(ApiCall& call, const PathParameters&) {
  OBELISK_TRY(int64_t step, duration_of(call.parameters, "step", 0));
  OBELISK_TRY(UnixNanos time, time_of(call.parameters, "time", call.service.context.clock.now()));
  UnixNanos end = time;
  if (step != 0) {
    OBELISK_TRY(time, required_time_of(call.parameters, "start"));
    OBELISK_TRY(end, required_time_of(call.parameters, "end"));
    if (step < kNanosPerMilli) return invalid_parameter("step", "zero or negative step");
  }
  OBELISK_TRY(std::shared_ptr<QueryRun> run, call.begin());
  OBELISK_TRY(PromqlOptions options, promql_options_of(call));
  Result<Explanation> explanation =
      explain_query(options, call.query_context(*run), call.parameters.get_or("query", ""), time, end, step);
  if (!explanation.ok()) {
    if (explanation.error().code != ErrorCode::parse_error) return explanation.error();
    return invalid_parameter("query", promql::parse_error_text(explanation.error()));
  }
  JsonWriter json;
  json.begin_object().field("resultType", promql_type_name(explanation->type));
  json.field("samplesRead", explanation->stats.samples).field("seriesRead", explanation->stats.series);
  json.field("complete", explanation->stats.complete);
  write_tiers(json, explanation->stats.tiers);
  write_explanation(json, *explanation);
  json.end_object();
  return Answer{json.take(), explanation->annotations.warnings, explanation->annotations.infos};
}

// by (label names apart by commas, default __name__), match[], start, end, limit.
Result<Answer> handle_cardinality(ApiCall& call, const PathParameters&) {
  CardinalityQuery query;
  OBELISK_TRY(query.range, range_of(call.parameters));
  OBELISK_TRY(query.where, selection_of(call.parameters));
  OBELISK_TRY(uint64_t limit, limit_of(call.parameters));
  if (limit > kGroupsMax) return invalid_parameter("limit", "limit must not exceed 10000");
  if (limit != 0) query.limit = limit;
  if (std::string_view by = call.parameters.get_or("by", ""); !by.empty()) {
    query.by.clear();
    while (!by.empty()) {
      size_t end = std::min(by.find(','), by.size());
      std::string_view label = trim(by.substr(0, end));
      if (label.empty() || !is_valid_utf8(label)) return invalid_parameter("by", "expected label names");
      query.by.emplace_back(label);
      by.remove_prefix(std::min(by.size(), end + 1));
    }
  }
  OBELISK_TRY(std::shared_ptr<QueryRun> run, call.begin());
  OBELISK_TRY(CardinalityReport report, call.service.context.reader.cardinality(run->at, query, run->cancel));
  JsonWriter json;
  json.begin_object().field("series", report.series).field("samples", report.samples);
  json.field("labelPairs", report.label_pairs);
  json.field("firstSeen", format_rfc3339(report.first_seen.value));
  json.field("lastSeen", format_rfc3339(report.last_seen.value));
  write_strings(json, "by", query.by);
  json.key("groups").begin_array();
  for (const CardinalityReport::Group& group : report.groups) {
    json.begin_object();
    write_strings(json, "values", group.values);
    json.field("series", group.series).field("samples", group.samples).field("bytes", group.bytes);
    json.field("firstSeen", format_rfc3339(group.first_seen.value));
    json.field("lastSeen", format_rfc3339(group.last_seen.value)).end_object();
  }
  json.end_array().key("labels").begin_array();
  for (const CardinalityReport::LabelName& name : report.names) {
    json.begin_object().field("name", name.name).field("values", name.values);
    json.field("series", name.series).field("bytes", name.text_bytes).end_object();
  }
  json.end_array().key("pairs").begin_array();
  for (const CardinalityReport::LabelPair& pair : report.pairs) {
    json.begin_object().field("name", pair.name).field("value", pair.value);
    json.field("series", pair.series).end_object();
  }
  json.end_array().end_object();
  return Answer{json.take(), {}, {}};
}

}  // namespace obelisk::prometheus_api
