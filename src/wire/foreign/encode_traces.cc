#include "wire/foreign/encode_traces.h"

#include <fmt/format.h>

#include <string>
#include <vector>

#include "wire/any_value.h"
#include "wire/base64.h"
#include "wire/events_and_links.h"
#include "wire/foreign/jaeger_tags.h"
#include "wire/span_rows.h"

namespace obelisk {
namespace {

constexpr int64_t kNanosPerMicro = 1000;

SpanId span_id_of(const SpanRow& row, std::string_view column_name) {
  return SpanId{static_cast<uint64_t>(row.integer(column_name))};
}

// --- Jaeger
// -------------------------------------------------------------------------------------------------

class JaegerWriter {
 public:
  explicit JaegerWriter(JsonWriter& out) : out_(out) {}

  void trace(const std::vector<ResourceGroup>& groups) {
    out_.begin_object();
    out_.field("traceID", groups.empty() ? "" : groups[0].first().trace_id().to_hex());
    out_.key("spans").begin_array();
    for (size_t i = 0; i < groups.size(); ++i) {
      for (const ScopeGroup& scope : groups[i].scopes) {
        for (const SpanRow& row : scope.spans) span(row, fmt::format("p{}", i + 1));
      }
    }
    out_.end_array().key("processes").begin_object();
    for (size_t i = 0; i < groups.size(); ++i) process(groups[i].first(), fmt::format("p{}", i + 1));
    out_.end_object().key("warnings").null().end_object();
  }

 private:
  void process(const SpanRow& row, const std::string& name) {
    JaegerProcess process = jaeger_process_of(row);
    out_.key(name).begin_object().field("serviceName", process.service).key("tags").begin_array();
    for (const AttributeView& each : process.tags) tag(each);
    out_.end_array().end_object();
  }

  void span(const SpanRow& row, const std::string& process_name) {
    out_.begin_object().field("traceID", row.trace_id().to_hex());
    out_.field("spanID", span_id_of(row, column::kSpanId).to_hex());
    out_.field("operationName", row.text(column::kName));
    out_.key("references").begin_array();
    for (const JaegerLink& link : jaeger_references_of(row)) {
      out_.begin_object().field("refType", link.follows_from ? "FOLLOWS_FROM" : "CHILD_OF");
      out_.field("traceID", link.trace_id.to_hex()).field("spanID", link.span_id.to_hex()).end_object();
    }
    out_.end_array();
    out_.field("startTime", row.time().value / kNanosPerMicro);
    out_.field("duration", row.integer(column::kDuration) / kNanosPerMicro);
    out_.key("tags").begin_array();
    for (const AttributeView& each : jaeger_tags_of(row)) tag(each);
    out_.end_array();
    logs(row);
    out_.field("processID", process_name).key("warnings").null().end_object();
  }

  void logs(const SpanRow& row) {
    out_.key("logs").begin_array();
    for (const SpanEventView& event : read_span_events(*row.batch, row.row)) {
      out_.begin_object().field("timestamp", event.time.value / kNanosPerMicro).key("fields").begin_array();
      for (const AttributeView& field : jaeger_fields_of(event)) tag(field);
      out_.end_array().end_object();
    }
    out_.end_array();
  }

  void tag(const AttributeView& attribute) {
    const AnyValueView& value = attribute.value;
    out_.begin_object().field("key", attribute.key);
    switch (value.type) {
      case ColumnType::boolean:
        out_.field("type", "bool").field("value", value.integer != 0);
        break;
      case ColumnType::int64:
        out_.field("type", "int64").field("value", value.integer);
        break;
      case ColumnType::float64:
        out_.field("type", "float64").field("value", value.number);
        break;
      case ColumnType::bytes:
        out_.field("type", "binary").field("value", base64_encode(value.text));
        break;
      default:
        out_.field("type", "string").field("value", any_value_to_text(value));
    }
    out_.end_object();
  }

  JsonWriter& out_;
};

// --- Zipkin
// -------------------------------------------------------------------------------------------------

class ZipkinWriter {
 public:
  explicit ZipkinWriter(JsonWriter& out) : out_(out) {}

