#pragma once
// TraceQL metrics as rule expressions: { status = error } | rate() by (resource.service.name) > 5.
// An evaluation is an instant query over the window before its time. A label is called what the query calls
// it with every other character than letters, digits and _ as _ (resource.service.name is
// resource_service_name), so that PromQL, routes and templates can name it; the function's name is no label.
// Each element carries one of its traces as exemplar. An answer that does not cover the window whole is an
// error, never a value: an alert must not resolve because a part of the store could not be read.
#include "rules/rule_language.h"

namespace obelisk::rules {

const RuleEvaluator& traceql_rule_evaluator();

}  // namespace obelisk::rules
