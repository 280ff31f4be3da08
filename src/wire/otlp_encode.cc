#include "wire/otlp_encode.h"

#include <protozero/pbf_writer.hpp>

#include "base/text.h"
#include "wire/any_value.h"
#include "wire/any_value_encode.h"
#include "wire/base64.h"
#include "wire/events_and_links.h"
#include "wire/protobuf.h"
#include "wire/span_rows.h"

namespace obelisk {
namespace {

using Writer = protozero::pbf_writer;

void add_text(Writer& writer, uint32_t field, std::string_view text) {
  if (!text.empty()) writer.add_string(field, text.data(), text.size());
}

void add_attributes(Writer& writer, uint32_t field, const std::vector<AttributeView>& attributes) {
  for (const AttributeView& attribute : attributes) {
    Writer pair(writer, field);
    pair.add_string(1, attribute.key.data(), attribute.key.size());
    add_any_value(pair, 2, attribute.value);
  }
}

uint64_t end_time(const SpanRow& span) {
  return static_cast<uint64_t>(span.time().value) + static_cast<uint64_t>(span.integer(column::kDuration));
}

void add_count(Writer& writer, uint32_t field, int64_t count) {
  if (count != 0) writer.add_uint32(field, static_cast<uint32_t>(count));
}

void add_event(Writer& span, const SpanEventView& event) {
  Writer writer(span, 11);
  writer.add_fixed64(1, static_cast<uint64_t>(event.time.value));
  add_text(writer, 2, event.name);
  add_attributes(writer, 3, event.attributes);
  add_count(writer, 4, event.dropped_attributes_count);
}

void add_link(Writer& span, const SpanLinkView& link) {
  Writer writer(span, 13);
  writer.add_bytes(1, link.trace_id.view().data(), link.trace_id.view().size());
  writer.add_bytes(2, link.span_id.to_bytes());
  add_text(writer, 3, link.trace_state);
  add_attributes(writer, 4, link.attributes);
  add_count(writer, 5, link.dropped_attributes_count);
  if (link.flags != 0) writer.add_fixed32(6, link.flags);
}

void add_span(Writer& scope_spans, const SpanRow& span) {
  Writer writer(scope_spans, 2);
  TraceId trace_id = span.trace_id();
  writer.add_bytes(1, trace_id.view().data(), trace_id.view().size());
  writer.add_bytes(2, SpanId{static_cast<uint64_t>(span.integer(column::kSpanId))}.to_bytes());
  add_text(writer, 3, span.text(column::kTraceState));
  SpanId parent{static_cast<uint64_t>(span.integer(column::kParentSpanId))};
  if (!parent.is_none()) writer.add_bytes(4, parent.to_bytes());
  add_text(writer, 5, span.text(column::kName));
  if (int64_t kind = span.integer(column::kKind); kind != 0) writer.add_enum(6, static_cast<int32_t>(kind));
  writer.add_fixed64(7, static_cast<uint64_t>(span.time().value));
  writer.add_fixed64(8, end_time(span));
  add_attributes(writer, 9, span.attributes(Scope::attribute));
  add_count(writer, 10, span.integer(column::kDroppedAttributesCount));
  for (const SpanEventView& event : read_span_events(*span.batch, span.row)) add_event(writer, event);
  add_count(writer, 12, span.integer(column::kDroppedEventsCount));
  for (const SpanLinkView& link : read_span_links(*span.batch, span.row)) add_link(writer, link);
  add_count(writer, 14, span.integer(column::kDroppedLinksCount));
  {
    Writer status(writer, 15);
    add_text(status, 2, span.text(column::kStatusMessage));
    int64_t code = span.integer(column::kStatusCode);
    if (code != 0) status.add_enum(3, static_cast<int32_t>(code));
  }
  int64_t flags = span.integer(column::kFlags);
  if (flags != 0) writer.add_fixed32(16, static_cast<uint32_t>(flags));
}

// Writes one style of JSON.
class JsonEncoder {
 public:
  JsonEncoder(JsonWriter& out, OtlpJsonStyle style) : out_(out), style_(style) {}

  void resource_spans(const ResourceGroup& group) {
    out_.begin_object().key("resource").begin_object();
    attributes(group.first().attributes(Scope::resource), true);
    out_.end_object().key("scopeSpans").begin_array();
    for (const ScopeGroup& scope : group.scopes) scope_spans(scope);
    out_.end_array().end_object();
  }

 private:
  void scope_spans(const ScopeGroup& group) {
    const SpanRow& first = group.spans.front();
    out_.begin_object().key("scope").begin_object();
    text("name", first.text(column::kScopeName));
    text("version", first.text(column::kScopeVersion));
    attributes(first.attributes(Scope::instrumentation), false);
    out_.end_object().key("spans").begin_array();
    for (const SpanRow& row : group.spans) span(row);
    out_.end_array().end_object();
  }

