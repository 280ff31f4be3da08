#pragma once
// The JSON of rules and alerts, which Prometheus' and Loki's APIs share. Pure functions.
#include <functional>

#include "base/json_writer.h"
#include "rules/rule_manager.h"

namespace obelisk {

void write_alert(JsonWriter& json, const rules::Alert& alert);
// The group with those of its rules that `wants` accepts; without their alerts unless `with_alerts`.
void write_rule_group(JsonWriter& json, const rules::RuleGroupStatus& group, bool with_alerts,
                      const std::function<bool(const rules::RuleStatus&)>& wants);

}  // namespace obelisk
