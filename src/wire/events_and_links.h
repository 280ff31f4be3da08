#pragma once
// Events and links of spans, in columns (plan/columns.h) and back.
//
// What a span's events say stands in columns, so that it is found, grouped and listed like what the span says
// itself: names, times and attributes of events; ids and attributes of links. Which of them said what stands
// in column::kEvents (kLinks), one entry a record, and is nearly always one of few texts:
//     events: varint dropped attributes, varint attributes, text key each
//     links:  varint dropped attributes, varint flags, text trace state, varint attributes, text key each
// where a text is a varint length and bytes. Values follow in the order of the records: the n-th time that a
// key is named it has the n-th value of its column (one value: itself; several: an array of them).
//
// Readers tolerate any bytes: what is cut or missing is left out. Nothing here is thread safe but the
// readers, which are pure. Views point into the batch, or into the body that was decoded.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "plan/batch.h"
#include "wire/any_value.h"

namespace obelisk {

struct SpanEventView {
  UnixNanos time;
  std::string_view name;
  std::vector<AttributeView> attributes;
  uint32_t dropped_attributes_count = 0;
};

struct SpanLinkView {
  TraceId trace_id;
  SpanId span_id;
  std::string_view trace_state;
  std::vector<AttributeView> attributes;
  uint32_t dropped_attributes_count = 0;
  uint32_t flags = 0;
};

// All events (links) of the span in this row, in the order in which they were sent.
std::vector<SpanEventView> read_span_events(const Batch& batch, size_t row);
std::vector<SpanLinkView> read_span_links(const Batch& batch, size_t row);

// The events (links) of one span, gathered while its fields go by; used again for the next.
class NestedRecords {
 public:
  // More different attributes on the events of a span, or on its links, make it invalid.
  static constexpr size_t kKeysMax = 1024;

  void clear();
  bool empty() const { return shape_.empty(); }
  // An attribute of the record that add_event or add_link then ends.
  void add_attribute(const AttributeView& attribute) { attributes_.push_back(attribute); }
  void add_event(UnixNanos time, std::string_view name, uint32_t dropped_attributes_count);
  // Ids are bytes, 16 and 8 of them where the sender kept to the specification.
  void add_link(std::string_view trace_id, std::string_view span_id, std::string_view trace_state,
                uint32_t dropped_attributes_count, uint32_t flags);
  // A Span.Event (Span.Link) message. Throws what protobuf::decode_guarded catches.
  void decode_event(std::string_view message);
  void decode_link(std::string_view message);
  // Sets the columns of the row that was added last, of a span that starts at `start`. False: too many
  // different attributes; nothing is set.
  bool set_events(BatchBuilder& rows, UnixNanos start) { return set_columns(rows, Scope::event, start); }
  bool set_links(BatchBuilder& rows) { return set_columns(rows, Scope::link, UnixNanos{0}); }

 private:
  void end_record();
  bool set_columns(BatchBuilder& rows, Scope scope, UnixNanos start);
  void set_attributes(BatchBuilder& rows, Scope scope);
  void set_values(BatchBuilder& rows, Scope scope, std::string_view name,
                  const std::vector<AnyValueView>& values);
  // Attributes by key, those with one key in the order of the records. False: too many keys.
  bool sort_attributes();

  std::string shape_;
  std::vector<AttributeView> attributes_;
  size_t of_records_ = 0;  // attributes of records that have ended
  std::vector<uint32_t> order_;
  // Of events the times and names; of links the trace and span ids.
  std::vector<uint64_t> times_;
  std::vector<std::string_view> names_;
  std::vector<std::string> trace_ids_, span_ids_;
  std::vector<AnyValueView> values_;
  std::string array_;
};

}  // namespace obelisk
