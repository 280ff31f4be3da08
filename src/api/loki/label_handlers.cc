// labels, label values, series, detected_labels.
#include <map>
#include <set>

#include "api/loki/loki_call.h"
#include "api/loki/loki_handlers.h"
#include "api/loki/loki_json.h"
#include "api/loki/stream_lookup.h"

namespace obelisk::loki {
namespace {

constexpr int64_t kSixHours = 6 * 3600 * kNanosPerSecond;

// The streams of the request's range that fit its `query`, all when there is none.
Result<std::vector<Labels>> requested_streams(LokiCall& call) {
  OBELISK_TRY(TimeRange range, range_of(call.parameters, call.api.clock.now(), kSixHours));
  return find_streams(call, call.parameters.get_or("query", ""), range);
}

Result<HttpResponse> label_names(LokiCall& call, const PathParameters&) {
  OBELISK_TRY(std::vector<Labels> streams, requested_streams(call));
  std::set<std::string> names;
  for (const Labels& stream : streams) {
    for (const Label& label : stream) names.insert(label.name);
  }
  return json_response(list_answer({names.begin(), names.end()}));
}

Result<HttpResponse> label_values(LokiCall& call, const PathParameters& path) {
  const std::string& name = path.get("name");
  OBELISK_TRY(std::vector<Labels> streams, requested_streams(call));
  std::set<std::string> values;
  for (const Labels& stream : streams) {
    if (std::string_view value = stream.get(name); !value.empty()) values.emplace(value);
  }
  return json_response(list_answer({values.begin(), values.end()}));
}

Result<HttpResponse> series(LokiCall& call, const PathParameters&) {
  OBELISK_TRY(TimeRange range, range_of(call.parameters, call.api.clock.now(), kSixHours));
  std::vector<std::string_view> selectors = call.parameters.get_all("match[]");
  if (selectors.empty()) selectors = call.parameters.get_all("match");
  if (selectors.empty()) selectors.push_back("{}");
  std::set<Labels> found;
  for (std::string_view selector : selectors) {
    OBELISK_TRY(std::vector<Labels> streams, find_streams(call, selector, range));
    found.insert(std::make_move_iterator(streams.begin()), std::make_move_iterator(streams.end()));
  }
  JsonWriter out;
  out.begin_object().field("status", "success").key("data").begin_array();
  for (const Labels& labels : found) write_labels(out, labels);
  out.end_array().end_object();
  return json_response(out.take());
}

Result<HttpResponse> detected_labels(LokiCall& call, const PathParameters&) {
  OBELISK_TRY(std::vector<Labels> streams, requested_streams(call));
  std::map<std::string, std::set<std::string>> values;
  for (const Labels& stream : streams) {
    for (const Label& label : stream) values[label.name].insert(label.value);
  }
  JsonWriter out;
  out.begin_object().key("detectedLabels").begin_array();
  for (const auto& [name, distinct] : values) {
    out.begin_object()
        .field("label", name)
        .field("cardinality", static_cast<uint64_t>(distinct.size()))
        .end_object();
  }
  out.end_array().end_object();
  return json_response(out.take());
}

}  // namespace

void register_label_routes(Router& router, ApiContext& context) {
  add_query_route(router, context, "/loki/api/v1/labels", label_names);
  add_query_route(router, context, "/loki/api/v1/label", label_names);
  add_query_route(router, context, "/loki/api/v1/label/{name}/values", label_values);
  add_query_route(router, context, "/loki/api/v1/series", series);
  add_query_route(router, context, "/loki/api/v1/detected_labels", detected_labels);
}

}  // namespace obelisk::loki
