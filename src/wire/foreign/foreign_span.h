#pragma once
// A span of another system (Zipkin, Jaeger) on its way to Table::spans: what their decoders fill in, and what
// turns it into a row. The mappings follow OpenTelemetry's compatibility specifications (Zipkin, Jaeger).
//
// Texts are views that must live as long as the batches: into the body, or copied with ForeignSpanRows::keep.
// One ForeignSpan is reused for all spans of a body, so that nothing is allocated a span. Not thread safe.
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "model/ids.h"
#include "wire/any_value.h"
#include "wire/events_and_links.h"
#include "wire/otlp_traces.h"
#include "wire/row_batches.h"

namespace obelisk {

// As OTLP numbers them.
enum class SpanKind : uint8_t { unspecified, internal, server, client, producer, consumer };
enum class SpanStatus : uint8_t { unset, ok, error };

struct ForeignEvent {
  UnixNanos time;
  std::string_view name;
  size_t first_attribute = 0;  // into ForeignSpan::event_attributes
  size_t attribute_count = 0;
};

struct ForeignLink {
  TraceId trace_id;
  SpanId span_id;
  std::string_view reference;  // "child_of", "follows_from"
};

struct ForeignSpan {
  TraceId trace_id;
  SpanId span_id;
  SpanId parent;
  std::string_view name;
  int64_t start_nanos = 0;
  int64_t duration_nanos = 0;
  SpanKind kind = SpanKind::unspecified;
  SpanStatus status = SpanStatus::unset;
  std::string_view status_message;
  std::string_view trace_state;
  std::string_view scope_name;
  std::string_view scope_version;
  std::vector<AttributeView> attributes;
  std::vector<AttributeView> resource;
  std::vector<ForeignEvent> events;
  std::vector<AttributeView> event_attributes;
  std::vector<ForeignLink> links;
  std::string problem;  // set: the span is rejected with this reason

  void clear();
};

AnyValueView text_value(std::string_view text);
AnyValueView integer_value(int64_t number);
AnyValueView number_value(double number);
AnyValueView boolean_value(bool flag);

// Microseconds to nanoseconds; nothing when the product does not fit.
std::optional<int64_t> micros_to_nanos(int64_t micros);
// 1 to 32 hexadecimal digits, or AWS X-Ray's form "1-5759e988-bd862e3fe1be46a994272793".
std::optional<TraceId> parse_foreign_trace_id(std::string_view text);

// Takes the tags that stand for fields of an OTLP span out of `span.attributes`: span.kind, error,
// otel.status_code, otel.status_description, otel.library.* and otel.scope.*, w3c.tracestate. A span without
// a status of its own gets it from http.status_code (5xx; 4xx for clients), as the specification says.
void lift_tags(ForeignSpan& span);

class ForeignSpanRows {
 public:
  // More attributes, events or links than this on one span make it invalid.
  static constexpr size_t kListMax = 1024;

  explicit ForeignSpanRows(std::shared_ptr<const std::string> body)
      : batches_(Table::spans, std::move(body)) {}

  // A copy that lives as long as the batch of the span being read.
  std::string_view keep(std::string_view text) { return batches_.rows().arena().copy(text); }
  void add(const ForeignSpan& span);
  void reject(std::string_view reason);
  DecodedTraces finish();

 private:
  void add_lists(const ForeignSpan& span);

  RowBatches batches_;
  DecodedTraces result_;
  NestedRecords records_;  // reused
};

}  // namespace obelisk
