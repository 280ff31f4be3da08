#pragma once
// Calls between services, found in spans by the rules of Tempo's metrics generator. Used on the way in
// (pipeline/service_graph.h) and at query time (query/traceql/service_graph.h), so that both give the same
// edges.
//
// Rules. A client (or producer) span and the server (or consumer) span that names it as parent make an edge;
// it failed when either has status error. A client span with a database attribute is an edge by itself. Of a
// half whose other half is not there
// * a server span without parent came from outside: its client is its peer attribute, or "user";
// * a client span with a peer attribute called something without instrumentation: the server is what it
// names;
// * others make no edge.
// Where only one side was measured its duration stands for both. Not thread safe.
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "query/core/attribute_columns.h"
#include "query/core/span_columns.h"

namespace obelisk {

// One span's half of an edge.
struct HalfEdge {
  TraceId trace;
  SpanId client_span;  // of both halves: what pairs them
  SpanId span;         // for the exemplar
  UnixNanos start;
  UnixNanos end;
  bool is_client = false;
  bool is_messaging = false;
  bool failed = false;
  bool has_parent = false;
  double seconds = 0;
  std::string service;   // empty: unknown, no edge can be made of it
  std::string peer;      // what the other side is called, when an attribute says so
  std::string database;  // client only: the database it called

  // What both halves of a call have in common. A server span without parent has no client span to wait for;
  // its own id keeps it apart from others.
  SpanId pair_key() const { return client_span.is_none() ? span : client_span; }
};

// One call. `client_half` and `server_half` point to what was measured; at least one is there.
struct ServiceEdge {
  std::string_view client;
  std::string_view server;
  std::string_view type;  // "", "messaging_system", "database" or "virtual_node"
  const HalfEdge* client_half = nullptr;
  const HalfEdge* server_half = nullptr;

  bool failed() const {
    return (client_half != nullptr && client_half->failed) || (server_half != nullptr && server_half->failed);
  }
  const HalfEdge& as_server_saw() const { return server_half != nullptr ? *server_half : *client_half; }
  const HalfEdge& as_client_saw() const { return client_half != nullptr ? *client_half : *server_half; }
};

ServiceEdge edge_of_pair(const HalfEdge& client, const HalfEdge& server);
ServiceEdge edge_to_database(const HalfEdge& client);
// The edge of a half that stays alone; nothing when it makes none.
std::optional<ServiceEdge> edge_of_half(const HalfEdge& half);

// Which attributes of a span name the other side of its call; both as Tempo has them.
struct EdgeRules {
  std::vector<std::string> peer_attributes = {"peer.service", "db.name", "db.system", "db.system.name"};
  // A client span with one of them calls a database.
  std::vector<std::string> database_attributes = {"db.namespace", "db.name", "db.system", "db.system.name"};
};

class HalfEdgeReader {
 public:
  explicit HalfEdgeReader(const Batch& spans, const EdgeRules& rules = {});
  // Fills `half`, which is a fresh one; false for spans that are no side of a call.
  bool read(size_t row, HalfEdge& half) const;
  // The columns that are looked at.
  static std::vector<ColumnId> columns(const EdgeRules& rules = {});

 private:
  std::string database_of(size_t row) const;

  SpanColumns columns_;
  AttributeColumns peers_;
  AttributeColumns databases_;
  AttributeColumns addresses_;
  AttributeColumns network_addresses_;
  AttributeColumns network_ports_;
};

}  // namespace obelisk
