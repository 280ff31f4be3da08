#pragma once
// LogQL over a Reader: the one entry for APIs and rules. Stateless; every call belongs to its thread.
//
// Log queries read the range in slices that grow, from the end that the direction asks for, so that the
// newest hundred lines of a month do not load the month. Metric queries read each selector once. Errors:
// parse_error and invalid_argument with Loki's texts; too_large when a limit or the budget is passed.
#include <memory>
#include <string_view>

#include "query/core/query_context.h"
#include "query/logql/ast.h"
#include "query/logql/result.h"

namespace obelisk::logql {

enum class Direction : uint8_t { forward, backward };

struct LogqlLimits {
  uint64_t series_max = 500;     // of a metric result
  uint64_t points_max = 11'000;  // steps of a range query
};

struct RangeRequest {
  UnixNanos start;             // inclusive
  UnixNanos end;               // log queries: exclusive; metric queries: the last step is at or before it
  int64_t step_nanos = 0;      // metric queries; > 0
  int64_t interval_nanos = 0;  // log queries: entries at least this far apart; 0 = all
  uint64_t limit = 100;        // entries of a log query
  Direction direction = Direction::backward;
  bool categorise = false;  // streams keep only stream labels; metadata and parsed labels go with each entry
  UnixNanos now;            // for the templates' now function
};

Result<LogqlResult> query_range(QueryContext& context, std::string_view query, const RangeRequest& request,
                                const LogqlLimits& limits);
// Refuses log queries.
Result<LogqlResult> query_instant(QueryContext& context, std::string_view query, UnixNanos time,
                                  const LogqlLimits& limits);

// The same for a parsed and checked query (rules keep theirs).
Result<LogqlResult> run_range(QueryContext& context, const Query& query, const RangeRequest& request,
                              const LogqlLimits& limits);
Result<LogqlResult> run_instant(QueryContext& context, const Query& query, UnixNanos time,
                                const LogqlLimits& limits);

}  // namespace obelisk::logql
