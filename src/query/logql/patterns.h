#pragma once
// The patterns of the lines that a log query selects, with how many lines each had in every step.
//
// Where the store applies the whole query, it counts lines by pattern itself, over any window, from the
// templates it keeps (Aggregate::by_pattern); other queries have all their lines looked at one by one, about
// a million a second, and end with what was counted when their time is up. What is alike is then folded
// (pattern_miner.h). Every line that was looked at is either in a pattern or in `others`.
#include <string>
#include <vector>

#include "query/logql/engine.h"
#include "query/logql/pattern_miner.h"

namespace obelisk::logql {

struct PatternsResult {
  std::vector<PatternMiner::Pattern> patterns;  // the most frequent first
  StepGrid grid;                                // steps are [at(i), at(i) + step)
  std::vector<uint64_t> others;                 // lines a step that no pattern was found for
  std::string incomplete;                       // why not every line is looked at; empty: all are
};

// Levels are taken from detected_level or level.
Result<PatternsResult> find_patterns(QueryContext& context, const LogSelector& selector,
                                     const RangeRequest& request);

}  // namespace obelisk::logql
