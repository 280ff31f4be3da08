#include "wire/foreign/foreign_span.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "wire/any_value_decode.h"
#include "wire/protobuf.h"

namespace obelisk {
namespace {

constexpr int64_t kNanosPerMicro = 1000;
constexpr std::string_view kReferenceKey = "opentracing.ref_type";
// Events have no more attributes than this, so that their columns are always set.
static_assert(ForeignSpanRows::kListMax <= NestedRecords::kKeysMax);

std::string text_of(const AnyValueView& value) {
  return any_value_to_text(value);
}

bool is_true(const AnyValueView& value) {
  return value.type == ColumnType::boolean ? value.integer != 0 : text_of(value) == "true";
}

SpanKind kind_of(std::string_view text) {
  std::string word = to_lower(text);
  if (word == "server") return SpanKind::server;
  if (word == "client") return SpanKind::client;
  if (word == "producer") return SpanKind::producer;
  if (word == "consumer") return SpanKind::consumer;
  if (word == "internal" || word == "local") return SpanKind::internal;
  return SpanKind::unspecified;
}

// What the tags of one span say about its status, in the order of their weight.
struct StatusTags {
  std::optional<SpanStatus> code;
  std::string_view description;
  std::optional<bool> error;
  std::string_view error_text;
  int64_t http_status = 0;
};

int64_t http_status_of_tag(const AnyValueView& value) {
  if (value.type == ColumnType::int64) return value.integer;
  return value.type == ColumnType::string ? parse_int64(value.text).value_or(0) : 0;
}

// The text field that a tag of this name stands for.
std::string_view* text_field_of(std::string_view key, ForeignSpan& span, StatusTags& status) {
  if (key == "otel.status_description") return &status.description;
  if (key == "otel.scope.name" || key == "otel.library.name") return &span.scope_name;
  if (key == "otel.scope.version" || key == "otel.library.version") return &span.scope_version;
  if (key == "w3c.tracestate") return &span.trace_state;
  return nullptr;
}

// True when the tag became a field and is no attribute any more.
bool lift(const AttributeView& tag, ForeignSpan& span, StatusTags& status) {
  const AnyValueView& value = tag.value;
  bool is_text = value.type == ColumnType::string;
  if (tag.key == "span.kind" && is_text) {
    SpanKind kind = kind_of(value.text);
    if (kind == SpanKind::unspecified) return false;
    span.kind = kind;
    return true;
  }
  if (tag.key == "error") {
    status.error = is_text ? to_lower(value.text) != "false" : is_true(value);
    bool is_message = is_text && to_lower(value.text) != "true" && to_lower(value.text) != "false";
    if (is_message) status.error_text = value.text;
    return true;
  }
  if (tag.key == "otel.status_code" && is_text) {
    std::string code = to_lower(value.text);
    if (code == "ok") status.code = SpanStatus::ok;
    if (code == "error") status.code = SpanStatus::error;
    return true;
  }
  if (std::string_view* field = is_text ? text_field_of(tag.key, span, status) : nullptr) {
    *field = value.text;
    return true;
  }
  if (tag.key == "http.status_code" || tag.key == "http.response.status_code")
    status.http_status = http_status_of_tag(value);
  return false;
}

void set_status(ForeignSpan& span, const StatusTags& tags) {
  if (tags.code) {
    span.status = *tags.code;
  } else if (tags.error) {
    span.status = *tags.error ? SpanStatus::error : SpanStatus::unset;
  } else if (tags.http_status >= 500 || (tags.http_status >= 400 && span.kind == SpanKind::client)) {
    span.status = SpanStatus::error;
  }
  if (span.status == SpanStatus::error)
    span.status_message = tags.description.empty() ? tags.error_text : tags.description;
}

}  // namespace

AnyValueView text_value(std::string_view text) {
  return {ColumnType::string, 0, 0, text};
}
AnyValueView integer_value(int64_t number) {
  return {ColumnType::int64, number, 0, {}};
}
AnyValueView number_value(double number) {
  return {ColumnType::float64, 0, number, {}};
}
AnyValueView boolean_value(bool flag) {
  return {ColumnType::boolean, flag ? 1 : 0, 0, {}};
}

std::optional<int64_t> micros_to_nanos(int64_t micros) {
  int64_t nanos = 0;
  if (__builtin_mul_overflow(micros, kNanosPerMicro, &nanos)) return std::nullopt;
  return nanos;
}

std::optional<TraceId> parse_foreign_trace_id(std::string_view text) {
  if (text.size() == 35 && text.starts_with("1-") && text[10] == '-') {
    return TraceId::from_hex(std::string(text.substr(2, 8)) + std::string(text.substr(11)));
  }
  return TraceId::from_hex(text);
}

void ForeignSpan::clear() {
  auto kept = std::move(*this);
  *this = ForeignSpan();
  attributes = std::move(kept.attributes);
  resource = std::move(kept.resource);
  events = std::move(kept.events);
  event_attributes = std::move(kept.event_attributes);
  links = std::move(kept.links);
  attributes.clear();
  resource.clear();
  events.clear();
  event_attributes.clear();
  links.clear();
}

void lift_tags(ForeignSpan& span) {
  StatusTags status;
  std::erase_if(span.attributes, [&](const AttributeView& tag) { return lift(tag, span, status); });
  set_status(span, status);
}

void ForeignSpanRows::reject(std::string_view reason) {
  if (result_.rejected_spans++ == 0) result_.rejection = reason;
}

void ForeignSpanRows::add(const ForeignSpan& span) {
  if (!span.problem.empty()) return reject(span.problem);
  if (span.trace_id.is_none()) return reject("a span has no trace id");
  if (span.span_id.is_none()) return reject("a span has no id");
  if (span.start_nanos < 0) return reject("a span starts before 1970 or beyond the year 2262");
  size_t longest = std::max({span.attributes.size(), span.resource.size(), span.events.size(),
                             span.event_attributes.size(), span.links.size()});
  if (longest > kListMax)
    return reject(fmt::format("a span has more than {} tags, events or links", kListMax));
  BatchBuilder& rows = batches_.rows();
  rows.add_row(UnixNanos{span.start_nanos});
  rows.set_trace_id(Scope::fixed, column::kTraceId, span.trace_id);
  rows.set_int(Scope::fixed, column::kSpanId, static_cast<int64_t>(span.span_id.value));
  rows.set_int(Scope::fixed, column::kDuration, std::max<int64_t>(0, span.duration_nanos));
  rows.set_string(Scope::fixed, column::kName, span.name);
  rows.set_int(Scope::fixed, column::kKind, static_cast<int64_t>(span.kind));
  rows.set_int(Scope::fixed, column::kStatusCode, static_cast<int64_t>(span.status));
  if (!span.parent.is_none())
    rows.set_int(Scope::fixed, column::kParentSpanId, static_cast<int64_t>(span.parent.value));
  auto set_text = [&](std::string_view name, std::string_view text) {
    if (!text.empty()) rows.set_string(Scope::fixed, name, text);
  };
  set_text(column::kStatusMessage, span.status_message);
  set_text(column::kTraceState, span.trace_state);
  set_text(column::kScopeName, span.scope_name);
  set_text(column::kScopeVersion, span.scope_version);
  add_lists(span);
  if (batches_.must_cut()) batches_.cut();
}

void ForeignSpanRows::add_lists(const ForeignSpan& span) {
  BatchBuilder& rows = batches_.rows();
  for (const AttributeView& attribute : span.resource) set_attribute(rows, Scope::resource, attribute);
  for (const AttributeView& attribute : span.attributes) set_attribute(rows, Scope::attribute, attribute);
  records_.clear();
  for (const ForeignEvent& event : span.events) {
    for (size_t i = 0; i < event.attribute_count; ++i)
      records_.add_attribute(span.event_attributes[event.first_attribute + i]);
    records_.add_event(event.time, event.name, 0);
  }
  if (!records_.empty()) records_.set_events(rows, UnixNanos{span.start_nanos});
  records_.clear();
  for (const ForeignLink& link : span.links) {
    if (!link.reference.empty()) records_.add_attribute({kReferenceKey, text_value(link.reference)});
    records_.add_link(link.trace_id.view(), link.span_id.to_bytes(), "", 0, 0);
  }
  if (!records_.empty()) records_.set_links(rows);
}

DecodedTraces ForeignSpanRows::finish() {
  result_.batches = batches_.finish();
  return std::move(result_);
}

}  // namespace obelisk
