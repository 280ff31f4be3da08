#pragma once
// Which days the parts of a metric store have samples of. A part that spans a few days is taken to have all
// of them; of one that spans more (late samples, a backfill, a wrong clock) the times of its blocks are read,
// and those of long blocks decoded. Values: any thread may read one.
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "storage/embedded/metrics/metric_part.h"

namespace obelisk {

using MetricParts = std::vector<std::shared_ptr<const MetricPart>>;
// Days as tier_day() counts them.
using DaySet = std::set<int64_t>;
// By the names of parts.
using RawDays = std::map<std::string, std::shared_ptr<const DaySet>>;

Result<DaySet> days_of_part(const std::shared_ptr<const MetricPart>& part);
// Of exactly these parts; what `known` has is not read again.
Result<RawDays> days_of_parts(const RawDays& known, const MetricParts& parts);
// All days of parts that `known` has; of others every day from their first to their last sample.
DaySet days_at_most(const RawDays& known, const MetricParts& parts, int64_t first_day, int64_t last_day);

}  // namespace obelisk
