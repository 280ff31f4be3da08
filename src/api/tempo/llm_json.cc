#include "api/tempo/llm_json.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <map>

#include "base/json_writer.h"
#include "base/text.h"
#include "wire/otlp_encode.h"

namespace obelisk::tempo {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

std::string_view text_at(const element& of, std::string_view key) {
  std::string_view text;
  return of.at_key(key).get(text) == simdjson::SUCCESS ? text : std::string_view();
}

std::vector<element> items_at(const element& of, std::string_view key) {
  array items;
  if (of.at_key(key).get(items) != simdjson::SUCCESS) return {};
  return {items.begin(), items.end()};
}

bool has_items(const element& of, std::string_view key) {
  array items;
  return of.at_key(key).get(items) == simdjson::SUCCESS && items.size() > 0;
}

void write_attributes(const element& of, JsonWriter& out, std::string_view key = "attributes",
                      std::string_view but = {});

void write_any(const element& value, JsonWriter& out) {
  element inner;
  if (value.at_key("stringValue").get(inner) == simdjson::SUCCESS ||
      value.at_key("boolValue").get(inner) == simdjson::SUCCESS ||
      value.at_key("doubleValue").get(inner) == simdjson::SUCCESS) {
    out.raw(simdjson::minify(inner));
  } else if (std::string_view number = text_at(value, "intValue"); parse_int64(number)) {
    out.raw(number);
  } else if (value.at_key("bytesValue").get(inner) == simdjson::SUCCESS) {
    out.value(text_at(value, "bytesValue"));  // base64
  } else if (value.at_key("arrayValue").get(inner) == simdjson::SUCCESS) {
    out.begin_array();
    for (element item : items_at(inner, "values")) write_any(item, out);
    out.end_array();
  } else if (value.at_key("kvlistValue").get(inner) == simdjson::SUCCESS) {
    out.begin_object();
    for (element entry : items_at(inner, "values")) {
      element held;
      out.key(text_at(entry, "key"));
      entry.at_key("value").get(held) == simdjson::SUCCESS ? write_any(held, out) : void(out.null());
    }
    out.end_object();
  } else {
    out.null();
  }
}

// A list of keys and values as members of an object; nothing when there is none.
void write_attributes(const element& of, JsonWriter& out, std::string_view key, std::string_view but) {
  bool any = false;
  for (element entry : items_at(of, "attributes")) {
    std::string_view name = text_at(entry, "key");
    element value;
    if (name == but || entry.at_key("value").get(value) != simdjson::SUCCESS) continue;
    if (!any) out.key(key).begin_object();
    any = true;
    out.key(name);
    write_any(value, out);
  }
  if (any) out.end_object();
}

void write_event(const element& event, JsonWriter& out) {
  out.begin_object().field("name", text_at(event, "name"));
  out.field("timeUnixNano", text_at(event, "timeUnixNano"));
  write_attributes(event, out);
  out.end_object();
}

void write_link(const element& link, JsonWriter& out) {
  out.begin_object().field("traceId", text_at(link, "traceId")).field("spanId", text_at(link, "spanId"));
  write_attributes(link, out);
  out.end_object();
}

template <typename Write>
void write_items(const element& of, std::string_view key, JsonWriter& out, Write&& write) {
  if (!has_items(of, key)) return;
  out.key(key).begin_array();
  for (element item : items_at(of, key)) write(item, out);
  out.end_array();
}

// Enumerations of OTLP JSON are numbers or names.
std::string enum_at(const element& of, std::string_view key, std::initializer_list<std::string_view> names) {
  int64_t number = 0;
  if (of.at_key(key).get(number) == simdjson::SUCCESS && number >= 0 &&
      number < static_cast<int64_t>(names.size()))
    return std::string(names.begin()[number]);
  std::string_view text = text_at(of, key);
  return std::string(text.empty() ? *names.begin() : text);
}

void write_span(const element& span, JsonWriter& out) {
  out.begin_object().field("spanId", text_at(span, "spanId")).field("name", text_at(span, "name"));
  if (std::string_view parent = text_at(span, "parentSpanId"); !parent.empty())
    out.field("parentSpanId", parent);
  std::string kind = enum_at(span, "kind",
                             {"SPAN_KIND_UNSPECIFIED", "SPAN_KIND_INTERNAL", "SPAN_KIND_SERVER",
                              "SPAN_KIND_CLIENT", "SPAN_KIND_PRODUCER", "SPAN_KIND_CONSUMER"});
  if (kind != "SPAN_KIND_UNSPECIFIED") out.field("kind", kind);
  std::string_view start = text_at(span, "startTimeUnixNano"), end = text_at(span, "endTimeUnixNano");
  out.field("startTimeUnixNano", start).field("endTimeUnixNano", end);
  int64_t nanos = parse_int64(end).value_or(0) - parse_int64(start).value_or(0);
  out.field("durationMs", static_cast<double>(nanos) / 1e6);
  write_attributes(span, out);
  write_items(span, "events", out, write_event);
  write_items(span, "links", out, write_link);
  element status;
  bool has_status = span.at_key("status").get(status) == simdjson::SUCCESS;
  constexpr std::string_view kUnset = "STATUS_CODE_UNSET";
  out.key("status").begin_object();
  out.field("code", has_status ? enum_at(status, "code", {kUnset, "STATUS_CODE_OK", "STATUS_CODE_ERROR"})
                               : std::string(kUnset));
  out.field("message", has_status ? text_at(status, "message") : "").end_object();
  out.end_object();
}

void write_service(const element& of, JsonWriter& out) {
  element resource;
  out.begin_object();
  if (of.at_key("resource").get(resource) == simdjson::SUCCESS) {
    for (element entry : items_at(resource, "attributes")) {
      element value;
      if (text_at(entry, "key") == "service.name" && entry.at_key("value").get(value) == simdjson::SUCCESS)
        out.field("serviceName", text_at(value, "stringValue"));
    }
    write_attributes(resource, out, "resource", "service.name");
  }
  out.key("scopes").begin_array();
  for (element scope_spans : items_at(of, "scopeSpans")) {
    out.begin_object();
    element scope;
    if (scope_spans.at_key("scope").get(scope) == simdjson::SUCCESS) {
      for (std::string_view key : {"name", "version"}) {
        if (std::string_view text = text_at(scope, key); !text.empty()) out.field(key, text);
      }
    }
    write_items(scope_spans, "spans", out, write_span);
    out.end_object();
  }
  out.end_array().end_object();
}

}  // namespace

