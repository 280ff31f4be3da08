#pragma once
// Why a TraceQL query finds what it finds, or nothing: how many spans are left after every stage, and how
// many spans fit each condition of a filter by itself and all others without it. Counts are exact, over the
// range; each is a query of its own (counted by the store where it can be), under the caller's budget and
// cancellation. Bound: kExplainedConditionsMax conditions; of a query with more the first are counted.
#include <string>
#include <string_view>
#include <vector>

#include "query/traceql/engine.h"

namespace obelisk::traceql {

inline constexpr size_t kExplainedConditionsMax = 64;

struct ExplainedCondition {
  std::string text;
  uint64_t alone = 0;    // spans that fit it
  uint64_t without = 0;  // that fit the filter's other conditions
};

struct ExplainedFilter {
  std::string text;
  uint64_t spans = 0;
  std::vector<ExplainedCondition> conditions;  // joined by &&; empty when there is one
};

struct ExplainedStage {
  std::string text;
  uint64_t spans = 0;  // left after it
  std::vector<ExplainedFilter> filters;
};

// One pipeline: a search has one, metrics arithmetic one an operand.
struct ExplainedPipeline {
  std::string text;
  std::vector<ExplainedStage> stages;
};

struct TraceqlExplanation {
  uint64_t spans = 0;  // in the range
  std::vector<ExplainedPipeline> pipelines;
  std::vector<std::string> why_empty;  // sentences; none when the query finds something
};

// Errors as prepare(), and those of reading.
Result<TraceqlExplanation> explain_traceql(const QueryContext& context, std::string_view query,
                                           TimeRange range);

}  // namespace obelisk::traceql
