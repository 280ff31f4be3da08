#include "storage/embedded/events/run_counts.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace obelisk {
namespace {

constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();

// Rows of [row, end) that count: the mask's bytes are 0 or 1.
uint64_t count_of(const RowMask& mask, size_t row, size_t end) {
  if (mask.empty()) return end - row;
  uint64_t count = 0;
  for (; row + 8 <= end; row += 8) {
    uint64_t bytes = 0;
    std::memcpy(&bytes, mask.data() + row, 8);
    count += static_cast<uint64_t>(__builtin_popcountll(bytes));
  }
  for (; row < end; ++row) count += mask[row];
  return count;
}

AggregateKeyPart part_of(LabelsView labels, const std::vector<ColumnId>& columns) {
  for (const ColumnId& id : columns) {
    std::string_view text = label_value(labels, id.name);
    if (!text.empty()) return {std::string(text), ColumnType::string};
  }
  return {};
}

}  // namespace

bool RunCounter::suits(const Aggregate& aggregate) {
  bool more = aggregate.needs_value() || aggregate.sum || aggregate.minimum || aggregate.maximum ||
              aggregate.histogram || aggregate.distinct_spans || aggregate.exemplar_slots > 0 ||
              aggregate.by_pattern.has_value() || aggregate.times;
  if (more) return false;
  return std::all_of(aggregate.by.begin(), aggregate.by.end(), [](const std::vector<ColumnId>& columns) {
    return std::all_of(columns.begin(), columns.end(),
                       [](const ColumnId& id) { return id.scope == Scope::label; });
  });
}

Result<uint32_t> RunCounter::group_of(RowGroupReader& reader, const GroupRun& run) {
  if (reader.label_table() != labels_) {
    labels_ = reader.label_table();
    numbers_.assign(labels_->size(), kNone);
  }
  uint32_t& number = numbers_[run.group];
  if (number != kNone) return number;
  LabelsView labels = reader.labels_of(run);
  AggregateKey key;
  for (const std::vector<ColumnId>& columns : states_.aggregate().by) key.push_back(part_of(labels, columns));
  if (states_.aggregate().by_all_labels) key.push_back({Labels(labels), ColumnType::string});
  OBELISK_TRY(number, states_.group_of(key));
  return number;
}

// Of rows [row, end) of one run.
void RunCounter::count_steps(RowTimes& times, const RowMask& mask, size_t row, size_t end, uint32_t group) {
  const Aggregate& aggregate = states_.aggregate();
  std::vector<uint64_t>& counts = states_.group(group).counts;
  row = times.first_not_before(row, end, aggregate.first_time);
  while (row < end) {
    size_t step = aggregate.step_of(times.at(row));
    if (step == aggregate.step_count) return;
    int64_t length = 0, next = 0;
    bool beyond = __builtin_mul_overflow(aggregate.step, static_cast<int64_t>(step) + 1, &length) ||
                  __builtin_add_overflow(aggregate.first_time, length, &next);
    size_t until = beyond ? end : times.first_not_before(row, end, next);
    counts[step] += count_of(mask, row, until);
    row = until;
  }
}

Result<bool> RunCounter::add(RowGroupReader& reader, const RowMask& mask, int64_t min_time,
                             int64_t max_time) {
  const Aggregate& aggregate = states_.aggregate();
  size_t step = aggregate.step_of(min_time);
  std::optional<RowTimes> times;
  if (step == aggregate.step_count || step != aggregate.step_of(max_time)) {
    OBELISK_TRY(times, reader.row_times());
    if (!times->ascending()) return false;
  }
  size_t row = 0;
  for (const GroupRun& run : reader.info().runs) {
    size_t end = row + run.row_count;
    // A group is made only when it has a row.
    bool any = mask.empty() || std::find(mask.begin() + static_cast<ptrdiff_t>(row),
                                         mask.begin() + static_cast<ptrdiff_t>(end),
                                         1) != mask.begin() + static_cast<ptrdiff_t>(end);
    if (any) {
      OBELISK_TRY(uint32_t group, group_of(reader, run));
      if (times) {
        count_steps(*times, mask, row, end, group);
      } else {
        states_.group(group).counts[step] += count_of(mask, row, end);
      }
    }
    row = end;
  }
  return true;
}

}  // namespace obelisk
