#include "query/core/graph_rules.h"

#include <algorithm>

namespace obelisk {
namespace {

void add_attribute(std::string_view name, std::vector<ColumnId>& columns) {
  columns.push_back({Scope::attribute, std::string(name)});
  columns.push_back({Scope::resource, std::string(name)});
}

}  // namespace

std::vector<ColumnId> GraphRules::columns() const {
  std::vector<ColumnId> columns = HalfEdgeReader::columns(edges);
  for (const std::string& name : dimensions) add_attribute(name, columns);
  for (const SpanFilterPolicy& policy : filter_policies) {
    for (const auto* conditions : {&policy.include, &policy.include_any, &policy.exclude}) {
      if (!*conditions) continue;
      for (const SpanCondition& condition : **conditions) {
        if (condition.of == SpanCondition::Of::attribute) add_attribute(condition.name, columns);
      }
    }
  }
  if (!multiplier.attribute.empty()) add_attribute(multiplier.attribute, columns);
  if (multiplier.tracestate) columns.push_back(fixed_column(column::kTraceState));
  std::sort(columns.begin(), columns.end());
  columns.erase(std::unique(columns.begin(), columns.end()), columns.end());
  return columns;
}

GraphHalfReader::GraphHalfReader(const GraphRules& rules, const Batch& spans)
    : filters_(!rules.filter_policies.empty()),
      edges_(spans, rules.edges),
      filter_(rules.filter_policies, spans),
      multiplier_(rules.multiplier, spans),
      dimensions_(rules.dimensions, {}, spans) {}

std::optional<MeasuredHalf> GraphHalfReader::read(size_t row) const {
  std::optional<MeasuredHalf> half(std::in_place);
  if (!read(row, *half)) half.reset();
  return half;
}

bool GraphHalfReader::read(size_t row, MeasuredHalf& half) const {
  if (!edges_.read(row, half.edge) || (filters_ && !filter_.keeps(row))) return false;
  half.multiplier = multiplier_.of(row);
  if (dimensions_.size() > 0) half.dimensions = dimensions_.values(row);
  return true;
}

double multiplier_of(const MeasuredHalf* client, const MeasuredHalf* server) {
  return std::max(client == nullptr ? 1 : client->multiplier, server == nullptr ? 1 : server->multiplier);
}

std::optional<int64_t> messaging_nanos(const ServiceEdge& edge) {
  if (edge.type != "messaging_system" || edge.client_half == nullptr || edge.server_half == nullptr)
    return std::nullopt;
  int64_t nanos = edge.server_half->start - edge.client_half->end;
  return nanos < 0 ? std::nullopt : std::optional(nanos);
}

EdgeLabels::EdgeLabels(const GraphRules& rules) : rules_(rules) {
  const std::vector<std::string_view> taken = {"client", "server", "connection_type", "virtual_node"};
  for (const std::string& dimension : rules.dimensions) {
    shared_.push_back(dimension_label(dimension, taken));
    client_.push_back(dimension_label("client_" + dimension, taken));
    server_.push_back(dimension_label("server_" + dimension, taken));
  }
}

Labels EdgeLabels::of(const ServiceEdge& edge, const MeasuredHalf* client, const MeasuredHalf* server) const {
  Labels labels{{"client", edge.client}, {"server", edge.server}, {"connection_type", edge.type}};
  if (rules_.virtual_node_label && edge.type == "virtual_node")
    labels.set("virtual_node", client == nullptr ? "client" : "server");
  auto add = [&](const MeasuredHalf* half, const std::vector<std::string>& names) {
    if (half == nullptr) return;
    for (size_t i = 0; i < half->dimensions.size(); ++i) {
      if (!half->dimensions[i].empty()) labels.set(names[i], half->dimensions[i]);
    }
  };
  add(client, rules_.client_server_prefix ? client_ : shared_);
  add(server, rules_.client_server_prefix ? server_ : shared_);
  return labels;
}

}  // namespace obelisk
