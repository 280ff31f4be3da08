#pragma once
// `logfmt`, its flags and its selected keys.
#include <vector>

#include "query/logql/ast.h"
#include "query/logql/label_demand.h"
#include "query/logql/parser_hints.h"
#include "query/logql/row_stage.h"

namespace obelisk::logql {

struct LogfmtOptions {
  bool strict = false;      // a broken pair sets LogfmtParserErr and ends the line
  bool keep_empty = false;  // keys without a value become labels
};

RowStagePtr make_logfmt_stage(LogfmtOptions options, LabelDemand demand, ParserHints hints = {});
// Only these keys, each a label on every line, empty when the line lacks it.
RowStagePtr make_logfmt_keys_stage(LogfmtOptions options, std::vector<LabelAssignment> keys,
                                   ParserHints hints = {});

}  // namespace obelisk::logql
