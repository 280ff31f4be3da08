#pragma once
// `regexp` and `pattern`: fields by named captures.
#include <string_view>

#include "base/result.h"
#include "query/logql/label_demand.h"
#include "query/logql/row_stage.h"

namespace obelisk::logql {

Result<RowStagePtr> make_regexp_stage(std::string_view pattern, LabelDemand demand);
Result<RowStagePtr> make_pattern_stage(std::string_view pattern, LabelDemand demand);

}  // namespace obelisk::logql
