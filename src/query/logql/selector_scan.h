#pragma once
// Lowers a log selector onto a Scan: stream matchers and the line filters that see the stored line become the
// scan's predicate, only the columns that the query can show or read are asked for.
#include <vector>

#include "query/core/query_context.h"
#include "query/logql/ast.h"
#include "query/logql/label_demand.h"
#include "query/logql/pipeline.h"

namespace obelisk::logql {

// Matchers as a predicate over labels.
Result<Expr> matchers_expression(const std::vector<Matcher>& matchers);

struct LoweredSelector {
  Expr where;
  std::vector<bool> applied;  // one a stage: the scan applies it fully
};
Result<LoweredSelector> lower_selector(const LogSelector& selector);

// What label filters say about rows: `| trace_id="..."` can only hold for rows whose stream, attributes or
// record fields have that value; behind a parser, also for rows whose line has it (or an escape). A condition
// that is necessary, not sufficient: the stages stay. Asks the reader which columns there are; always true
// when no filter helps.
Result<Expr> metadata_filter(QueryContext& context, const LogSelector& selector, TimeRange range);

// A scan of logs in `range` with the columns for `demand` (and the line when asked). Asks the reader which
// columns there are when not all are wanted.
Result<Scan> log_scan(QueryContext& context, Expr where, TimeRange range, const LabelDemand& demand,
                      bool reads_line);

}  // namespace obelisk::logql
