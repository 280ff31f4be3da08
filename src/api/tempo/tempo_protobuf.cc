#include "api/tempo/tempo_protobuf.h"

#include <algorithm>
#include <cmath>
#include <protozero/pbf_writer.hpp>

#include "wire/otlp_encode.h"
#include "wire/protobuf_map.h"

namespace obelisk::tempo {
namespace {

using protobuf::length_field;
using protobuf::Reader;
using protobuf::string_of;
using protobuf::varint_field;
using protozero::pbf_writer;
using traceql::NamedValue;
using traceql::StoredValue;
using traceql::ValueType;

// A uint64 of the message as a signed number; what does not fit is cut to the largest.
int64_t unsigned_of(Reader& reader) {
  uint64_t value = reader.get_uint64();
  return value > INT64_MAX ? INT64_MAX : static_cast<int64_t>(value);
}

// {1 scope or tag, 2 query}; the numbers of the others differ between the two requests.
Result<TagRequestMessage> decode_tag_request(std::string_view message, uint32_t start, uint32_t end,
                                             uint32_t limit) {
  TagRequestMessage request;
  protobuf::Place place;
  OBELISK_CHECK_OK(protobuf::decode_guarded("tempopb tags request", message, place, [&] {
    Reader reader = protobuf::reader_of(message);
    while (reader.next()) {
      uint32_t field = reader.tag_and_type();
      if (field == length_field(1)) {
        request.name = string_of(reader);
      } else if (field == length_field(2)) {
        request.query = string_of(reader);
      } else if (field == varint_field(start)) {
        request.start = unsigned_of(reader);
      } else if (field == varint_field(end)) {
        request.end = unsigned_of(reader);
      } else if (field == varint_field(limit)) {
        request.limit = unsigned_of(reader);
      } else {
        reader.skip();
      }
    }
  }));
  return request;
}

// AnyValue: 1 string, 2 bool, 3 int, 4 double.
std::string encode_value(const StoredValue& value) {
  std::string out;
  pbf_writer writer(out);
  switch (value.type) {
    case ValueType::integer:
      writer.add_int64(3, value.integer);
      break;
    case ValueType::floating:
      writer.add_double(4, value.number);
      break;
    case ValueType::boolean:
      writer.add_bool(2, value.integer != 0);
      break;
    default:
      writer.add_string(1, value_text(value.view()));
  }
  return out;
}

// repeated KeyValue {1 key, 2 value}
void add_attributes(pbf_writer& writer, uint32_t field, const std::vector<NamedValue>& attributes) {
  for (const auto& [name, value] : attributes) {
    std::string pair;
    pbf_writer pair_writer(pair);
    pair_writer.add_string(1, name);
    pair_writer.add_message(2, encode_value(value));
    writer.add_message(field, pair);
  }
}

// Span {1 spanID, 2 name, 3 start, 4 duration, 5 attributes}; SpanSet {1 spans, 2 matched, 3 attributes}
std::string encode_spanset(const traceql::FoundSpanset& spanset) {
  std::string out;
  pbf_writer writer(out);
  for (const traceql::FoundSpan& span : spanset.spans) {
    std::string message;
    pbf_writer span_writer(message);
    span_writer.add_string(1, span.id.to_hex());
    span_writer.add_string(2, span.name);
    span_writer.add_uint64(3, static_cast<uint64_t>(span.start.value));
    span_writer.add_uint64(4, static_cast<uint64_t>(span.duration));
    add_attributes(span_writer, 5, span.attributes);
    writer.add_message(1, message);
  }
  writer.add_uint32(2, static_cast<uint32_t>(spanset.matched));
  add_attributes(writer, 3, spanset.attributes);
  return out;
}

// TraceSearchMetadata {1 traceID, 2 rootServiceName, 3 rootTraceName, 4 start, 5 durationMs, 6 spanSet, 7
// spanSets, 8 serviceStats {1 key, 2 {1 spanCount, 2 errorCount}}}
std::string encode_trace(const traceql::FoundTrace& trace) {
  std::string out;
  pbf_writer writer(out);
  writer.add_string(1, trace.id.to_hex());
  writer.add_string(2, trace.root_service);
  writer.add_string(3, trace.root_name);
  writer.add_uint64(4, static_cast<uint64_t>(trace.start.value));
  writer.add_uint32(5, static_cast<uint32_t>(trace.duration / kNanosPerMilli));
  writer.add_message(6, encode_spanset(trace.spansets[0]));
  for (const traceql::FoundSpanset& spanset : trace.spansets) writer.add_message(7, encode_spanset(spanset));
  for (const auto& [service, stats] : trace.services) {
    std::string counts;
    pbf_writer counts_writer(counts);
    counts_writer.add_uint32(1, stats.span_count);
    counts_writer.add_uint32(2, stats.error_count);
    std::string entry;
    pbf_writer entry_writer(entry);
    entry_writer.add_string(1, service);
    entry_writer.add_message(2, counts);
    writer.add_message(8, entry);
  }
  return out;
}

// SearchMetrics {1 inspectedTraces, 2 inspectedBytes, 4 completedJobs, 5 totalJobs, 7 inspectedSpans}
std::string encode_search_metrics(const traceql::ScanStatistics& statistics) {
  std::string out;
  pbf_writer writer(out);
  writer.add_uint32(1, static_cast<uint32_t>(statistics.traces));
  writer.add_uint64(2, statistics.bytes);
  writer.add_uint32(4, 1);
  writer.add_uint32(5, 1);
  writer.add_uint64(7, statistics.spans);
  return out;
}

// MetadataMetrics {1 inspectedBytes, 2 totalJobs, 3 completedJobs}: field 2 of every answer about tags.
void add_metadata_metrics(std::string& message, const traceql::ScanStatistics& statistics) {
  std::string out;
  pbf_writer writer(out);
  writer.add_uint64(1, statistics.bytes);
  writer.add_uint32(2, 1);
  writer.add_uint32(3, 1);
  pbf_writer(message).add_message(2, out);
}

// Exemplar {1 labels, 2 value, 3 timestamp_ms}
void add_exemplars(pbf_writer& writer, const traceql::MetricsSeries& series) {
  for (const traceql::MetricsExemplar& exemplar : series.exemplars) {
    if (std::isnan(exemplar.value)) continue;
    std::string message;
    pbf_writer exemplar_writer(message);
    add_attributes(exemplar_writer, 1, {{"trace:id", StoredValue::of_string(exemplar.trace_id.to_hex())}});
    exemplar_writer.add_double(2, exemplar.value);
    exemplar_writer.add_int64(3, exemplar.time.to_millis());
    writer.add_message(4, message);
  }
}

// Both responses: {1 series, 2 metrics, 3 status, 4 message}
void add_status(pbf_writer& writer, const traceql::MetricsResult& result) {
  writer.add_message(2, encode_search_metrics(result.statistics));
  writer.add_enum(3, result.partial ? 1 : 0);
  if (!result.message.empty()) writer.add_string(4, result.message);
}

// Repeated fields cut into messages of about bytes_max: a client puts them together as it does with partial
// answers.
class Packets {
 public:
  explicit Packets(size_t bytes_max) : bytes_max_(bytes_max) {}

