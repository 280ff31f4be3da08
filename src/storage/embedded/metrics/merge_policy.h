#pragma once
// Which parts to merge next. Pure.
// Only parts that follow each other in order of arrival are merged, so that "the last to arrive wins" keeps
// its meaning. Of all runs of up to kMergePartsMax neighbours the one is taken whose total is the largest
// multiple of its largest part: that writes each byte few times. It must be at least kMergeGain, or, when
// there are many parts (each costs every query a look), kMergeGainUrgent. While nothing is written, parts of
// short blocks are merged for kMergeGainCalm: longer blocks are smaller.
#include <cstdint>
#include <optional>
#include <span>

namespace obelisk {

struct PartSummary {
  uint64_t bytes = 0;
  int64_t min_time = 0;
  int64_t max_time = 0;
  bool busy = false;              // being replaced already
  bool has_short_blocks = false;  // not nearly full, on average
};

struct MergeLimits {
  uint64_t bytes_max = 512u << 20;  // of the result: bounds one merge's work to some seconds
  // Retention drops whole parts: a part must not span more than a fraction of what is kept. Parts that span
  // more by themselves are left alone.
  int64_t span_ns_max = 3ll * 24 * 3600 * 1'000'000'000;
};

inline constexpr size_t kMergePartsMax = 10;
inline constexpr double kMergeGain = 3;
inline constexpr double kMergeGainUrgent = 1.7;
inline constexpr double kMergeGainCalm = 1.2;
inline constexpr size_t kManyParts = 16;

struct PartRun {
  size_t first = 0;
  size_t count = 0;
};

// Parts in order of arrival. `is_calm`: nothing waits to be flushed.
std::optional<PartRun> choose_parts_to_merge(std::span<const PartSummary> parts, const MergeLimits& limits,
                                             bool is_calm = false);

}  // namespace obelisk
