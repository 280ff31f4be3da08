#include "storage/embedded/events/trace_overlap.h"

#include <algorithm>

namespace obelisk {
namespace {

struct Entry {
  uint64_t key = 0;
  uint32_t part = 0;
  uint32_t row_group = 0;
};

}  // namespace

bool TraceOverlap::contains(uint64_t key) const {
  return std::binary_search(keys.begin(), keys.end(), key);
}

Result<std::shared_ptr<const TraceOverlap>> find_trace_overlap(const std::vector<EventPartPtr>& parts) {
  auto overlap = std::make_shared<TraceOverlap>();
  for (const EventPartPtr& part : parts)
    overlap->row_groups.emplace_back(part->directory().row_groups.size());
  std::vector<Entry> entries;
  for (uint32_t index = 0; index < parts.size() && parts.size() > 1; ++index) {
    OBELISK_TRY(auto of_part, parts[index]->trace_entries());
    for (const auto& [key, row_group] : of_part) entries.push_back({key, index, row_group});
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.key < b.key; });
  for (size_t begin = 0; begin < entries.size();) {
    size_t end = begin + 1;
    bool several = false;
    for (; end < entries.size() && entries[end].key == entries[begin].key; ++end)
      several = several || entries[end].part != entries[begin].part;
    if (several) {
      overlap->keys.push_back(entries[begin].key);
      for (size_t i = begin; i < end; ++i) overlap->row_groups[entries[i].part][entries[i].row_group] = 1;
    }
    begin = end;
  }
  return std::shared_ptr<const TraceOverlap>(std::move(overlap));
}

Result<std::shared_ptr<const TraceOverlap>> TraceOverlapCache::of(const std::vector<EventPartPtr>& parts) {
  MutexLock lock(mutex_);
  bool same =
      overlap_ != nullptr && std::equal(parts.begin(), parts.end(), parts_.begin(), parts_.end(),
                                        [](const EventPartPtr& a, const std::weak_ptr<const EventPart>& b) {
                                          return a == b.lock();
                                        });
  if (same) return overlap_;
  OBELISK_TRY(std::shared_ptr<const TraceOverlap> overlap, find_trace_overlap(parts));
  parts_.assign(parts.begin(), parts.end());
  overlap_ = overlap;
  return overlap;
}

}  // namespace obelisk
