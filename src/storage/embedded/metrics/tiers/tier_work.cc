// What there is to do for the tiers of a tenant, one piece at a time: tier_store.h tells the rules.
#include "storage/embedded/metrics/tiers/tier_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "base/self_metrics.h"
#include "base/text.h"
#include "storage/embedded/metrics/series_selector.h"

namespace obelisk {
namespace {

constexpr int64_t kDayNanos = kDayMillis * kNanosPerMilli;
// Every part costs a query over its time a look: a year of 5 min are 46 parts then.
constexpr int64_t kMergedDays = 8;
// After this many more days of quiet: a late sample makes all days of its part be written anew.
constexpr int64_t kMergeAfterDays = 2;

int64_t floor_div(int64_t value, int64_t by) {
  return value / by - (value % by < 0 ? 1 : 0);
}

bool overlap(const TierPartName& name, int64_t first_day, int64_t end_day) {
  return name.first_day < end_day && first_day < name.first_day + name.days;
}

}  // namespace

int64_t TierStore::due_before_day(UnixNanos now) const {
  return floor_div(now.value - options_.delay_nanos, kDayNanos);
}

bool TierStore::is_kept(const TierRule& rule, int64_t day, UnixNanos now) const {
  return rule.retention_nanos == 0 ||
         (day + 1) * kDayMillis > UnixNanos{now.value - rule.retention_nanos}.to_millis();
}

bool TierStore::has_part(int64_t resolution_ms, int64_t day) const {
  return std::any_of(parts_.begin(), parts_.end(), [&](const TierPart& part) {
    return part.name.resolution_ms == resolution_ms && overlap(part.name, day, day + 1);
  });
}

bool TierStore::outlives_samples(const TierRule& rule) const {
  if (options_.raw_retention_nanos == 0) return false;
  return rule.retention_nanos == 0 || rule.retention_nanos > options_.raw_retention_nanos;
}

bool TierStore::is_wanting(int64_t day, UnixNanos now, bool outliving_only) const {
  if (empty_days_.contains(day) || day * kDayMillis < raw_after_ms_) return false;
  return std::any_of(options_.rules.begin(), options_.rules.end(), [&](const TierRule& rule) {
    return (!outliving_only || outlives_samples(rule)) && is_kept(rule, day, now) &&
           !has_part(rule.resolution_ms, day);
  });
}

// Known days, due or not, that should have tiers and have not.
std::vector<int64_t> TierStore::waiting_days(UnixNanos now) const {
  std::set<int64_t> waiting;
  for (const auto& [part, days] : *raw_days_) {
    for (int64_t day : *days) {
      if (is_wanting(day, now)) waiting.insert(day);
    }
  }
  return {waiting.begin(), waiting.end()};
}

Result<void> TierStore::note_raw_days(const MetricStore& raw) {
  std::shared_ptr<const RawDays> known;
  {
    MutexLock lock(mutex_);
    known = raw_days_;
  }
  OBELISK_TRY(RawDays days, days_of_parts(*known, raw.parts()));
  MutexLock lock(mutex_);
  raw_days_ = std::make_shared<const RawDays>(std::move(days));
  return {};
}

std::optional<int64_t> TierStore::raw_needed_after_ms(const MetricStore& raw, UnixNanos now) const {
  bool any = std::any_of(options_.rules.begin(), options_.rules.end(),
                         [&](const TierRule& rule) { return outlives_samples(rule); });
  if (!any) return std::nullopt;
  MutexLock lock(mutex_);
  std::optional<int64_t> first;
  if (!dirty_.empty()) first = dirty_.begin()->first;
  for (int64_t day : raw_days(raw.parts(), floor_div(now.value, kDayNanos) - 4000, INT64_MAX / kDayNanos)) {
    if (first && *first <= day) break;
    if (!is_wanting(day, now, true)) continue;
    first = day;
    break;
  }
  if (!first) return std::nullopt;
  return *first * kDayMillis;
}

DaySet TierStore::raw_days(const MetricParts& parts, int64_t first_day, int64_t last_day) const {
  return days_at_most(*raw_days_, parts, first_day, last_day);
}

Result<std::optional<TierStore::Change>> TierStore::work(const MetricStore& raw, UnixNanos now) {
  {
    MutexLock lock(mutex_);
    if (!changes_.empty()) return make_error(ErrorCode::unavailable, "tiers: a change is under way");
  }
  OBELISK_TRY(std::optional<Change> change, apply_erasures(raw, now));
  if (change || options_.rules.empty()) return change;
  OBELISK_CHECK_OK(note_raw_days(raw));
  OBELISK_TRY(change, renew_dirty(raw, now));
  if (change) return change;
  OBELISK_TRY(change, build_due(raw, now));
  if (change) return change;
  return merge_neighbours(now);
}

// ---- building ----

Result<std::optional<TierStore::Change>> TierStore::build_due(const MetricStore& raw, UnixNanos now) {
  std::vector<int64_t> waiting;
  {
    MutexLock lock(mutex_);
    waiting = waiting_days(now);
  }
  if (waiting.empty() || waiting.front() >= due_before_day(now)) return std::optional<Change>();
  OBELISK_TRY(Change change, build_days(raw, {waiting.front()}, {}, now));
  return std::optional(std::move(change));
}

// A dirty day, with all days that share a part with it.
Result<std::optional<TierStore::Change>> TierStore::renew_dirty(const MetricStore& raw, UnixNanos now) {
  std::vector<int64_t> days;
  std::vector<std::string> removed;
  int64_t first = 0;
  bool final = false;
  {
    MutexLock lock(mutex_);
    if (dirty_.empty()) return std::optional<Change>();
    first = dirty_.begin()->first;
    int64_t end = first + 1;
    for (bool grew = true; grew;) {
      grew = false;
      for (const TierPart& part : parts_) {
        const TierPartName& name = part.name;
        if (!overlap(name, first, end) || (first <= name.first_day && name.first_day + name.days <= end))
          continue;
        first = std::min(first, name.first_day);
        end = std::max(end, name.first_day + name.days);
        grew = true;
      }
    }
    for (const TierPart& part : parts_) {
      if (overlap(part.name, first, end)) removed.push_back(part.name.text());
    }
    final = first * kDayMillis < raw_after_ms_;
    if (final) first = dirty_.begin()->first;
    for (int64_t day = first; day < (final ? first + 1 : end); ++day) days.push_back(day);
  }
  if (!final) {
    OBELISK_TRY(Change change, build_days(raw, days, removed, now));
    return std::optional(std::move(change));
  }
  static Counter& late = counter("obelisk_metrics_tier_late_days_total",
                                 "Days whose tiers lack samples that came when others were gone already.");
  late.add();
  log_warning("storage", fmt::format("tiers: samples of the day from {} came too late for its tiers",
                                     format_rfc3339(first * kDayNanos)));
  Pending pending;
  {
    MutexLock lock(mutex_);
    pending.cleaned[first] = dirty_[first];
  }
  return std::optional(register_change(std::move(pending)));
}

// Files of an attempt that failed are removed: no manifest names them.
Result<TierStore::Change> TierStore::build_days(const MetricStore& raw, std::vector<int64_t> days,
                                                std::vector<std::string> removed, UnixNanos now) {
  Pending pending;
  pending.removed = std::move(removed);
  std::vector<std::vector<TierPartName>> names;
  uint64_t clean_through = 0;
  {
    MutexLock lock(mutex_);
    clean_through = erasures_.empty() ? 0 : erasures_.back()->record.id;
    for (int64_t day : days) {
      days_in_work_.insert(day);
      std::vector<TierPartName>& of_day = names.emplace_back();
      bool all_anew = true;
      for (const TierRule& rule : options_.rules) {
        bool stays = std::any_of(parts_.begin(), parts_.end(), [&](const TierPart& part) {
          return part.name.resolution_ms == rule.resolution_ms && overlap(part.name, day, day + 1) &&
                 std::find(pending.removed.begin(), pending.removed.end(), part.name.text()) ==
                     pending.removed.end();
        });
        all_anew &= !stays;
        if (!stays && is_kept(rule, day, now))
          of_day.push_back({rule.resolution_ms, day, 1, next_file_number_++});
      }
      auto dirty = dirty_.find(day);
      if (all_anew && dirty != dirty_.end()) pending.cleaned[day] = dirty->second;
    }
  }
  auto attempt = [&]() -> Result<void> {
    OBELISK_CHECK_OK(disk_.create_directories(directory_));
    for (size_t i = 0; i < days.size(); ++i) {
      if (names[i].empty()) continue;
      OBELISK_TRY(bool any, write_tier_day(disk_, directory_, raw, names[i], clean_through));
      if (!any) {
        pending.empty_days.push_back(days[i]);
        continue;
      }
      OBELISK_CHECK_OK(disk_.sync_directory(directory_));
      for (const TierPartName& name : names[i]) {
        OBELISK_TRY(TierPart part, open_part(name));
        pending.added.push_back(std::move(part));
      }
    }
    return {};
  };
  Result<void> built = attempt();
  if (built.ok()) return register_change(std::move(pending));
  pending.added.clear();
  for (const std::vector<TierPartName>& of_day : names) {
    for (const TierPartName& name : of_day) (void)disk_.remove(directory_ + "/" + name.text()).ok();
  }
  MutexLock lock(mutex_);
  days_in_work_.clear();
  return built.error();
}

// ---- rewriting tier parts ----

Result<TierStore::Change> TierStore::rewrite(const std::vector<TierPart>& parts, const TierPartName& name) {
  std::vector<ErasurePtr> erasures;
  {
    MutexLock lock(mutex_);
    erasures = erasures_;
  }
  uint64_t clean_through = erasures.empty() ? 0 : erasures.back()->record.id;
  Pending pending;
  for (const TierPart& part : parts) pending.removed.push_back(part.name.text());
  auto attempt = [&]() -> Result<void> {
    OBELISK_TRY(bool any, write_merged_tier(disk_, directory_, name, parts, erasures, clean_through));
    if (!any) return {};
    OBELISK_CHECK_OK(disk_.sync_directory(directory_));
    OBELISK_TRY(TierPart part, open_part(name));
    pending.added.push_back(std::move(part));
    return {};
  };
  if (Result<void> written = attempt(); !written.ok()) {
    (void)disk_.remove(directory_ + "/" + name.text()).ok();
    return written.error();
  }
  return register_change(std::move(pending));
}

Result<std::optional<TierStore::Change>> TierStore::merge_neighbours(UnixNanos now) {
  std::vector<TierPart> group;
  int64_t number = 0;
  {
    MutexLock lock(mutex_);
    for (size_t i = 0; i < parts_.size() && group.empty(); ++i) {
      number = floor_div(parts_[i].name.first_day, kMergedDays);
      int64_t end = (number + 1) * kMergedDays;
      if (parts_[i].name.days >= kMergedDays || end + kMergeAfterDays > due_before_day(now)) continue;
      auto dirty = dirty_.lower_bound(number * kMergedDays);
      if (dirty != dirty_.end() && dirty->first < end) continue;
      for (const TierPart& part : parts_) {
        bool same = part.name.resolution_ms == parts_[i].name.resolution_ms &&
                    floor_div(part.name.first_day, kMergedDays) == number;
        if (same) group.push_back(part);
      }
      if (group.size() < 2) group.clear();
    }
  }
  if (group.empty()) return std::optional<Change>();
  TierPartName name = new_name(group[0].name.resolution_ms, number * kMergedDays, kMergedDays);
  OBELISK_TRY(Change change, rewrite(group, name));
  return std::optional(std::move(change));
}

Result<std::optional<TierStore::Change>> TierStore::apply_erasures(const MetricStore& raw, UnixNanos now) {
  std::vector<TierPart> parts;
  std::vector<ErasurePtr> erasures;
  int64_t raw_after_ms = 0;
  {
    MutexLock lock(mutex_);
    if (erasures_.empty()) return std::optional<Change>();
    erasures = erasures_;
    raw_after_ms = raw_after_ms_;
    for (const TierPart& part : parts_) {
      if (clean_through_[part.name.text()] < erasures.back()->record.id) parts.push_back(part);
    }
  }
  for (const TierPart& part : parts) {
    bool holds = false;
    bool whole = true;
    const TierSpan span = part.name.span();
    for (const ErasurePtr& erasure : erasures_of_tier(part, erasures)) {
      OBELISK_TRY(SeriesSelection selection, select_series(*part.part, erasure->where));
      if (selection.series.empty()) continue;
      holds = true;
      const TimeRange& range = erasure->record.range;
      whole &= range.begin <= UnixNanos::from_millis(span.after_ms + 1) &&
               UnixNanos::from_millis(span.until_ms) < range.end;
    }
    if (!holds) {
      MutexLock lock(mutex_);
      clean_through_[part.name.text()] = erasures.back()->record.id;
      continue;
    }
    // Buckets are taken whole; the samples that are left of them say what else they hold.
    if (!whole && span.after_ms >= raw_after_ms && !options_.rules.empty()) {
      std::vector<int64_t> days;
      for (int64_t day = 0; day < part.name.days; ++day) days.push_back(part.name.first_day + day);
      OBELISK_TRY(Change change, build_days(raw, std::move(days), {part.name.text()}, now));
      return std::optional(std::move(change));
    }
    TierPartName name = new_name(part.name.resolution_ms, part.name.first_day, part.name.days);
    OBELISK_TRY(Change change, rewrite({part}, name));
    return std::optional(std::move(change));
  }
  return std::optional<Change>();
}

// ---- retention ----

// Also parts of resolutions that are not configured any more.
Result<std::optional<TierStore::Change>> TierStore::apply_retention(UnixNanos now, UnixNanos dropped_until) {
  Pending pending;
  {
    MutexLock lock(mutex_);
    if (!changes_.empty()) return make_error(ErrorCode::unavailable, "tiers: a change is under way");
    for (const TierPart& part : parts_) {
      auto rule = std::find_if(options_.rules.begin(), options_.rules.end(), [&](const TierRule& one) {
        return one.resolution_ms == part.name.resolution_ms;
      });
      int64_t last_day = part.name.first_day + part.name.days - 1;
      bool is_over = part.name.span().until_ms <= dropped_until.to_millis();
      if (is_over || rule == options_.rules.end() || !is_kept(*rule, last_day, now))
        pending.removed.push_back(part.name.text());
    }
  }
  if (pending.removed.empty()) return std::optional<Change>();
  log_info("storage", fmt::format("retention: {} parts of downsampled tiers", pending.removed.size()));
  return std::optional(register_change(std::move(pending)));
}

}  // namespace obelisk
