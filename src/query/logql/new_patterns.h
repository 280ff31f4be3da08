#pragma once
// Lines of a new kind: `| new_pattern since 24h [for 5m]`, an extension of ours to LogQL.
//
// Defined on a line as stored, by its pattern (plan/text_pattern.h) and the lines of the same stream selector
// (its matchers alone, without the stages): a pattern is born at time b when a line has it at b and none has
// it in [b - since, b). A line at time t passes when its pattern was born at some b with b <= t <= b + for;
// without `for` only the first lines of a new pattern do. Whether a line passes thus depends on what is
// stored, not on the range, step or window of the query that asks.
//
// Found from counts by pattern that the store keeps templates for (Aggregate::by_pattern): first over the
// asked range, then backwards in slices that grow, until each pattern of the range is known to be older or
// not: kinds that come all the time are decided by the last minutes. Bounds: kPatternsMax patterns in a slice
// (too_large beyond), memory is charged to the budget. Immutable once made.
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "query/core/query_context.h"
#include "query/logql/ast.h"
#include "query/logql/row_source.h"

namespace obelisk::logql {

// What is new for one stage.
class PatternBirths {
 public:
  static constexpr size_t kPatternsMax = 100'000;
  static constexpr size_t kBucketsMax = 10'000;  // since must be at least this part of the range

  struct Born {
    std::vector<int64_t> times;  // ascending
    uint64_t line_count = 0;     // of the pattern in the range that was asked for, whether new or not
  };

  // All births that matter for lines in `rows`.
  static Result<PatternBirths> find(QueryContext& context, const std::vector<Matcher>& matchers,
                                    TimeRange rows, int64_t since_nanos, int64_t for_nanos);

  bool passes(std::string_view pattern, int64_t time) const;
  // Lines outside do not pass; empty when none does.
  TimeRange passing() const;
  const std::map<std::string, Born, std::less<>>& patterns() const { return births_; }
  // The store could not read part of it: more may seem new than is.
  const std::string& incomplete() const { return incomplete_; }

 private:
  friend class BirthSearch;
  std::map<std::string, Born, std::less<>> births_;
  int64_t for_nanos_ = 0;
  std::string incomplete_;
};

// Of all stages of a selector.
class NewPatterns {
 public:
  // Narrows `times`, where there is such a stage, to what can pass.
  static Result<NewPatterns> prepare(QueryContext& context, const LogSelector& selector, TimeRange& times);
  // Null when the stage is another one.
  std::shared_ptr<const PatternBirths> of_stage(size_t index) const {
    return index < births_.size() ? births_[index] : nullptr;
  }
  std::string incomplete() const;

 private:
  std::vector<std::shared_ptr<const PatternBirths>> births_;  // by stage; empty when there is no such stage
};

void note_incomplete(const NewPatterns& patterns, ReadStatistics& statistics);

}  // namespace obelisk::logql