Result<std::string> llm_trace_json(const std::vector<BatchPtr>& spans) {
  size_t count = 0;
  for (const BatchPtr& batch : spans) count += batch->row_count;
  if (count > kLlmSpansMax) {
    return make_error(
        ErrorCode::too_large,
        fmt::format("{} spans are more than a model reads ({}): take a part of the trace with q, or "
                    "span_pruning=true",
                    count, kLlmSpansMax));
  }
  JsonWriter otlp;
  write_resource_spans_json(otlp, spans, OtlpJsonStyle::otlp);
  std::string text = otlp.take();
  simdjson::dom::parser parser;
  array resources;
  if (parser.parse(text).get(resources) != simdjson::SUCCESS)
    return make_error(ErrorCode::internal, "the trace was not written as JSON");
  std::string trace_id;
  for (const BatchPtr& batch : spans) {
    const ColumnData* ids = batch->find_fixed(column::kTraceId);
    if (trace_id.empty() && ids != nullptr && batch->row_count > 0) trace_id = ids->trace_ids[0].to_hex();
  }
  JsonWriter out;
  out.begin_object().key("trace").begin_object().field("traceId", trace_id).key("services").begin_array();
  for (element resource : resources) write_service(resource, out);
  out.end_array().end_object().end_object();
  return out.take();
}

std::string llm_tag_values_json(const std::vector<traceql::TagValue>& values) {
  std::map<std::string_view, std::vector<const std::string*>> by_type;
  for (const traceql::TagValue& value : values) by_type[value.type].push_back(&value.value);
  JsonWriter out;
  out.begin_object().key("tagValues").begin_object();
  for (const auto& [type, texts] : by_type) {
    out.key(type).begin_array();
    for (const std::string* text : texts) out.value(*text);
    out.end_array();
  }
  out.end_object().end_object();
  return out.take();
}

}  // namespace obelisk::tempo
