#include "storage/embedded/events/row_times.h"

#include <algorithm>

namespace obelisk {
namespace {

// The first of [first, end) for which `before` is false, when it is true up to there and false from there:
// steps that double, then halves.
template <typename Before>
size_t gallop(size_t first, size_t end, Before&& before) {
  if (first >= end || !before(first)) return first;
  size_t low = first, step = 1;
  while (low + step < end && before(low + step)) {
    low += step;
    step *= 2;
  }
  size_t high = std::min(end, low + step);
  ++low;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (before(middle)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

}  // namespace

size_t RowTimes::first_not_before(size_t first, size_t end, int64_t time) {
  auto before = [&](size_t row) { return at(row) < time; };
  if (whole_ != nullptr || first >= end) return gallop(first, end, before);
  // The block is the last that begins before `time`.
  constexpr size_t kBlock = IntegerSkips::kBlock;
  size_t block = first / kBlock, blocks_end = (end - 1) / kBlock + 1;
  size_t after =
      gallop(block + 1, blocks_end, [&](size_t number) { return pieces_->first_of(number) < time; });
  size_t low = std::max(first, (after - 1) * kBlock), high = std::min(end, after * kBlock);
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (before(middle)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

bool runs_ascend(const std::vector<GroupRun>& runs, const std::vector<int64_t>& times) {
  auto at = times.begin();
  for (const GroupRun& run : runs) {
    auto end = at + run.row_count;
    if (!std::is_sorted(at, end)) return false;
    at = end;
  }
  return true;
}

}  // namespace obelisk
