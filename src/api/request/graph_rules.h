#pragma once
// The rules of a tenant's service graph: those it is streamed by, so that the one at query time is equal.
// Thread safe.
#include "api/request/context.h"
#include "pipeline/pipeline.h"
#include "query/core/graph_rules.h"

namespace obelisk {

inline GraphRules graph_rules_of(const ApiContext& context, const Tenant& tenant) {
  if (std::shared_ptr<const GraphRules> own = context.pipeline.graph_rules(tenant)) return *own;
  return context.graph_rules ? *context.graph_rules : GraphRules{};
}

}  // namespace obelisk
