#include "storage/embedded/metrics/merge_policy.h"

#include <algorithm>

namespace obelisk {

namespace {

bool all_have_short_blocks(std::span<const PartSummary> parts) {
  return std::all_of(parts.begin(), parts.end(),
                     [](const PartSummary& part) { return part.has_short_blocks; });
}

}  // namespace

std::optional<PartRun> choose_parts_to_merge(std::span<const PartSummary> parts, const MergeLimits& limits,
                                             bool is_calm) {
  const double threshold = parts.size() > kManyParts ? kMergeGainUrgent : kMergeGain;
  double best_gain = 0;
  std::optional<PartRun> best;
  for (size_t first = 0; first < parts.size(); ++first) {
    uint64_t total = 0;
    uint64_t largest = 1;
    int64_t begin = INT64_MAX;
    int64_t end = INT64_MIN;
    for (size_t i = first; i < parts.size() && i - first < kMergePartsMax; ++i) {
      const PartSummary& part = parts[i];
      if (part.busy) break;
      total += part.bytes;
      largest = std::max(largest, part.bytes);
      begin = std::min(begin, part.min_time);
      end = std::max(end, part.max_time);
      // A part without samples has its limits reversed and no span.
      bool too_long = begin <= end && static_cast<uint64_t>(end) - static_cast<uint64_t>(begin) >
                                          static_cast<uint64_t>(limits.span_ns_max);
      if (total > limits.bytes_max || too_long) break;
      double gain = static_cast<double>(total) / static_cast<double>(largest);
      size_t count = i - first + 1;
      bool pays =
          gain >= (best ? best_gain : threshold) ||
          (!best && is_calm && gain >= kMergeGainCalm && all_have_short_blocks(parts.subspan(first, count)));
      if (count > 1 && pays) {
        best_gain = gain;
        best = PartRun{first, count};
      }
    }
  }
  return best;
}

}  // namespace obelisk
