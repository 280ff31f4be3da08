#pragma once
// The functions of Prometheus' rule templates (template_reference.md): humanize and friends, query results,
// regular expressions, links. The table is built once and is safe from any thread; what depends on the
// evaluation (query, now, externalURL) is reached through TemplateScope::caller, which points to an
// AlertTemplateData.
#include <string>

#include "query/core/go_template.h"

namespace obelisk::rules {

const TemplateFunctions& alert_template_functions();

// Number formatting, exposed for tests. `%.4g` as Go prints it.
std::string humanize(double value);
std::string humanize_1024(double value);
std::string humanize_duration(double seconds);
std::string humanize_percentage(double ratio);
std::string humanize_timestamp(double unix_seconds);

}  // namespace obelisk::rules
