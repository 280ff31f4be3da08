#include "storage/embedded/metrics/tiers/tier_store.h"

#include <algorithm>

#include "base/log.h"
#include "base/self_metrics.h"

namespace obelisk {

Result<std::unique_ptr<TierStore>> TierStore::open(Disk& disk, std::string directory, TierOptions options,
                                                   const std::vector<std::string>& part_names,
                                                   int64_t raw_after_ms,
                                                   const std::vector<int64_t>& dirty_days,
                                                   std::vector<ErasurePtr> erasures) {
  std::unique_ptr<TierStore> store(new TierStore(disk, std::move(directory), std::move(options)));
  {
    MutexLock lock(store->mutex_);
    store->erasures_ = std::move(erasures);
    store->raw_after_ms_ = raw_after_ms;
    for (int64_t day : dirty_days) store->dirty_[day] = store->next_mark_++;
  }
  OBELISK_CHECK_OK(store->open_parts(part_names));
  return store;
}

TierStore::~TierStore() {
  MutexLock lock(mutex_);
  parts_.clear();
  publish_gauges();
}

Result<void> TierStore::open_parts(const std::vector<std::string>& names) {
  OBELISK_TRY(bool exists, disk_.exists(directory_));
  std::vector<std::string> present;
  if (exists) {
    OBELISK_TRY(present, disk_.list(directory_));
  }
  std::set<std::string> wanted(names.begin(), names.end());
  MutexLock lock(mutex_);
  for (const std::string& name : present) {
    std::optional<TierPartName> parsed = parse_tier_part_name(name);
    if (!parsed) continue;
    next_file_number_ = std::max(next_file_number_, parsed->number + 1);
    if (!wanted.contains(name)) OBELISK_CHECK_OK(disk_.remove(directory_ + "/" + name));
  }
  for (const std::string& name : wanted) {
    std::optional<TierPartName> parsed = parse_tier_part_name(name);
    if (!parsed) return make_error(ErrorCode::corrupt, "manifest: no name of a tier part: " + name);
    OBELISK_TRY(TierPart part, open_part(*parsed));
    parts_.push_back(std::move(part));
  }
  std::sort(parts_.begin(), parts_.end(), [](const TierPart& a, const TierPart& b) {
    return std::pair(a.name.resolution_ms, a.name.first_day) <
           std::pair(b.name.resolution_ms, b.name.first_day);
  });
  publish_gauges();
  return {};
}

Result<TierPart> TierStore::open_part(const TierPartName& name) const {
  OBELISK_TRY(std::shared_ptr<const MetricPart> part, MetricPart::open(disk_, directory_, name.text()));
  return TierPart{name, std::move(part)};
}

TierPartName TierStore::new_name(int64_t resolution_ms, int64_t first_day, int64_t days) {
  MutexLock lock(mutex_);
  return {resolution_ms, first_day, days, next_file_number_++};
}

// ---- the changes' protocol ----

TierStore::Change TierStore::register_change(Pending pending) {
  MutexLock lock(mutex_);
  OBELISK_ASSERT(changes_.empty());
  Change change;
  change.id = next_change_id_++;
  for (const TierPart& part : pending.added) change.new_parts.push_back(part.name.text());
  change.removed_parts = pending.removed;
  changes_.emplace(change.id, std::move(pending));
  return change;
}

std::vector<int64_t> TierStore::dirty_days_after(const Change& change) const {
  MutexLock lock(mutex_);
  std::map<int64_t, uint64_t> left = dirty_;
  if (auto found = changes_.find(change.id); found != changes_.end()) {
    for (const auto& [day, mark] : found->second.cleaned) {
      if (auto at = left.find(day); at != left.end() && at->second <= mark) left.erase(at);
    }
  }
  std::vector<int64_t> days;
  for (const auto& [day, mark] : left) days.push_back(day);
  return days;
}

void TierStore::commit(const Change& change) {
  if (change.id == 0) return;
  std::vector<TierPart> dropped;  // their files go after the lock
  MutexLock lock(mutex_);
  auto found = changes_.find(change.id);
  OBELISK_ASSERT(found != changes_.end());
  Pending done = std::move(found->second);
  changes_.erase(found);
  days_in_work_.clear();
  for (const std::string& name : done.removed) {
    auto part = std::find_if(parts_.begin(), parts_.end(),
                             [&](const TierPart& held) { return held.name.text() == name; });
    OBELISK_ASSERT(part != parts_.end());
    part->part->doom();
    clean_through_.erase(name);
    dropped.push_back(std::move(*part));
    parts_.erase(part);
  }
  for (TierPart& part : done.added) parts_.push_back(std::move(part));
  std::sort(parts_.begin(), parts_.end(), [](const TierPart& a, const TierPart& b) {
    return std::pair(a.name.resolution_ms, a.name.first_day) <
           std::pair(b.name.resolution_ms, b.name.first_day);
  });
  for (const auto& [day, mark] : done.cleaned) {
    if (auto at = dirty_.find(day); at != dirty_.end() && at->second <= mark) dirty_.erase(at);
  }
  empty_days_.insert(done.empty_days.begin(), done.empty_days.end());
  publish_gauges();
}

void TierStore::abandon(const Change& change) {
  if (change.id == 0) return;
  Pending undone;
  MutexLock lock(mutex_);
  auto found = changes_.find(change.id);
  OBELISK_ASSERT(found != changes_.end());
  undone = std::move(found->second);
  changes_.erase(found);
  days_in_work_.clear();
  for (const TierPart& part : undone.added) part.part->doom();
}

// ---- late samples ----

Result<std::vector<int64_t>> TierStore::days_outdated_by(
    const std::shared_ptr<const MetricPart>& part) const {
  std::vector<int64_t> outdated;
  if (!part || part->footer().sample_count == 0) return outdated;
  {
    MutexLock lock(mutex_);
    int64_t first = tier_day(UnixNanos{part->footer().min_time}.to_millis());
    bool concerned =
        std::any_of(parts_.begin(), parts_.end(),
                    [&](const TierPart& tier) { return tier.name.first_day + tier.name.days > first; }) ||
        (!empty_days_.empty() && *empty_days_.rbegin() >= first) ||
        (!days_in_work_.empty() && *days_in_work_.rbegin() >= first);
    if (!concerned) return outdated;
  }
  OBELISK_TRY(DaySet days, days_of_part(part));
  MutexLock lock(mutex_);
  for (int64_t day : days) {
    bool has_tier = std::any_of(parts_.begin(), parts_.end(), [&](const TierPart& tier) {
      return tier.name.first_day <= day && day < tier.name.first_day + tier.name.days;
    });
    if (has_tier || empty_days_.contains(day) || days_in_work_.contains(day)) outdated.push_back(day);
  }
  return outdated;
}

std::vector<int64_t> TierStore::dirty_days_with(const std::vector<int64_t>& outdated) const {
  MutexLock lock(mutex_);
  std::set<int64_t> days(outdated.begin(), outdated.end());
  for (const auto& [day, mark] : dirty_) days.insert(day);
  return {days.begin(), days.end()};
}

void TierStore::mark_dirty(const std::vector<int64_t>& outdated) {
  MutexLock lock(mutex_);
  for (int64_t day : outdated) {
    dirty_[day] = next_mark_++;
    empty_days_.erase(day);
  }
}

void TierStore::raw_dropped(int64_t through_ms) {
  MutexLock lock(mutex_);
  raw_after_ms_ = std::max(raw_after_ms_, through_ms);
}

int64_t TierStore::raw_after_ms() const {
  MutexLock lock(mutex_);
  return raw_after_ms_;
}

// ---- erasures ----

void TierStore::activate(ErasurePtr erasure) {
  MutexLock lock(mutex_);
  erasures_.push_back(std::move(erasure));
}

bool TierStore::holds_erased(uint64_t erasure_id) const {
  MutexLock lock(mutex_);
  for (const ErasurePtr& erasure : erasures_) {
    if (erasure->record.id != erasure_id) continue;
    for (const TierPart& part : parts_) {
      auto clean = clean_through_.find(part.name.text());
      bool is_clean = clean != clean_through_.end() && clean->second >= erasure_id;
      if (!is_clean && !erasures_of_tier(part, {erasure}).empty()) return true;
    }
  }
  return false;
}

void TierStore::forget(const std::vector<uint64_t>& erasure_ids) {
  MutexLock lock(mutex_);
  std::erase_if(erasures_, [&](const ErasurePtr& erasure) {
    return std::find(erasure_ids.begin(), erasure_ids.end(), erasure->record.id) != erasure_ids.end();
  });
}

std::vector<TierPart> TierStore::parts() const {
  MutexLock lock(mutex_);
  return parts_;
}

// Shared by the stores of all tenants: each adds what has changed of its own.
void TierStore::publish_gauges() {
  static Gauge& parts = gauge("obelisk_metrics_tier_parts", "Parts of downsampled tiers, all tenants.");
  static Gauge& bytes =
      gauge("obelisk_metrics_tier_bytes", "Bytes of parts of downsampled tiers, all tenants.");
  static Gauge& rows =
      gauge("obelisk_metrics_tier_rows", "Values in parts of downsampled tiers, all tenants.");
  int64_t bytes_now = 0;
  int64_t rows_now = 0;
  for (const TierPart& part : parts_) {
    bytes_now += static_cast<int64_t>(part.part->file_bytes());
    rows_now += static_cast<int64_t>(part.part->footer().sample_count);
  }
  parts.add(static_cast<int64_t>(parts_.size()) - published_parts_);
  bytes.add(bytes_now - published_bytes_);
  rows.add(rows_now - published_rows_);
  published_parts_ = static_cast<int64_t>(parts_.size());
  published_bytes_ = bytes_now;
  published_rows_ = rows_now;
}

}  // namespace obelisk
