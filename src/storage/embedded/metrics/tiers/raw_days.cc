#include "storage/embedded/metrics/tiers/raw_days.h"

#include <algorithm>
#include <numeric>

#include "base/time.h"
#include "storage/embedded/metrics/series_source.h"
#include "storage/embedded/metrics/tiers/tier_part.h"

namespace obelisk {
namespace {

constexpr int64_t kDaysTakenWhole = 4;

int64_t day_of(int64_t nanos) {
  return tier_day(UnixNanos{nanos}.to_millis());
}

Result<void> add_block(PartSource& source, const BlockReference& reference, DaySet& days) {
  int64_t first = day_of(reference.min_time);
  int64_t last = day_of(reference.max_time);
  if (last - first < kDaysTakenWhole) {
    for (int64_t day = first; day <= last; ++day) days.insert(day);
    return {};
  }
  OBELISK_TRY(SampleBlock block, source.stored_block(reference, false));
  Samples samples;
  Arena unused;
  OBELISK_CHECK_OK(decode_block(block, false, samples, unused));
  for (int64_t time : samples.times) days.insert(day_of(time));
  return {};
}

}  // namespace

Result<DaySet> days_of_part(const std::shared_ptr<const MetricPart>& part) {
  DaySet days;
  const PartFooter& footer = part->footer();
  if (footer.sample_count == 0) return days;
  int64_t first = day_of(footer.min_time);
  int64_t last = day_of(footer.max_time);
  if (last - first < kDaysTakenWhole) {
    for (int64_t day = first; day <= last; ++day) days.insert(day);
    return days;
  }
  Postings all(part->series_count());
  std::iota(all.begin(), all.end(), 0);
  PartSource source(part, std::move(all));
  for (;;) {
    OBELISK_TRY(bool more, source.next());
    if (!more) return days;
    for (const BlockReference& block : source.blocks()) OBELISK_CHECK_OK(add_block(source, block, days));
  }
}

Result<RawDays> days_of_parts(const RawDays& known, const MetricParts& parts) {
  RawDays result;
  for (const auto& part : parts) {
    auto held = known.find(part->name());
    if (held != known.end()) {
      result.insert(*held);
      continue;
    }
    OBELISK_TRY(DaySet days, days_of_part(part));
    result.emplace(part->name(), std::make_shared<const DaySet>(std::move(days)));
  }
  return result;
}

DaySet days_at_most(const RawDays& known, const MetricParts& parts, int64_t first_day, int64_t last_day) {
  DaySet days;
  for (const auto& part : parts) {
    if (part->footer().sample_count == 0) continue;
    auto held = known.find(part->name());
    if (held != known.end()) {
      auto from = held->second->lower_bound(first_day);
      auto to = held->second->upper_bound(last_day);
      days.insert(from, to);
      continue;
    }
    int64_t last = std::min(last_day, day_of(part->footer().max_time));
    for (int64_t day = std::max(first_day, day_of(part->footer().min_time)); day <= last; ++day)
      days.insert(day);
  }
  return days;
}

}  // namespace obelisk