  // A field that has a length: a text or a message.
  void add_string(uint32_t field, const std::string& bytes) {
    bool full = !messages_.back().empty() &&
                bytes.size() >= bytes_max_ - std::min(bytes_max_, messages_.back().size());
    if (full) messages_.emplace_back();
    pbf_writer(messages_.back()).add_string(field, bytes);
  }
  std::vector<std::string> take() { return std::move(messages_); }

 private:
  const size_t bytes_max_;
  std::vector<std::string> messages_{1};
};

}  // namespace

// SearchRequest {1 Tags, 2 MinDurationMs, 3 MaxDurationMs, 4 Limit, 5 start, 6 end, 8 Query, 9
// SpansPerSpanSet}
Result<SearchRequestMessage> decode_search_request(std::string_view message) {
  SearchRequestMessage request;
  protobuf::Place place;
  OBELISK_CHECK_OK(protobuf::decode_guarded("tempopb.SearchRequest", message, place, [&] {
    Reader reader = protobuf::reader_of(message);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case length_field(1):
          request.tags.tags.push_back(protobuf::text_entry_of(string_of(reader)));
          break;
        case varint_field(2):
          request.tags.duration_min = static_cast<int64_t>(reader.get_uint32()) * kNanosPerMilli;
          break;
        case varint_field(3):
          request.tags.duration_max = static_cast<int64_t>(reader.get_uint32()) * kNanosPerMilli;
          break;
        case varint_field(4):
          request.limit = reader.get_uint32();
          break;
        case varint_field(5):
          request.start = reader.get_uint32();
          break;
        case varint_field(6):
          request.end = reader.get_uint32();
          break;
        case length_field(8):
          request.query = string_of(reader);
          break;
        case varint_field(9):
          request.spans_per_spanset = reader.get_uint32();
          break;
        default:
          reader.skip();
      }
    }
  }));
  return request;
}

// {1 scope, 2 query, 3 start, 4 end, 5 maxTagsPerScope}
Result<TagRequestMessage> decode_tags_request(std::string_view message) {
  return decode_tag_request(message, 3, 4, 5);
}
// {1 tagName, 2 query, 4 start, 5 end, 6 maxTagValues}
Result<TagRequestMessage> decode_tag_values_request(std::string_view message) {
  return decode_tag_request(message, 4, 5, 6);
}

// {1 query, 2 start, 3 end, 4 step, 16 exemplars, 17 maxSeries}
Result<MetricsRequestMessage> decode_metrics_request(std::string_view message) {
  MetricsRequestMessage request;
  protobuf::Place place;
  OBELISK_CHECK_OK(protobuf::decode_guarded("tempopb.QueryRangeRequest", message, place, [&] {
    Reader reader = protobuf::reader_of(message);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case length_field(1):
          request.query = string_of(reader);
          break;
        case varint_field(2):
          request.start = unsigned_of(reader);
          break;
        case varint_field(3):
          request.end = unsigned_of(reader);
          break;
        case varint_field(4):
          request.step = unsigned_of(reader);
          break;
        case varint_field(16):
          request.exemplars = reader.get_uint32();
          break;
        case varint_field(17):
          request.series_max = reader.get_uint32();
          break;
        default:
          reader.skip();
      }
    }
  }));
  return request;
}

