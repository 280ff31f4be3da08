#pragma once
// Downsampled tiers: what a store keeps of old samples in place of the samples themselves.
//
// A tier has a resolution. Its buckets are (end - resolution, end] for every multiple `end` of it, the shape
// of PromQL's windows: a window whose ends are such multiples holds whole buckets. Times are milliseconds,
// and of samples of one millisecond the last counts, as everywhere in PromQL. What a bucket keeps of a series
// are its aspects, each read by itself as rows of Table::samples (Scan::tier): those of a bucket at its end,
// those of a sample at the sample's time.
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace obelisk {

enum class TierAspect : uint8_t {
  first,  // the first and the last float, as it was, with its start time
  last,
  minimum,  // over the bucket's floats; NaN only where all are
  maximum,
  sum,
  count,  // how many floats
  lost,   // what the floats before falls add up to, so that last - first + lost is what a counter gained
          // within the bucket; no row where it is 0
  histogram_first,  // the same of native histograms
  histogram_last,
  histogram_sum,    // merged; no row where they cannot be (exponential with custom buckets)
  histogram_count,  // how many
  histogram_turns,  // both histograms at each place where a counter began anew or the shape changed
  ended,            // the last stale marker, where no sample of the bucket is later
};
inline constexpr size_t kTierAspectCount = 13;

struct TierRead {
  int64_t resolution_ms = 0;
  TierAspect aspect = TierAspect::last;
  bool operator==(const TierRead&) const = default;
};

// The end of the bucket that a time belongs to.
inline constexpr int64_t tier_bucket_end(int64_t time_ms, int64_t resolution_ms) {
  int64_t past = time_ms % resolution_ms;
  if (past == 0) return time_ms;
  return time_ms - past + (past > 0 ? resolution_ms : 0);
}

// Milliseconds after `after_ms` and up to `until_ms`, as windows and buckets are.
struct TierSpan {
  int64_t after_ms = 0;
  int64_t until_ms = 0;
  bool operator==(const TierSpan&) const = default;
};

// Which tiers hold a store's old samples.
struct TierReport {
  struct Tier {
    int64_t resolution_ms = 0;
    // Buckets that end inside say all that is known of their time: what was written, without what was erased.
    // Ascending, apart from each other.
    std::vector<TierSpan> spans;
  };
  std::vector<Tier> tiers;  // fine ones first
  // Of samples up to here only the tiers are left.
  int64_t raw_after_ms = std::numeric_limits<int64_t>::min();
};

bool tier_spans_cover(const std::vector<TierSpan>& spans, int64_t after_ms, int64_t until_ms);
// What both say: for a reader of several stores. A tier that one of them lacks is left out.
TierReport common_tiers(const TierReport& a, const TierReport& b);

}  // namespace obelisk
