#pragma once
// JSON as a template value, for fromJson: objects are maps, arrays lists, numbers reals. Text that is no JSON
// is nil.
#include "query/core/go_template_value.h"

namespace obelisk::logql {

TemplateValue template_value_of_json(std::string_view text);

}  // namespace obelisk::logql
