#include "wire/foreign/jaeger_tags.h"

#include "wire/foreign/foreign_span.h"

namespace obelisk {
namespace {

std::string_view kind_word(int64_t kind) {
  constexpr std::string_view kWords[] = {"", "internal", "server", "client", "producer", "consumer"};
  return kind > 0 && kind < 6 ? kWords[kind] : "";
}

}  // namespace

JaegerProcess jaeger_process_of(const SpanRow& row) {
  JaegerProcess process;
  for (const AttributeView& attribute : row.attributes(Scope::resource)) {
    if (attribute.key == "service.name") {
      process.service = any_value_to_text(attribute.value);
    } else {
      process.tags.push_back(attribute);
    }
  }
  return process;
}

std::vector<AttributeView> jaeger_tags_of(const SpanRow& row) {
  std::vector<AttributeView> tags = row.attributes(Scope::attribute);
  auto add = [&](std::string_view key, std::string_view text) {
    if (!text.empty()) tags.push_back({key, text_value(text)});
  };
  add("span.kind", kind_word(row.integer(column::kKind)));
  int64_t status = row.integer(column::kStatusCode);
  add("otel.status_code", status == 1 ? "OK" : status == 2 ? "ERROR" : "");
  if (status == 2) tags.push_back({"error", boolean_value(true)});
  add("otel.status_description", row.text(column::kStatusMessage));
  add("otel.scope.name", row.text(column::kScopeName));
  add("otel.scope.version", row.text(column::kScopeVersion));
  add("w3c.tracestate", row.text(column::kTraceState));
  return tags;
}

std::vector<AttributeView> jaeger_fields_of(const SpanEventView& event) {
  std::vector<AttributeView> fields;
  if (!event.name.empty()) fields.push_back({"event", text_value(event.name)});
  fields.insert(fields.end(), event.attributes.begin(), event.attributes.end());
  return fields;
}

std::vector<JaegerLink> jaeger_references_of(const SpanRow& row) {
  std::vector<JaegerLink> references;
  SpanId parent{static_cast<uint64_t>(row.integer(column::kParentSpanId))};
  if (!parent.is_none()) references.push_back({false, row.trace_id(), parent});
  for (const SpanLinkView& link : read_span_links(*row.batch, row.row))
    references.push_back({true, link.trace_id, link.span_id});
  return references;
}

}  // namespace obelisk
