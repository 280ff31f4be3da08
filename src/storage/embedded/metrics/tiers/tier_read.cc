// The reading half of the tier store.
#include "storage/embedded/metrics/tiers/tier_store.h"

#include <algorithm>

#include "storage/embedded/metrics/erasing_source.h"
#include "storage/embedded/metrics/sample_cursor.h"
#include "storage/embedded/metrics/series_selector.h"

namespace obelisk {
namespace {

constexpr int64_t kDayNanos = kDayMillis * kNanosPerMilli;
// What a report looks at: some eleven centuries would be more than a query can mean.
constexpr int64_t kReportDaysMax = 40'000;

bool is_of_histograms(TierAspect aspect) {
  return aspect == TierAspect::histogram_first || aspect == TierAspect::histogram_last ||
         aspect == TierAspect::histogram_sum || aspect == TierAspect::histogram_count ||
         aspect == TierAspect::histogram_turns;
}

bool in_range(const TierPartName& name, const TimeRange& range) {
  const TierSpan span = name.span();
  return UnixNanos::from_millis(span.after_ms + 1) < range.end &&
         range.begin < UnixNanos::from_millis(span.until_ms + 1);
}

int64_t day_of(int64_t time_ms) {
  constexpr int64_t kFar = INT64_MAX / kNanosPerMilli;
  return tier_day(std::clamp(time_ms, -kFar, kFar));
}

}  // namespace

TierReport TierStore::report(const MetricStore& raw, UnixNanos now, int64_t after_ms,
                             int64_t until_ms) const {
  TierReport report;
  if (options_.rules.empty()) return report;
  const MetricParts raw_parts = raw.parts();
  const int64_t unflushed = raw.unflushed_min_time();
  const int64_t unflushed_day = unflushed == INT64_MAX ? INT64_MAX : day_of(UnixNanos{unflushed}.to_millis());
  MutexLock lock(mutex_);
  report.raw_after_ms = raw_after_ms_;
  for (const TierRule& rule : options_.rules) {
    TierReport::Tier& tier = report.tiers.emplace_back();
    tier.resolution_ms = rule.resolution_ms;
    std::set<int64_t> covered;
    std::set<int64_t> unclean;
    int64_t first = INT64_MAX;
    for (const TierPart& part : parts_) {
      if (part.name.resolution_ms != rule.resolution_ms) continue;
      first = std::min(first, part.name.first_day);
      auto clean = clean_through_.find(part.name.text());
      bool waits = false;
      for (const ErasurePtr& erasure : erasures_of_tier(part, erasures_))
        waits |= clean == clean_through_.end() || clean->second < erasure->record.id;
      for (int64_t day = part.name.first_day; day < part.name.first_day + part.name.days; ++day) {
        covered.insert(day);
        if (waits) unclean.insert(day);
      }
    }
    if (first == INT64_MAX) continue;
    first = std::max(first, day_of(after_ms + 1));
    int64_t last = std::min(due_before_day(now) - 1, day_of(until_ms));
    first = std::max(first, last - kReportDaysMax);
    DaySet with_samples = raw_days(raw_parts, first, last);
    for (int64_t day = first; day <= last; ++day) {
      if (!is_kept(rule, day, now)) continue;
      bool is_current = covered.contains(day);
      // While the samples are there the tier must say the same as they do.
      if (day * kDayMillis >= raw_after_ms_) {
        is_current |= empty_days_.contains(day) || !with_samples.contains(day);
        is_current &= !dirty_.contains(day) && !unclean.contains(day) && day < unflushed_day;
      }
      if (!is_current) continue;
      int64_t begin = day * kDayMillis;
      if (!tier.spans.empty() && tier.spans.back().until_ms == begin) {
        tier.spans.back().until_ms += kDayMillis;
      } else {
        tier.spans.push_back({begin, begin + kDayMillis});
      }
    }
  }
  return report;
}

Result<std::unique_ptr<Cursor>> TierStore::open_scan(const Scan& scan, Budget& budget,
                                                     const Cancel& cancel) const {
  OBELISK_ASSERT(scan.tier.has_value());
  if (scan.table != Table::samples || scan.unit != Unit::series)
    return make_error(ErrorCode::invalid_argument, "a tier is read by series of samples");
  OBELISK_CHECK_OK(cancel.check());
  std::vector<TierPart> selected;
  std::vector<ErasurePtr> erasures;
  {
    MutexLock lock(mutex_);
    erasures = erasures_;
    for (const TierPart& part : parts_) {
      bool has_aspect = !is_of_histograms(scan.tier->aspect) ||
                        (part.part->footer().flags & PartFooter::kHasHistograms) != 0;
      if (has_aspect && part.name.resolution_ms == scan.tier->resolution_ms &&
          in_range(part.name, scan.range))
        selected.push_back(part);
    }
  }
  std::vector<std::unique_ptr<SeriesSource>> sources;
  bool exact = true;
  for (const TierPart& part : selected) {
    OBELISK_TRY(SeriesSelection selection, select_series(*part.part, scan.where));
    exact &= selection.exact;
    if (selection.series.empty()) continue;
    std::unique_ptr<SeriesSource> source =
        std::make_unique<TierSource>(part.part, part.name, std::move(selection.series), scan.tier->aspect);
    std::vector<ErasurePtr> concerning = erasures_of_tier(part, erasures);
    if (!concerning.empty())
      source = std::make_unique<ErasingSource>(std::move(source), std::move(concerning));
    sources.push_back(std::move(source));
  }
  return SampleCursor::open(std::move(sources), scan, exact, false, budget, cancel);
}

Result<std::vector<Labels>> TierStore::series(const Scan& scan, const Cancel& cancel) const {
  std::vector<Labels> found;
  Budget budget;
  std::set<int64_t> resolutions;
  for (const TierPart& part : parts()) resolutions.insert(part.name.resolution_ms);
  for (int64_t resolution : resolutions) {
    for (TierAspect aspect : {TierAspect::last, TierAspect::histogram_last}) {
      Scan own = scan;
      own.unit = Unit::series;
      own.columns.clear();
      own.all_columns = false;
      own.tier = TierRead{resolution, aspect};
      OBELISK_TRY(std::unique_ptr<Cursor> cursor, open_scan(own, budget, cancel));
      for (;;) {
        OBELISK_TRY(BatchPtr batch, cursor->next());
        if (!batch) break;
        OBELISK_CHECK_OK(cancel.check());
        for (const Group& group : batch->groups) {
          if (group.row_count > 0) found.emplace_back(group.labels);
        }
      }
    }
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
  }
  if (scan.limit != 0 && found.size() > scan.limit) found.resize(scan.limit);
  return found;
}

}  // namespace obelisk
