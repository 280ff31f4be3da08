#pragma once
// `line_format` and `label_format`. `now` is what the templates' now function gives: the moment of the query.
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "query/core/go_template.h"
#include "query/logql/ast.h"
#include "query/logql/row_stage.h"

namespace obelisk::logql {

Result<GoTemplate> parse_log_template(std::string_view what, std::string_view text);
Result<RowStagePtr> make_line_format_stage(std::string_view text, UnixNanos now);
Result<RowStagePtr> make_label_format_stage(const std::vector<LabelAssignment>& assignments, UnixNanos now);

}  // namespace obelisk::logql
