// labels, label values, series, detected_labels.
#include <algorithm>

#include "api/loki/loki_call.h"
#include "api/loki/loki_handlers.h"
#include "api/loki/loki_json.h"
#include "api/loki/stream_lookup.h"

namespace obelisk::loki {
namespace {

constexpr int64_t kSixHours = 6 * 3600 * kNanosPerSecond;

// Of the streams of the request's range that fit its `query`, all when there is none: the values of a label,
// or with the label "" the names of labels. Not by way of the streams: a label may have a million values.
Result<std::vector<ValueCount>> values_of(LokiCall& call, const std::string& name) {
  OBELISK_TRY(TimeRange range, range_of(call, kSixHours));
  OBELISK_TRY(std::vector<logql::Matcher> matchers, selector_matchers(call.parameters.get_or("query", "")));
  OBELISK_TRY(Scan scan, stream_scan(call, matchers, range));
  return call.api.reader.values(call.run->at, scan, label_column(name), 0, call.run->cancel);
}

void write_values(JsonWriter& out, const std::vector<ValueCount>& values) {
  for (const ValueCount& value : values) out.value(value.value);
}

HttpResponse values_answer(const std::vector<ValueCount>& values) {
  JsonWriter out;
  out.begin_object().field("status", "success").key("data").begin_array();
  write_values(out, values);
  out.end_array().end_object();
  return json_response(out.take());
}

Result<HttpResponse> label_names(LokiCall& call, const PathParameters&) {
  OBELISK_TRY(std::vector<ValueCount> names, values_of(call, ""));
  return values_answer(names);
}

Result<HttpResponse> label_values(LokiCall& call, const PathParameters& path) {
  OBELISK_TRY(std::vector<ValueCount> values, values_of(call, path.get("name")));
  return values_answer(values);
}

// {"values":[...]}: the shape of the API before v1.
HttpResponse old_answer(const std::vector<ValueCount>& values) {
  JsonWriter out;
  out.begin_object().key("values").begin_array();
  write_values(out, values);
  out.end_array().end_object();
  return json_response(out.take());
}

Result<HttpResponse> old_label_names(LokiCall& call, const PathParameters&) {
  OBELISK_TRY(std::vector<ValueCount> names, values_of(call, ""));
  return old_answer(names);
}

Result<HttpResponse> old_label_values(LokiCall& call, const PathParameters& path) {
  OBELISK_TRY(std::vector<ValueCount> values, values_of(call, path.get("name")));
  return old_answer(values);
}

Result<HttpResponse> series(LokiCall& call, const PathParameters&) {
  OBELISK_TRY(TimeRange range, range_of(call, kSixHours));
  std::vector<std::string_view> selectors = call.parameters.get_all("match[]");
  if (selectors.empty()) selectors = call.parameters.get_all("match");
  if (selectors.empty()) selectors.push_back("{}");
  Scan streams;
  std::vector<Expr> any;  // a stream that several selectors name is told once
  for (std::string_view selector : selectors) {
    OBELISK_TRY(std::vector<logql::Matcher> matchers, selector_matchers(selector));
    OBELISK_TRY(streams, stream_scan(call, matchers, range));
    any.push_back(streams.where);
  }
  streams.where = any.size() == 1 ? any[0] : Expr::any_of(std::move(any));
  std::string text = R"({"status":"success","data":[)";
  OBELISK_CHECK_OK(visit_streams(call, streams, [&](const std::vector<Labels>& page, size_t pages_left) {
    size_t before = text.size();
    for (const Labels& labels : page) {
      JsonWriter out;
      write_labels(out, labels);
      if (text.back() != '[') text += ',';
      text += out.text();
    }
    // Grown by doubling, the text of a million streams would be there three times.
    if (pages_left > 0 && text.capacity() < text.size() + pages_left * (text.size() - before))
      text.reserve(text.size() + (pages_left + 1) * (text.size() - before));
  }));
  text += "]}";
  return json_response(std::move(text));
}

Result<HttpResponse> detected_labels(LokiCall& call, const PathParameters&) {
  OBELISK_TRY(std::vector<ValueCount> names, values_of(call, ""));
  JsonWriter out;
  out.begin_object().key("detectedLabels").begin_array();
  for (const ValueCount& name : names)
    out.begin_object().field("label", name.value).field("cardinality", name.count).end_object();
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
