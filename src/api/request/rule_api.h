#pragma once
// Rule groups that are kept by an API, for Loki's ruler and for rules in TraceQL: groups by namespace (YAML),
// and what became of them (Prometheus' JSON). A group is durable and evaluated when its call has answered.
//   GET    {root}, {root}/{namespace}[/{group}]
//   POST   {root}/{namespace}             one group, created or replaced
//   DELETE {root}/{namespace}[/{group}]
//   GET    {status root}/rules, {status root}/alerts    groups of rule files, too
#include <functional>
#include <string>
#include <vector>

#include "api/request/context.h"
#include "net/router.h"
#include "rules/rule_manager.h"
#include "rules/rule_store.h"

namespace obelisk {

// The store must outlive the router.
struct RuleApiParts {
  rules::RuleStore* store = nullptr;
  std::function<std::vector<rules::RuleGroupStatus>()> status;
};

struct RuleApiForm {
  rules::RuleLanguage language = rules::RuleLanguage::logql;
  std::vector<std::string> roots;
  std::string status_root;
  std::function<void(HttpExchange&, const Error&)> respond_error;
};

void register_rule_api(Router& router, ApiContext& context, RuleApiParts parts, RuleApiForm form);

}  // namespace obelisk