// TraceByIDResponse {1 trace {1 resourceSpans}, 2 metrics {1 inspectedBytes}, 3 status, 4 message}
std::string encode_trace_by_id_response(const std::vector<BatchPtr>& spans, uint64_t inspected_bytes) {
  std::string out, metrics;
  pbf_writer writer(out);
  writer.add_message(1, encode_traces_data(spans));
  pbf_writer(metrics).add_uint64(1, inspected_bytes);
  writer.add_message(2, metrics);
  writer.add_enum(3, 0);  // COMPLETE
  return out;
}

// SearchResponse {1 traces, 2 metrics}
std::vector<std::string> encode_search_responses(const traceql::SearchResult& result, size_t bytes_max) {
  std::vector<std::string> messages(1);
  for (const traceql::FoundTrace& trace : result.traces) {
    std::string encoded = encode_trace(trace);
    if (!messages.back().empty() && messages.back().size() + encoded.size() > bytes_max)
      messages.emplace_back();
    pbf_writer(messages.back()).add_message(1, encoded);
  }
  pbf_writer(messages.back()).add_message(2, encode_search_metrics(result.statistics));
  return messages;
}

// {1 tagNames, 2 metrics}
std::string encode_tags_response(const std::vector<std::string>& names,
                                 const traceql::ScanStatistics& statistics) {
  std::string out;
  pbf_writer writer(out);
  for (const std::string& name : names) writer.add_string(1, name);
  add_metadata_metrics(out, statistics);
  return out;
}

// {1 scopes {1 name, 2 tags}, 2 metrics}
std::string encode_tag_scopes_response(const std::vector<traceql::TagScope>& scopes,
                                       const traceql::ScanStatistics& statistics) {
  std::string out;
  pbf_writer writer(out);
  for (const traceql::TagScope& scope : scopes) {
    std::string message;
    pbf_writer scope_writer(message);
    scope_writer.add_string(1, scope.name);
    for (const std::string& tag : scope.tags) scope_writer.add_string(2, tag);
    writer.add_message(1, message);
  }
  add_metadata_metrics(out, statistics);
  return out;
}

// {1 tagValues, 2 metrics}
std::vector<std::string> encode_tag_values_responses(const std::vector<traceql::TagValue>& values,
                                                     const traceql::ScanStatistics& statistics,
                                                     size_t bytes_max) {
  Packets packets(bytes_max);
  for (const traceql::TagValue& value : values) packets.add_string(1, value.value);
  std::vector<std::string> messages = packets.take();
  add_metadata_metrics(messages.back(), statistics);
  return messages;
}

// {1 tagValues {1 type, 2 value}, 2 metrics}
std::vector<std::string> encode_typed_tag_values_responses(const std::vector<traceql::TagValue>& values,
                                                           const traceql::ScanStatistics& statistics,
                                                           size_t bytes_max) {
  Packets packets(bytes_max);
  for (const traceql::TagValue& value : values) {
    std::string message;
    pbf_writer value_writer(message);
    value_writer.add_string(1, value.type.data(), value.type.size());
    value_writer.add_string(2, value.value);
    packets.add_string(1, message);
  }
  std::vector<std::string> messages = packets.take();
  add_metadata_metrics(messages.back(), statistics);
  return messages;
}

// TimeSeries {1 labels, 2 samples {1 value, 2 timestamp_ms}, 4 exemplars}
std::vector<std::string> encode_metrics_range_responses(const traceql::MetricsResult& result,
                                                        size_t bytes_max) {
  Packets packets(bytes_max);
  for (const traceql::MetricsSeries& series : result.series) {
    std::string message;
    pbf_writer series_writer(message);
    add_attributes(series_writer, 1, series.labels);
    for (size_t point = 0; point < series.values.size(); ++point) {
      if (std::isnan(series.values[point])) continue;
      std::string sample;
      pbf_writer sample_writer(sample);
      sample_writer.add_double(1, series.values[point]);
      sample_writer.add_int64(
          2, (result.first.value + static_cast<int64_t>(point) * result.step) / kNanosPerMilli);
      series_writer.add_message(2, sample);
    }
    add_exemplars(series_writer, series);
    packets.add_string(1, message);
  }
  std::vector<std::string> messages = packets.take();
  for (std::string& message : messages) {
    pbf_writer writer(message);
    add_status(writer, result);
  }
  return messages;
}

// InstantSeries {1 labels, 2 value}
std::string encode_metrics_instant_response(const traceql::MetricsResult& result) {
  std::string out;
  pbf_writer writer(out);
  for (const traceql::MetricsSeries& series : result.series) {
    if (std::isnan(series.values[0])) continue;
    std::string message;
    pbf_writer series_writer(message);
    add_attributes(series_writer, 1, series.labels);
    series_writer.add_double(2, series.values[0]);
    writer.add_message(1, message);
  }
  add_status(writer, result);
  return out;
}

}  // namespace obelisk::tempo
