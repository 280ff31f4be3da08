// Loki's ruler: api/request/rule_api.h under /loki/api/v1/rules, and under /api/prom/rules as old clients
// have it.
#include "api/loki/loki_call.h"
#include "api/loki/loki_handlers.h"

namespace obelisk::loki {

void register_rule_routes(Router& router, ApiContext& context, RuleApiParts parts) {
  RuleApiForm form;
  form.language = rules::RuleLanguage::logql;
  form.roots = {"/loki/api/v1/rules", "/api/prom/rules"};
  form.status_root = "/prometheus/api/v1";
  form.respond_error = [](HttpExchange& exchange, const Error& error) {
    exchange.respond_text(loki_status_of(error.code), error.message);
  };
  register_rule_api(router, context, std::move(parts), std::move(form));
}

}  // namespace obelisk::loki
