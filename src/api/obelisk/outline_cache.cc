#include "api/obelisk/outline_cache.h"

#include <algorithm>
#include <chrono>

namespace obelisk {

Result<OutlineCache::OutlinePtr> OutlineCache::get(const Tenant& tenant, const TraceId& id, bool fresh,
                                                   int64_t now, const Cancel& cancel, const Reading& read) {
  const Key key{tenant, id};
  {
    MutexLock lock(mutex_);
    for (;;) {
      if (OutlinePtr found = find(key, fresh, now)) return found;
      if (!being_read_.contains(key)) break;
      // What another request reads now is fresh. Looks at its own end now and then.
      lock.wait_for(read_one_, std::chrono::milliseconds(20));
      OBELISK_CHECK_OK(cancel.check());
    }
    being_read_.insert(key);
  }
  Result<OutlinePtr> outline = read();
  MutexLock lock(mutex_);
  being_read_.erase(key);
  if (outline.ok() && *outline) put(key, *outline, now);
  read_one_.notify_all();
  return outline;
}

OutlineCache::OutlinePtr OutlineCache::find(const Key& key, bool fresh, int64_t now) {
  drop_idle(now);
  auto it = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.tenant == key.first && entry.outline->id == key.second;
  });
  if (it == entries_.end()) return nullptr;
  if (fresh && now - it->made > kOutlineFreshNanos) {
    drop(it);
    return nullptr;
  }
  it->used = now;
  entries_.splice(entries_.begin(), entries_, it);
  return it->outline;
}

void OutlineCache::put(const Key& key, OutlinePtr outline, int64_t now) {
  size_t bytes = outline->memory_bytes();
  if (bytes > kOutlineCacheBytesMax) return;
  while (!entries_.empty() && bytes_ + bytes > kOutlineCacheBytesMax) drop(std::prev(entries_.end()));
  entries_.push_front({key.first, std::move(outline), now, now, bytes});
  bytes_ += bytes;
}

void OutlineCache::drop(std::list<Entry>::iterator entry) {
  bytes_ -= entry->bytes;
  entries_.erase(entry);
}

void OutlineCache::drop_idle(int64_t now) {
  for (auto it = entries_.begin(); it != entries_.end();) {
    auto entry = it++;
    if (now - entry->used > kOutlineIdleNanos || now < entry->used) drop(entry);
  }
}

}  // namespace obelisk
