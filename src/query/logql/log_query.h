#pragma once
// Log queries: the entries of a selector, newest or oldest first, up to a limit.
#include "query/logql/engine.h"

namespace obelisk::logql {

Result<LogqlResult> run_log_query(QueryContext& context, const LogSelector& selector,
                                  const RangeRequest& request);

}  // namespace obelisk::logql
