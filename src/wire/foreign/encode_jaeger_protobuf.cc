#include "wire/foreign/encode_jaeger_protobuf.h"

#include <protozero/pbf_writer.hpp>

#include "wire/any_value.h"
#include "wire/events_and_links.h"
#include "wire/foreign/jaeger_tags.h"

namespace obelisk {
namespace {

using Writer = protozero::pbf_writer;

// KeyValue {1 key, 2 v_type, 3 v_str, 4 v_bool, 5 v_int64, 6 v_float64, 7 v_binary}
void add_tag(Writer& to, uint32_t field, const AttributeView& tag) {
  Writer writer(to, field);
  writer.add_string(1, tag.key.data(), tag.key.size());
  const AnyValueView& value = tag.value;
  switch (value.type) {
    case ColumnType::boolean:
      writer.add_enum(2, 1);
      writer.add_bool(4, value.integer != 0);
      break;
    case ColumnType::int64:
      writer.add_enum(2, 2);
      writer.add_int64(5, value.integer);
      break;
    case ColumnType::float64:
      writer.add_enum(2, 3);
      writer.add_double(6, value.number);
      break;
    case ColumnType::bytes:
      writer.add_enum(2, 4);
      writer.add_bytes(7, value.text.data(), value.text.size());
      break;
    default:
      writer.add_string(3, any_value_to_text(value));
  }
}

// google.protobuf.Timestamp and Duration {1 seconds, 2 nanos}
void add_nanos(Writer& to, uint32_t field, int64_t nanos) {
  Writer writer(to, field);
  writer.add_int64(1, nanos / kNanosPerSecond);
  writer.add_int32(2, static_cast<int32_t>(nanos % kNanosPerSecond));
}

void add_span(Writer& to, const SpanRow& row) {
  Writer writer(to, 1);
  TraceId trace = row.trace_id();
  writer.add_bytes(1, trace.view().data(), trace.view().size());
  writer.add_bytes(2, SpanId{static_cast<uint64_t>(row.integer(column::kSpanId))}.to_bytes());
  std::string_view name = row.text(column::kName);
  writer.add_string(3, name.data(), name.size());
  for (const JaegerLink& link : jaeger_references_of(row)) {
    Writer reference(writer, 4);
    reference.add_bytes(1, link.trace_id.view().data(), link.trace_id.view().size());
    reference.add_bytes(2, link.span_id.to_bytes());
    if (link.follows_from) reference.add_enum(3, 1);
  }
  add_nanos(writer, 6, row.time().value);
  add_nanos(writer, 7, row.integer(column::kDuration));
  for (const AttributeView& tag : jaeger_tags_of(row)) add_tag(writer, 8, tag);
  for (const SpanEventView& event : read_span_events(*row.batch, row.row)) {
    Writer log(writer, 9);
    add_nanos(log, 1, event.time.value);
    for (const AttributeView& field : jaeger_fields_of(event)) add_tag(log, 2, field);
  }
  JaegerProcess process = jaeger_process_of(row);
  Writer process_writer(writer, 10);
  process_writer.add_string(1, process.service);
  for (const AttributeView& tag : process.tags) add_tag(process_writer, 2, tag);
}

}  // namespace

std::vector<std::string> encode_jaeger_chunks(std::span<const BatchPtr> batches, size_t bytes_max) {
  std::vector<std::string> chunks;
  for (const BatchPtr& batch : batches) {
    for (size_t row = 0; row < batch->row_count; ++row) {
      if (chunks.empty() || chunks.back().size() > bytes_max) chunks.emplace_back();
      Writer writer(chunks.back());
      add_span(writer, {batch.get(), row});
    }
  }
  return chunks;
}

}  // namespace obelisk
