#include "storage/embedded/metrics/merge_policy.h"

#include <algorithm>

namespace obelisk {

std::optional<PartRun> choose_parts_to_merge(std::span<const PartSummary> parts, const MergeLimits& limits) {
  double best_gain = parts.size() > kManyParts ? kMergeGainUrgent : kMergeGain;
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
      if (i > first && gain >= best_gain) {
        best_gain = gain;
        best = PartRun{first, i - first + 1};
      }
    }
  }
  return best;
}

}  // namespace obelisk
