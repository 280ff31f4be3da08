#include "api/jaeger/jaeger_messages.h"

#include <protozero/pbf_writer.hpp>

#include "wire/protobuf_map.h"
#include "wire/protobuf_time.h"

namespace obelisk::jaeger {
namespace {

using protobuf::length_field;
using protobuf::Reader;
using protobuf::string_of;
using protobuf::varint_field;
using Writer = protozero::pbf_writer;

// Of a Timestamp or a Duration; what does not fit is cut.
int64_t read_nanos(std::string_view message) {
  protobuf::SecondsAndNanos time = protobuf::seconds_and_nanos_of(message);
  return time.total_nanos().value_or(time.seconds < 0 ? INT64_MIN : INT64_MAX);
}

// TraceQueryParameters {1 service_name, 2 operation_name, 3 tags, 4 start_time_min, 5 start_time_max, 6
// duration_min, 7 duration_max, 8 search_depth, 9 raw_traces, 10 filter}
void read_query(std::string_view message, FindRequest& request) {
  Reader reader = protobuf::reader_of(message);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case length_field(1):
        request.conditions.service = string_of(reader);
        break;
      case length_field(2):
        request.conditions.operation = string_of(reader);
        break;
      case length_field(3):
        request.conditions.tags.push_back(protobuf::text_entry_of(string_of(reader)));
        break;
      case length_field(4):
        request.start = UnixNanos{read_nanos(string_of(reader))};
        break;
      case length_field(5):
        request.end = UnixNanos{read_nanos(string_of(reader))};
        break;
      case length_field(6):
        request.conditions.duration_min = read_nanos(string_of(reader));
        break;
      case length_field(7):
        request.conditions.duration_max = read_nanos(string_of(reader));
        break;
      case varint_field(8):
        request.limit = reader.get_int32();
        break;
      case length_field(10):
        request.filter = string_of(reader);
        break;
      default:
        reader.skip();
    }
  }
}

// Runs `read` over the fields of a message.
template <typename Request, typename Read>
Result<Request> decode(std::string_view what, std::string_view message, Read read) {
  Request request;
  protobuf::Place place;
  OBELISK_CHECK_OK(protobuf::decode_guarded(what, message, place, [&] {
    Reader reader = protobuf::reader_of(message);
    while (reader.next()) read(reader, request);
  }));
  return request;
}

}  // namespace

Result<TraceRequest> decode_trace_request(std::string_view message) {
  return decode<TraceRequest>("Jaeger's GetTraceRequest", message, [](Reader& reader, TraceRequest& request) {
    switch (reader.tag_and_type()) {
      case length_field(1):
        request.trace_id = string_of(reader);
        break;
      case varint_field(4):
        request.raw_traces = reader.get_bool();
        break;
      default:
        reader.skip();
    }
  });
}

Result<FindRequest> decode_find_request(std::string_view message) {
  return decode<FindRequest>("Jaeger's FindTracesRequest", message, [](Reader& reader, FindRequest& request) {
    if (reader.tag_and_type() == length_field(1)) {
      read_query(string_of(reader), request);
    } else {
      reader.skip();
    }
  });
}

Result<OperationsRequest> decode_operations_request(std::string_view message) {
  return decode<OperationsRequest>("Jaeger's GetOperationsRequest", message,
                                   [](Reader& reader, OperationsRequest& request) {
                                     switch (reader.tag_and_type()) {
                                       case length_field(1):
                                         request.service = string_of(reader);
                                         break;
                                       case length_field(2):
                                         request.kind = string_of(reader);
                                         break;
                                       default:
                                         reader.skip();
                                     }
                                   });
}

Result<DependenciesRequest> decode_dependencies_request(std::string_view message) {
  return decode<DependenciesRequest>("Jaeger's GetDependenciesRequest", message,
                                     [](Reader& reader, DependenciesRequest& request) {
                                       switch (reader.tag_and_type()) {
                                         case length_field(1):
                                           request.start = UnixNanos{read_nanos(string_of(reader))};
                                           break;
                                         case length_field(2):
                                           request.end = UnixNanos{read_nanos(string_of(reader))};
                                           break;
                                         default:
                                           reader.skip();
                                       }
                                     });
}

