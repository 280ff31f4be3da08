// labels, label values, series, detected_labels.
#include <algorithm>
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

Result<std::vector<std::string>> names_of(LokiCall& call) {
  OBELISK_TRY(std::vector<Labels> streams, requested_streams(call));
  std::set<std::string, std::less<>> names;
  for (const Labels& stream : streams) {
    for (const Label& label : stream) {
      if (!names.contains(label.name)) names.insert(label.name);
    }
  }
  return std::vector<std::string>(names.begin(), names.end());
}

// Not by way of the streams: a label may have a million values.
Result<std::vector<ValueCount>> values_of(LokiCall& call, const std::string& name) {
  OBELISK_TRY(TimeRange range, range_of(call.parameters, call.api.clock.now(), kSixHours));
  OBELISK_TRY(std::vector<logql::Matcher> matchers, selector_matchers(call.parameters.get_or("query", "")));
  OBELISK_TRY(Scan scan, stream_scan(call, matchers, range));
  return call.api.reader.values(call.run->at, scan, label_column(name), 0, call.run->cancel);
}

void write_values(JsonWriter& out, const std::vector<ValueCount>& values) {
  for (const ValueCount& value : values) out.value(value.value);
}

void write_values(JsonWriter& out, const std::vector<std::string>& values) {
  for (const std::string& value : values) out.value(value);
}

Result<HttpResponse> label_names(LokiCall& call, const PathParameters&) {
  OBELISK_TRY(std::vector<std::string> names, names_of(call));
  return json_response(list_answer(names));
}

Result<HttpResponse> label_values(LokiCall& call, const PathParameters& path) {
  OBELISK_TRY(std::vector<ValueCount> values, values_of(call, path.get("name")));
  JsonWriter out;
  out.begin_object().field("status", "success").key("data").begin_array();
  write_values(out, values);
  out.end_array().end_object();
  return json_response(out.take());
}

// {"values":[...]}: the shape of the API before v1.
template <typename Values>
HttpResponse old_answer(const Values& values) {
  JsonWriter out;
  out.begin_object().key("values").begin_array();
  write_values(out, values);
  out.end_array().end_object();
  return json_response(out.take());
}

Result<HttpResponse> old_label_names(LokiCall& call, const PathParameters&) {
  OBELISK_TRY(std::vector<std::string> names, names_of(call));
  return old_answer(names);
}

Result<HttpResponse> old_label_values(LokiCall& call, const PathParameters& path) {
  OBELISK_TRY(std::vector<ValueCount> values, values_of(call, path.get("name")));
  return old_answer(values);
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
  // The API before v1, where its answers can be told from the new ones by their shape alone.
  add_query_route(router, context, "/api/prom/label", old_label_names);
  add_query_route(router, context, "/api/prom/label/{name}/values", old_label_values);
  add_query_route(router, context, "/api/prom/series", series);
}

}  // namespace obelisk::loki
