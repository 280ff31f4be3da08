// Rule groups in TraceQL by an API: /obelisk/api/v1/traceql/groups, and what became of them beside it.
#include "api/obelisk/obelisk_api.h"
#include "api/obelisk/own_answer.h"

namespace obelisk {

void register_trace_rules(Router& router, ApiContext& context, RuleApiParts parts) {
  RuleApiForm form;
  form.language = rules::RuleLanguage::traceql;
  form.roots = {"/obelisk/api/v1/traceql/groups"};
  form.status_root = "/obelisk/api/v1/traceql";
  form.respond_error = [](HttpExchange& exchange, const Error& error) {
    exchange.respond(own_error_response(error));
  };
  register_rule_api(router, context, std::move(parts), std::move(form));
}

}  // namespace obelisk