Result<std::string> decode_sampling_request(std::string_view message) {
  return decode<std::string>("Jaeger's SamplingStrategyParameters", message,
                             [](Reader& reader, std::string& service) {
                               if (reader.tag_and_type() == length_field(1)) {
                                 service = string_of(reader);
                               } else {
                                 reader.skip();
                               }
                             });
}

std::string encode_services(const std::vector<std::string>& names) {
  std::string out;
  Writer writer(out);
  for (const std::string& name : names) writer.add_string(1, name);
  return out;
}

// {1 operationNames (deprecated), 2 operations {1 name, 2 span_kind}}
std::string encode_operations_v2(const std::vector<Operation>& operations) {
  std::string out;
  Writer writer(out);
  for (size_t i = 0; i < operations.size(); ++i) {
    if (i == 0 || operations[i].name != operations[i - 1].name) writer.add_string(1, operations[i].name);
  }
  for (const Operation& operation : operations) {
    Writer inner(writer, 2);
    inner.add_string(1, operation.name);
    inner.add_string(2, operation.kind);
  }
  return out;
}

// {1 operations {1 name, 2 span_kind}}
std::string encode_operations_v3(const std::vector<Operation>& operations) {
  std::string out;
  Writer writer(out);
  for (const Operation& operation : operations) {
    Writer inner(writer, 1);
    inner.add_string(1, operation.name);
    inner.add_string(2, operation.kind);
  }
  return out;
}

std::string encode_dependencies(const std::vector<traceql::GraphEdge>& edges) {
  std::string out;
  Writer writer(out);
  for (const traceql::GraphEdge& edge : edges) {
    Writer inner(writer, 1);
    inner.add_string(1, edge.client);
    inner.add_string(2, edge.server);
    inner.add_uint64(3, calls_of(edge));
  }
  return out;
}

std::string encode_capabilities() {
  std::string out;
  Writer writer(out);
  Writer search(writer, 1);
  search.add_bool(1, true);
  search.add_bool(2, true);
  Writer filter(search, 3);
  for (std::string_view level : kFilterLevels) filter.add_string(1, level.data(), level.size());
  for (std::string_view op : kFilterOperators) filter.add_string(2, op.data(), op.size());
  filter.commit();
  search.commit();
  return out;
}

// TraceSummary {1 trace_id, 2 root_service_name, 3 root_operation_name, 4 min_start, 5 max_end, 6 span_count,
// 7 error_span_count, 8 orphan_span_count, 9 services {1 name, 2 span_count, 3 error_span_count}}
std::vector<std::string> encode_summaries(const std::vector<TraceSummary>& summaries, size_t bytes_max) {
  std::vector<std::string> messages;
  for (const TraceSummary& summary : summaries) {
    if (messages.empty() || messages.back().size() > bytes_max) messages.emplace_back();
    Writer chunk(messages.back());
    Writer writer(chunk, 1);
    writer.add_string(1, summary.id.to_hex());
    writer.add_string(2, summary.root_service);
    writer.add_string(3, summary.root_name);
    writer.add_fixed64(4, static_cast<uint64_t>(summary.start.value));
    writer.add_fixed64(5, static_cast<uint64_t>(summary.end.value));
    writer.add_int32(6, static_cast<int32_t>(summary.spans));
    writer.add_int32(7, static_cast<int32_t>(summary.errors));
    writer.add_int32(8, static_cast<int32_t>(summary.orphans));
    for (const auto& [name, stats] : summary.services) {
      Writer service(writer, 9);
      service.add_string(1, name);
      service.add_int32(2, static_cast<int32_t>(stats.span_count));
      service.add_int32(3, static_cast<int32_t>(stats.error_count));
    }
  }
  return messages;
}

}  // namespace obelisk::jaeger
