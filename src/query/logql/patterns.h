#pragma once
// The patterns of the lines that a log query selects, with how many lines each had in every step.
#include <string>
#include <vector>

#include "query/logql/engine.h"
#include "query/logql/pattern_miner.h"

namespace obelisk::logql {

struct PatternsResult {
  std::vector<PatternMiner::Pattern> patterns;  // the most frequent first
  StepGrid grid;                                // steps are [at(i), at(i) + step)
  uint64_t lines_read = 0;
  std::string incomplete;  // why not every line is counted; empty: all are
};

// Lines are read newest first, at most kPatternLinesMax. Levels are taken from detected_level or level.
inline constexpr uint64_t kPatternLinesMax = 1'000'000;  // about two seconds of one core
Result<PatternsResult> find_patterns(QueryContext& context, const LogSelector& selector,
                                     const RangeRequest& request);

}  // namespace obelisk::logql
