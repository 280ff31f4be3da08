#pragma once
// The functions of line_format and label_format templates, beside Go's builtins. The table is constant.
#include "query/core/go_template.h"
#include "query/logql/row_stage.h"

namespace obelisk::logql {

// What TemplateScope::caller points to while a row is formatted.
struct RowTemplateContext {
  const LogRow* row = nullptr;
  UnixNanos now;
};

const TemplateFunctions& log_template_functions();

}  // namespace obelisk::logql
