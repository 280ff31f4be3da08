#pragma once
// `| new_pattern since 24h [for 5m]` as a stage (new_patterns.h).
#include "query/logql/new_patterns.h"
#include "query/logql/row_stage.h"

namespace obelisk::logql {

// `births` null: for checking a query; such a stage must not meet a row.
RowStagePtr make_new_pattern_stage(std::shared_ptr<const PatternBirths> births);

}  // namespace obelisk::logql