  void span(const SpanRow& row) {
    out_.begin_object().field("traceId", row.trace_id().to_hex());
    SpanId parent = span_id_of(row, column::kParentSpanId);
    if (!parent.is_none()) out_.field("parentId", parent.to_hex());
    out_.field("id", span_id_of(row, column::kSpanId).to_hex());
    kind(row.integer(column::kKind));
    out_.field("name", row.text(column::kName));
    out_.field("timestamp", row.time().value / kNanosPerMicro);
    // Zipkin has no duration 0: it means unknown there.
    out_.field("duration", std::max<int64_t>(1, row.integer(column::kDuration) / kNanosPerMicro));
    attributes_ = row.attributes(Scope::attribute);
    resource_ = row.attributes(Scope::resource);
    endpoint("localEndpoint", text_of(resource_, "service.name"),
             text_of(attributes_, "network.local.address"), text_of(attributes_, "network.local.port"));
    endpoint("remoteEndpoint", text_of(attributes_, "peer.service"),
             text_of(attributes_, "network.peer.address"), text_of(attributes_, "network.peer.port"));
    annotations(row);
    tags(row);
    out_.end_object();
  }

 private:
  void kind(int64_t number) {
    constexpr std::string_view kWords[] = {"", "", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"};
    if (number >= 2 && number < 6) out_.field("kind", kWords[number]);
  }

  static std::string text_of(const std::vector<AttributeView>& attributes, std::string_view key) {
    for (const AttributeView& attribute : attributes) {
      if (attribute.key == key) return any_value_to_text(attribute.value);
    }
    return "";
  }

  void endpoint(std::string_view name, const std::string& service, const std::string& address,
                const std::string& port) {
    if (service.empty() && address.empty()) return;
    out_.key(name).begin_object();
    if (!service.empty()) out_.field("serviceName", service);
    bool is_v6 = address.find(':') != std::string::npos;
    if (!address.empty()) out_.field(is_v6 ? "ipv6" : "ipv4", address);
    if (!port.empty() && port.find_first_not_of("0123456789") == std::string::npos)
      out_.key("port").raw(port);
    out_.end_object();
  }

  void annotations(const SpanRow& row) {
    std::vector<SpanEventView> events = read_span_events(*row.batch, row.row);
    if (events.empty()) return;
    out_.key("annotations").begin_array();
    for (const SpanEventView& event : events) {
      std::string text(event.name);
      if (!event.attributes.empty()) {  // as the specification says: "name": {attributes}
        JsonWriter fields;
        fields.begin_object().key(event.name).begin_object();
        for (const AttributeView& attribute : event.attributes) {
          fields.key(attribute.key);
          write_any_value_json(fields, attribute.value);
        }
        fields.end_object().end_object();
        text = fields.take();
      }
      out_.begin_object().field("timestamp", event.time.value / kNanosPerMicro).field("value", text);
      out_.end_object();
    }
    out_.end_array();
  }

  void tags(const SpanRow& row) {
    out_.key("tags").begin_object();
    for (const std::vector<AttributeView>* list : {&resource_, &attributes_}) {
      for (const AttributeView& attribute : *list) {
        bool twice = list == &attributes_ && !text_of(resource_, attribute.key).empty();
        if (attribute.key != "service.name" && !twice)
          out_.field(attribute.key, any_value_to_text(attribute.value));
      }
    }
    int64_t status = row.integer(column::kStatusCode);
    if (status != 0) out_.field("otel.status_code", status == 2 ? "ERROR" : "OK");
    if (status == 2) out_.field("error", row.text(column::kStatusMessage));
    if (std::string_view scope = row.text(column::kScopeName); !scope.empty())
      out_.field("otel.scope.name", scope);
    out_.end_object();
  }

  JsonWriter& out_;
  std::vector<AttributeView> attributes_;
  std::vector<AttributeView> resource_;
};

}  // namespace

void write_jaeger_trace(JsonWriter& out, std::span<const BatchPtr> batches) {
  JaegerWriter(out).trace(group_spans(batches));
}

void write_zipkin_trace(JsonWriter& out, std::span<const BatchPtr> batches) {
  ZipkinWriter writer(out);
  out.begin_array();
  for (const BatchPtr& batch : batches) {
    for (size_t row = 0; row < batch->row_count; ++row) writer.span({batch.get(), row});
  }
  out.end_array();
}

}  // namespace obelisk
