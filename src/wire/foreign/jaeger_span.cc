#include "wire/foreign/jaeger_span.h"

namespace obelisk {

void add_jaeger_log(UnixNanos time, const std::vector<AttributeView>& fields, ForeignSpan& span) {
  auto named = [&](std::string_view key) -> const AttributeView* {
    for (const AttributeView& field : fields) {
      if (field.key == key && field.value.type == ColumnType::string) return &field;
    }
    return nullptr;
  };
  const AttributeView* name = named("event");
  if (name == nullptr) name = named("message");
  ForeignEvent event;
  event.time = time;
  event.first_attribute = span.event_attributes.size();
  if (name != nullptr) event.name = name->value.text;
  for (const AttributeView& field : fields) {
    if (&field != name) span.event_attributes.push_back(field);
  }
  event.attribute_count = span.event_attributes.size() - event.first_attribute;
  span.events.push_back(event);
}

void finish_jaeger_span(const std::vector<JaegerReference>& references, std::string_view service,
                        const std::vector<AttributeView>& process_tags, ForeignSpan& span) {
  const JaegerReference* parent = nullptr;
  for (bool follows_from : {false, true}) {
    for (const JaegerReference& reference : references) {
      bool same_trace = reference.trace_id == span.trace_id;
      if (parent == nullptr && span.parent.is_none() && same_trace && reference.follows_from == follows_from)
        parent = &reference;
    }
  }
  if (parent != nullptr) span.parent = parent->span_id;
  for (const JaegerReference& reference : references) {
    bool is_parent = reference.trace_id == span.trace_id && reference.span_id == span.parent;
    if (is_parent || reference.span_id.is_none()) continue;
    span.links.push_back(
        {reference.trace_id, reference.span_id, reference.follows_from ? "follows_from" : "child_of"});
  }
  span.resource.push_back({"service.name", text_value(service.empty() ? "unknown_service" : service)});
  for (const AttributeView& tag : process_tags) {
    if (tag.key != "service.name") span.resource.push_back(tag);
  }
  lift_tags(span);
}

}  // namespace obelisk
