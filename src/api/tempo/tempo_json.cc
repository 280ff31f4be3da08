#include "api/tempo/tempo_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/json_writer.h"
#include "wire/otlp_encode.h"

namespace obelisk::tempo {
namespace {

using traceql::NamedValue;
using traceql::ScanStatistics;
using traceql::StoredValue;
using traceql::ValueType;

std::string text_of(int64_t number) {
  return fmt::format("{}", number);
}
std::string text_of(uint64_t number) {
  return fmt::format("{}", number);
}

void write_value(JsonWriter& out, const StoredValue& value) {
  out.begin_object();
  switch (value.type) {
    case ValueType::integer:
      out.field("intValue", text_of(value.integer));
      break;
    case ValueType::floating:
      out.field("doubleValue", value.number);
      break;
    case ValueType::boolean:
      out.field("boolValue", value.integer != 0);
      break;
    default:
      out.field("stringValue", value_text(value.view()));
  }
  out.end_object();
}

void write_attributes(JsonWriter& out, const std::vector<NamedValue>& attributes) {
  out.begin_array();
  for (const auto& [name, value] : attributes) {
    out.begin_object().field("key", name).key("value");
    write_value(out, value);
    out.end_object();
  }
  out.end_array();
}

// The fields of tempopb.SearchMetrics and nothing else: Grafana refuses unknown ones in instant metrics.
void write_search_metrics(JsonWriter& out, const ScanStatistics& statistics) {
  out.begin_object();
  out.field("inspectedTraces", static_cast<uint32_t>(statistics.traces));
  out.field("inspectedBytes", text_of(statistics.bytes));
  out.field("inspectedSpans", text_of(statistics.spans));
  out.field("totalBlocks", 0).field("completedJobs", 1).field("totalJobs", 1);
  out.field("totalBlockBytes", "0");
  out.end_object();
}

void write_metadata_metrics(JsonWriter& out, const ScanStatistics& statistics) {
  out.key("metrics").begin_object();
  out.field("inspectedBytes", text_of(statistics.bytes)).field("totalJobs", 1).field("completedJobs", 1);
  out.end_object();
}

void write_spanset(JsonWriter& out, const traceql::FoundSpanset& spanset) {
  out.begin_object().key("spans").begin_array();
  for (const traceql::FoundSpan& span : spanset.spans) {
    out.begin_object();
    out.field("spanID", span.id.to_hex()).field("name", span.name);
    out.field("startTimeUnixNano", text_of(span.start.value)).field("durationNanos", text_of(span.duration));
    if (!span.attributes.empty()) {
      out.key("attributes");
      write_attributes(out, span.attributes);
    }
    out.end_object();
  }
  out.end_array();
  out.field("matched", static_cast<uint32_t>(spanset.matched));
  if (!spanset.attributes.empty()) {
    out.key("attributes");
    write_attributes(out, spanset.attributes);
  }
  out.end_object();
}

void write_trace(JsonWriter& out, const traceql::FoundTrace& trace) {
  out.begin_object();
  out.field("traceID", trace.id.to_hex());
  out.field("rootServiceName", trace.root_service).field("rootTraceName", trace.root_name);
  out.field("startTimeUnixNano", text_of(trace.start.value));
  out.field("durationMs", static_cast<uint32_t>(trace.duration / kNanosPerMilli));
  out.key("spanSet");  // clients older than spanSets read this one
  write_spanset(out, trace.spansets[0]);
  out.key("spanSets").begin_array();
  for (const traceql::FoundSpanset& spanset : trace.spansets) write_spanset(out, spanset);
  out.end_array();
  out.key("serviceStats").begin_object();
  for (const auto& [service, stats] : trace.services) {
    out.key(service).begin_object().field("spanCount", stats.span_count);
    if (stats.error_count != 0) out.field("errorCount", stats.error_count);
    out.end_object();
  }
  out.end_object().end_object();
}

void write_exemplars(JsonWriter& out, const traceql::MetricsSeries& series) {
  out.key("exemplars").begin_array();
  for (const traceql::MetricsExemplar& exemplar : series.exemplars) {
    if (std::isnan(exemplar.value)) continue;  // on a point that a second stage removed
    out.begin_object().key("labels");
    write_attributes(out, {{"trace:id", StoredValue::of_string(exemplar.trace_id.to_hex())}});
    out.field("value", exemplar.value).field("timestampMs", text_of(exemplar.time.to_millis())).end_object();
  }
  out.end_array();
}

void write_status(JsonWriter& out, const traceql::MetricsResult& result) {
  out.key("metrics");
  write_search_metrics(out, result.statistics);
  out.field("status", result.partial ? "PARTIAL" : "COMPLETE");
  if (!result.message.empty()) out.field("message", result.message);
}

}  // namespace

std::string trace_json(const std::vector<BatchPtr>& spans) {
  JsonWriter out;
  out.begin_object().key("batches");
  write_resource_spans_json(out, spans, OtlpJsonStyle::tempo);
  out.end_object();
  return out.take();
}

std::string trace_v2_json(const std::vector<BatchPtr>& spans, uint64_t inspected_bytes) {
  JsonWriter out;
  out.begin_object().key("trace").begin_object().key("resourceSpans");
  write_resource_spans_json(out, spans, OtlpJsonStyle::tempo);
  out.end_object();
  out.key("metrics").begin_object().field("inspectedBytes", text_of(inspected_bytes)).end_object();
  out.field("status", "COMPLETE");
  out.end_object();
  return out.take();
}

std::string search_json(const traceql::SearchResult& result) {
  JsonWriter out;
  out.begin_object().key("traces").begin_array();
  for (const traceql::FoundTrace& trace : result.traces) write_trace(out, trace);
  out.end_array().key("metrics");
  write_search_metrics(out, result.statistics);
  out.end_object();
  return out.take();
}

std::string metrics_range_json(const traceql::MetricsResult& result) {
  JsonWriter out;
  out.begin_object().key("series").begin_array();
  for (const traceql::MetricsSeries& series : result.series) {
    out.begin_object().key("labels");
    write_attributes(out, series.labels);
    out.key("samples").begin_array();
    for (size_t point = 0; point < series.values.size(); ++point) {
      if (std::isnan(series.values[point])) continue;
      int64_t time = result.first.value + static_cast<int64_t>(point) * result.step;
      out.begin_object();
      out.field("timestampMs", text_of(time / kNanosPerMilli)).field("value", series.values[point]);
      out.end_object();
    }
    out.end_array();
    if (!series.exemplars.empty()) write_exemplars(out, series);
    out.end_object();
  }
  out.end_array();
  write_status(out, result);
  out.end_object();
  return out.take();
}

std::string metrics_instant_json(const traceql::MetricsResult& result) {
  JsonWriter out;
  out.begin_object().key("series").begin_array();
  for (const traceql::MetricsSeries& series : result.series) {
    if (std::isnan(series.values[0])) continue;
    out.begin_object().key("labels");
    write_attributes(out, series.labels);
    out.field("value", series.values[0]).end_object();
  }
  out.end_array();
  write_status(out, result);
  out.end_object();
  return out.take();
}

std::vector<std::string> all_tag_names(const std::vector<traceql::TagScope>& scopes) {
  std::vector<std::string> names;
  for (const traceql::TagScope& scope : scopes)
    names.insert(names.end(), scope.tags.begin(), scope.tags.end());
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::string tag_names_json(const std::vector<traceql::TagScope>& scopes, const ScanStatistics& statistics) {
  JsonWriter out;
  out.begin_object().key("tagNames").begin_array();
  for (const std::string& name : all_tag_names(scopes)) out.value(name);
  out.end_array();
  write_metadata_metrics(out, statistics);
  out.end_object();
  return out.take();
}

std::string tag_scopes_json(const std::vector<traceql::TagScope>& scopes, const ScanStatistics& statistics) {
  JsonWriter out;
  out.begin_object().key("scopes").begin_array();
  for (const traceql::TagScope& scope : scopes) {
    out.begin_object().field("name", scope.name).key("tags").begin_array();
    for (const std::string& tag : scope.tags) out.value(tag);
    out.end_array().end_object();
  }
  out.end_array();
  write_metadata_metrics(out, statistics);
  out.end_object();
  return out.take();
}

std::string tag_values_json(const std::vector<traceql::TagValue>& values, const ScanStatistics& statistics) {
  JsonWriter out;
  out.begin_object().key("tagValues").begin_array();
  for (const traceql::TagValue& value : values) out.value(value.value);
  out.end_array();
  write_metadata_metrics(out, statistics);
  out.end_object();
  return out.take();
}

namespace {

// Appends the elements of the array.
void append_typed_tag_values(const std::vector<traceql::TagValue>& values, bool with_counts,
                             std::string& list) {
  for (size_t i = 0; i < values.size(); ++i) {
    const traceql::TagValue& value = values[i];
    list += i == 0 ? "{\"type\":\"" : ",{\"type\":\"";
    list += value.type;
    list += "\",\"value\":";
    append_json_string(list, value.value);
    if (with_counts) fmt::format_to(std::back_inserter(list), ",\"count\":\"{}\"", value.count);
    list += '}';
  }
}

}  // namespace

std::string typed_tag_values_json(const std::vector<traceql::TagValue>& values, bool with_counts,
                                  const ScanStatistics& statistics) {
  JsonWriter frame;
  frame.begin_object().key("tagValues").begin_array();
  size_t place = frame.text().size();
  frame.end_array();
  write_metadata_metrics(frame, statistics);
  frame.end_object();
  std::string around = frame.take();
  // There may be a million values: they are written once, where they are wanted.
  size_t bytes = around.size();
  for (const traceql::TagValue& value : values) bytes += value.value.size() + 32 + (with_counts ? 24 : 0);
  std::string out;
  out.reserve(bytes);
  out.append(around, 0, place);
  append_typed_tag_values(values, with_counts, out);
  return out.append(around, place);
}

}  // namespace obelisk::tempo
