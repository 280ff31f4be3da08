#pragma once
// Counts of a row group's rows by the entries of one column's dictionary, without decoding which row has
// which: what counting all spans by their service is. All rows must count, and lie in one step.

#include <string>
#include <unordered_map>
#include <vector>

#include "plan/aggregate.h"
#include "storage/embedded/events/row_group_reader.h"

namespace obelisk {

class EntryCounter {
 public:
  // Whether the aggregate asks for no more than counts by one column.
  static bool suits(const Aggregate& aggregate);

  explicit EntryCounter(AggregateStates& states) : states_(states) {}

  // False: the column is not a dictionary that every row uses, or one of the rows will be an exemplar;
  // nothing was counted.
  Result<bool> add(RowGroupReader& reader, size_t step);

 private:
  Result<uint32_t> group_of(std::string_view entry, ColumnType type);

  AggregateStates& states_;
  std::unordered_map<std::string, uint32_t> numbers_;  // by the type and the text
  std::string scratch_;
};

}  // namespace obelisk