  void span(const SpanRow& row) {
    out_.begin_object().field("traceId", id(row.trace_id().view()));
    out_.field("spanId", id(SpanId{static_cast<uint64_t>(row.integer(column::kSpanId))}.to_bytes()));
    text("traceState", row.text(column::kTraceState));
    SpanId parent{static_cast<uint64_t>(row.integer(column::kParentSpanId))};
    if (!parent.is_none()) out_.field("parentSpanId", id(parent.to_bytes()));
    out_.field("name", row.text(column::kName));
    kind(row.integer(column::kKind));
    out_.field("startTimeUnixNano", std::to_string(static_cast<uint64_t>(row.time().value)));
    out_.field("endTimeUnixNano", std::to_string(end_time(row)));
    attributes(row.attributes(Scope::attribute), false);
    count("droppedAttributesCount", row.integer(column::kDroppedAttributesCount));
    events(read_span_events(*row.batch, row.row));
    count("droppedEventsCount", row.integer(column::kDroppedEventsCount));
    links(read_span_links(*row.batch, row.row));
    count("droppedLinksCount", row.integer(column::kDroppedLinksCount));
    out_.key("status").begin_object();
    text("message", row.text(column::kStatusMessage));
    status_code(row.integer(column::kStatusCode));
    out_.end_object();
    count("flags", row.integer(column::kFlags));
    out_.end_object();
  }

  void events(const std::vector<SpanEventView>& list) {
    if (list.empty()) return;
    out_.key("events").begin_array();
    for (const SpanEventView& event : list) {
      out_.begin_object().field("timeUnixNano", std::to_string(static_cast<uint64_t>(event.time.value)));
      text("name", event.name);
      attributes(event.attributes, false);
      count("droppedAttributesCount", event.dropped_attributes_count);
      out_.end_object();
    }
    out_.end_array();
  }

  void links(const std::vector<SpanLinkView>& list) {
    if (list.empty()) return;
    out_.key("links").begin_array();
    for (const SpanLinkView& link : list) {
      out_.begin_object()
          .field("traceId", id(link.trace_id.view()))
          .field("spanId", id(link.span_id.to_bytes()));
      text("traceState", link.trace_state);
      attributes(link.attributes, false);
      count("droppedAttributesCount", link.dropped_attributes_count);
      count("flags", link.flags);
      out_.end_object();
    }
    out_.end_array();
  }

  void attributes(const std::vector<AttributeView>& list, bool even_if_empty) {
    if (list.empty() && !even_if_empty) return;
    out_.key("attributes").begin_array();
    for (const AttributeView& attribute : list) {
      out_.begin_object().field("key", attribute.key).key("value");
      write_otlp_any_value(out_, attribute.value);
      out_.end_object();
    }
    out_.end_array();
  }

  std::string id(std::string_view bytes) const {
    return style_ == OtlpJsonStyle::otlp ? to_hex(bytes) : base64_encode(bytes);
  }
  void text(std::string_view key, std::string_view value) {
    if (!value.empty()) out_.field(key, value);
  }
  void count(std::string_view key, int64_t value) {
    if (value != 0) out_.field(key, value);
  }
  void kind(int64_t number) {
    static constexpr std::string_view kNames[] = {"UNSPECIFIED", "INTERNAL", "SERVER",
                                                  "CLIENT",      "PRODUCER", "CONSUMER"};
    if (style_ == OtlpJsonStyle::tempo && number >= 0 && number < 6) {
      out_.field("kind", "SPAN_KIND_" + std::string(kNames[number]));
    } else {
      out_.field("kind", number);
    }
  }
  void status_code(int64_t number) {
    static constexpr std::string_view kNames[] = {"UNSET", "OK", "ERROR"};
    if (number == 0) return;
    if (style_ == OtlpJsonStyle::tempo && number > 0 && number < 3) {
      out_.field("code", "STATUS_CODE_" + std::string(kNames[number]));
    } else {
      out_.field("code", number);
    }
  }

  JsonWriter& out_;
  const OtlpJsonStyle style_;
};

}  // namespace

std::string encode_traces_data(std::span<const BatchPtr> batches) {
  std::string out;
  Writer traces(out);
  for (const ResourceGroup& group : group_spans(batches)) {
    Writer resource_spans(traces, 1);
    {
      Writer resource(resource_spans, 1);
      add_attributes(resource, 1, group.first().attributes(Scope::resource));
    }
    for (const ScopeGroup& scope_group : group.scopes) {
      Writer scope_spans(resource_spans, 2);
      const SpanRow& first = scope_group.spans.front();
      {
        Writer scope(scope_spans, 1);
        add_text(scope, 1, first.text(column::kScopeName));
        add_text(scope, 2, first.text(column::kScopeVersion));
        add_attributes(scope, 3, first.attributes(Scope::instrumentation));
      }
      for (const SpanRow& span : scope_group.spans) add_span(scope_spans, span);
    }
  }
  return out;
}

void write_resource_spans_json(JsonWriter& out, std::span<const BatchPtr> batches, OtlpJsonStyle style) {
  JsonEncoder encoder(out, style);
  out.begin_array();
  for (const ResourceGroup& group : group_spans(batches)) encoder.resource_spans(group);
  out.end_array();
}

}  // namespace obelisk
