#include "query/core/service_edges.h"

namespace obelisk {
ServiceEdge edge_of_pair(const HalfEdge& client, const HalfEdge& server) {
  std::string_view type = client.is_messaging || server.is_messaging ? "messaging_system" : "";
  return {client.service, server.service, type, &client, &server};
}

ServiceEdge edge_to_database(const HalfEdge& client) {
  return {client.service, client.database, "database", &client, nullptr};
}

std::optional<ServiceEdge> edge_of_half(const HalfEdge& half) {
  if (half.is_client && !half.peer.empty())
    return ServiceEdge{half.service, half.peer, "virtual_node", &half, nullptr};
  if (half.is_client || half.has_parent) return std::nullopt;
  std::string_view client = half.peer.empty() ? std::string_view("user") : std::string_view(half.peer);
  return ServiceEdge{client, half.service, "virtual_node", nullptr, &half};
}

namespace {

const std::vector<std::string> kAddresses = {"peer.service", "server.address"};
const std::string kNetworkAddress = "network.peer.address";
const std::string kNetworkPort = "network.peer.port";

}  // namespace

HalfEdgeReader::HalfEdgeReader(const Batch& spans, const EdgeRules& rules)
    : columns_(spans),
      peers_(spans, rules.peer_attributes),
      databases_(spans, rules.database_attributes),
      addresses_(spans, kAddresses),
      network_addresses_(spans, kNetworkAddress),
      network_ports_(spans, kNetworkPort) {}

std::vector<ColumnId> HalfEdgeReader::columns(const EdgeRules& rules) {
  std::vector<ColumnId> columns;
  for (const auto* names : {&rules.peer_attributes, &rules.database_attributes, &kAddresses}) {
    for (const std::string& name : *names) columns.push_back({Scope::attribute, name});
  }
  for (const std::string& name : {kNetworkAddress, kNetworkPort}) columns.push_back({Scope::attribute, name});
  columns.push_back({Scope::resource, "service.name"});
  for (std::string_view name : {column::kName, column::kKind, column::kStatusCode, column::kDuration,
                                column::kTraceId, column::kSpanId, column::kParentSpanId}) {
    columns.push_back(fixed_column(name));
  }
  return columns;
}

bool HalfEdgeReader::read(size_t row, HalfEdge& half) const {
  int64_t kind = columns_.kind(row);
  bool is_client = kind == kSpanKindClient || kind == kSpanKindProducer;
  if (!is_client && kind != kSpanKindServer && kind != kSpanKindConsumer) return false;
  half.service = columns_.service(row);
  half.trace = columns_.trace(row);
  half.span = columns_.id(row);
  half.client_span = is_client ? half.span : columns_.parent(row);
  half.start = columns_.start(row);
  half.end = columns_.end(row);
  half.is_client = is_client;
  half.is_messaging = kind == kSpanKindProducer || kind == kSpanKindConsumer;
  half.failed = columns_.status(row) == kSpanStatusError;
  half.has_parent = !columns_.parent(row).is_none();
  half.seconds = columns_.seconds(row);
  if (!peers_.empty()) peers_.append_first_of(row, half.peer);
  if (kind == kSpanKindClient && !databases_.empty()) half.database = database_of(row);
  return true;
}

std::string HalfEdgeReader::database_of(size_t row) const {
  std::string database = databases_.first_of(row);
  if (database.empty()) return database;
  if (std::string address = addresses_.first_of(row); !address.empty()) return address;
  std::string address = network_addresses_.first_of(row);
  if (address.empty()) return database;
  std::string port = network_ports_.first_of(row);
  return port.empty() ? address : address + ":" + port;
}

}  // namespace obelisk
