#pragma once
// `json`, `json name="path"` and `unpack`. What a malformed line yields: logs inventory A1.
#include <vector>

#include "base/result.h"
#include "query/logql/ast.h"
#include "query/logql/label_demand.h"
#include "query/logql/parser_hints.h"
#include "query/logql/row_stage.h"

namespace obelisk::logql {

// All fields, nested ones joined with `_`.
RowStagePtr make_json_stage(LabelDemand demand, ParserHints hints = {});
// Selected paths. Error: cannot parse expression.
Result<RowStagePtr> make_json_path_stage(const std::vector<LabelAssignment>& paths, ParserHints hints = {});
// String fields become labels and `_entry` the line, when there is one.
RowStagePtr make_unpack_stage(ParserHints hints = {});

}  // namespace obelisk::logql
