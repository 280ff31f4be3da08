#pragma once
// `drop`, `keep` and `decolorize`.
#include <vector>

#include "base/result.h"
#include "query/logql/ast.h"
#include "query/logql/row_stage.h"

namespace obelisk::logql {

Result<RowStagePtr> make_drop_stage(const std::vector<LabelSelector>& selectors);
Result<RowStagePtr> make_keep_stage(const std::vector<LabelSelector>& selectors);
// Removes ANSI escape sequences from the line.
RowStagePtr make_decolorize_stage();

}  // namespace obelisk::logql
