#pragma once
// Line filters and label filters as stages.
#include "base/result.h"
#include "query/logql/ast.h"
#include "query/logql/row_stage.h"

namespace obelisk::logql {

Result<RowStagePtr> make_line_filter_stage(const LineFilter& filter);
Result<RowStagePtr> make_label_filter_stage(const LabelFilter& filter);

}  // namespace obelisk::logql
