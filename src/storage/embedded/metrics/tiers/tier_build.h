#pragma once
// Writes tier parts: of a day of samples, all resolutions in one pass, and of several tier parts, one behind
// the other. Files are synced when these return, their names in the directory are not. Work: the samples are
// read twice, once for the labels alone; memory: one series, and the index of the results. One thread.
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "env/disk.h"
#include "storage/embedded/metrics/metric_store.h"
#include "storage/embedded/metrics/tiers/tier_part.h"

namespace obelisk {

struct TierPart {
  TierPartName name;
  std::shared_ptr<const MetricPart> part;

  uint64_t clean_through() const { return part->footer().first_sequence; }
};

// Files of `names`, which are of one day and differ in their resolution. False: the day has no samples, and
// there are no files. Files of a call that failed are left to the caller.
Result<bool> write_tier_day(Disk& disk, const std::string& directory, const MetricStore& raw,
                            std::span<const TierPartName> names, uint64_t clean_through);

// One part of `name`, whose days hold those of `parts`; of the same resolution, ascending, without the
// buckets that erasures touch. False: nothing is left, and there is no file.
Result<bool> write_merged_tier(Disk& disk, const std::string& directory, const TierPartName& name,
                               std::span<const TierPart> parts, const std::vector<ErasurePtr>& erasures,
                               uint64_t clean_through);

// The sources of a part's series without what erasures later than those applied to it take.
std::vector<ErasurePtr> erasures_of_tier(const TierPart& part, const std::vector<ErasurePtr>& erasures);

}  // namespace obelisk
