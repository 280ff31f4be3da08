// How an event store erases: rows are hidden at once, and parts written anew without them one by one.
#include <algorithm>

#include "storage/embedded/events/event_store.h"
#include "storage/embedded/events/part_erase.h"

namespace obelisk {

void EventStore::activate(ErasurePtr erasure) {
  MutexLock lock(mutex_);
  erasures_.activate(std::move(erasure));
  update_visible();
}

size_t EventStore::erasure_count() const {
  MutexLock lock(mutex_);
  return erasures_.count();
}

std::vector<uint64_t> EventStore::finished_erasures() const {
  MutexLock lock(mutex_);
  bool leaving = std::any_of(leaving_.begin(), leaving_.end(), [](auto& part) { return !part.expired(); });
  if (leaving) return {};
  return erasures_.finished(parts_);
}

void EventStore::forget(const std::vector<uint64_t>& ids) {
  MutexLock lock(mutex_);
  erasures_.forget(ids);
  std::erase_if(leaving_, [](auto& part) { return part.expired(); });
  update_visible();
}

void EventStore::update_visible() {
  for (size_t i = 0; i < parts_.size(); ++i) visible_[i] = erasures_.visible(parts_[i]);
}

std::shared_ptr<EventPart> EventStore::part_to_clean(std::vector<ErasurePtr>& concerning, uint64_t& last_id) {
  MutexLock lock(mutex_);
  last_id = erasures_.last_id();
  for (const auto& parts : parts_) {
    for (const auto& part : parts) {
      if (unerasable_.contains(part->name())) continue;
      concerning = erasures_.concerning(*part);
      if (!concerning.empty()) return part;
    }
  }
  return nullptr;
}

Result<std::optional<EventStore::Change>> EventStore::apply_erasures() {
  OBELISK_ASSERT(!merge_open_);
  for (;;) {
    std::vector<ErasurePtr> concerning;
    uint64_t last_id = 0;
    std::shared_ptr<EventPart> part = part_to_clean(concerning, last_id);
    if (part == nullptr) return std::optional<Change>();
    Change change;
    change.clean_id = last_id;
    std::string name = next_part_name(part->directory().table, day_of(part->directory().min_time));
    Result<ErasedPart> attempt = erase_from_part(disk_, directory_ + "/" + name, part, TimeRange(),
                                                 erased_rows(concerning), options_.row_groups);
    if (!attempt.ok()) {
      MutexLock lock(mutex_);
      if (attempt.error().code == ErrorCode::corrupt) unerasable_.insert(part->name());
      return attempt.error();
    }
    ErasedPart erased = *attempt;
    if (erased == ErasedPart::untouched) {
      MutexLock lock(mutex_);
      erasures_.mark_clean(part->name(), last_id);
      update_visible();
      continue;
    }
    change.removed_parts.push_back(part->name());
    if (erased == ErasedPart::rewritten) {
      if (Result<void> opened = open_new(name, change); !opened.ok()) {
        abandon(change);
        return opened.error();
      }
    }
    merge_open_ = true;
    return std::optional<Change>(std::move(change));
  }
}

}  // namespace obelisk
