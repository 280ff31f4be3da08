#pragma once
// Counts of a row group's rows by labels and steps of time, run by run instead of row by row: all rows of a
// run have one key, and as they ascend by time, a step is a stretch of them. Only the times around the ends
// of steps are looked at, so that counting all lines of a day by the minute reads a few numbers a run.
#include <vector>

#include "plan/aggregate.h"
#include "storage/embedded/events/row_group_reader.h"

namespace obelisk {

class RunCounter {
 public:
  // Whether the aggregate asks for no more than counts by labels.
  static bool suits(const Aggregate& aggregate);

  explicit RunCounter(AggregateStates& states) : states_(states) {}

  // `mask` empty: all rows count. False: the rows do not ascend by time, nothing was counted.
  Result<bool> add(RowGroupReader& reader, const RowMask& mask, int64_t min_time, int64_t max_time);

 private:
  Result<uint32_t> group_of(RowGroupReader& reader, const GroupRun& run);
  void count_steps(RowTimes& times, const RowMask& mask, size_t row, size_t end, uint32_t group);

  AggregateStates& states_;
  // By group of the part read last: its number in the states.
  const LabelTable* labels_ = nullptr;
  std::vector<uint32_t> numbers_;
};

}  // namespace obelisk
