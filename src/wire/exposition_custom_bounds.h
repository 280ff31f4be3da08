#pragma once
// Classic histograms as native ones with custom bounds (schema -53), which Prometheus calls
// convert_classic_histograms_to_nhcb. The _bucket, _count and _sum samples of one metric that stand together
// become one sample under the family's name, whose bounds are the le values without +Inf; exemplars of the
// buckets become its own, those without a time are left out. A metric that has a native histogram already
// keeps it. What does not make a sound histogram (no +Inf bucket and no count, decreasing counts) stays as it
// is. Pure function over one page.
#include <optional>
#include <span>

#include "model/histogram.h"
#include "wire/exposition.h"

namespace obelisk {

// With `keep_classic` the classic samples stay beside the new one.
void convert_classic_histograms(Exposition& page, bool keep_classic);

// The native histogram of cumulative buckets in ascending order of bound; the last bound may be +Inf. `count`
// is the count of all, or of the +Inf bucket when negative. Nothing when the buckets contradict each other.
struct ClassicBucket {
  double bound = 0;
  double cumulative_count = 0;
};
std::optional<Histogram> custom_bounds_histogram(std::span<const ClassicBucket> buckets, double count,
                                                 double sum);

}  // namespace obelisk
