// What becomes of the log's files when nobody needs what they hold: used again, or removed.
#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "storage/embedded/wal/write_ahead_log.h"

namespace obelisk {
namespace {

// Free segment files kept for recycling; more are removed. One is in use next, one covers the flush that is
// running.
constexpr size_t kFreeFilesMax = 2;

}  // namespace

void WriteAheadLog::release(uint64_t sequence, bool include_active) {
  std::vector<LogSegment> kept;
  {
    MutexLock lock(segments_mutex_);
    size_t keep = has_active_ && !include_active ? 1 : 0;
    size_t free_count = free_paths_.size();
    while (segments_.size() > keep && segments_.front().last_sequence <= sequence) {
      const LogSegment& segment = segments_.front();
      // Only files of the usual size are worth keeping.
      bool is_kept = segment.segment > retired_ && free_count < kFreeFilesMax &&
                     segment.file_bytes <= options_.segment_bytes;
      if (is_kept) {
        kept.push_back(segment);
        ++free_count;
      } else {
        leaving_paths_.push_back(segment.path);
      }
      segments_.erase(segments_.begin());
    }
    renaming_ += kept.size();
  }
  remove_leaving();
  for (const LogSegment& segment : kept) {
    std::string path = fmt::format("{}/{:016x}.free", options_.directory, segment.segment);
    Result<void> renamed = disk_.rename(segment.path, path);
    // Harmless: recovery skips what the parts hold already.
    if (!renamed.ok()) log_warning("wal", "release: " + renamed.error().to_string());
    MutexLock lock(segments_mutex_);
    --renaming_;
    // It may have been retired meanwhile.
    bool is_free = renamed.ok() && segment.segment > retired_;
    (is_free ? free_paths_ : leaving_paths_).push_back(renamed.ok() ? path : segment.path);
  }
  if (!kept.empty()) remove_leaving();
}

uint64_t WriteAheadLog::retire() {
  uint64_t mark = 0;
  {
    MutexLock lock(segments_mutex_);
    mark = std::max(segments_.empty() ? 0 : segments_.back().segment, creating_);
    retired_ = std::max(retired_, mark);
    leaving_paths_.insert(leaving_paths_.end(), free_paths_.begin(), free_paths_.end());
    free_paths_.clear();
  }
  remove_leaving();
  MutexLock lock(mutex_);  // else the log's thread may be about to wait
  changed_.notify_all();
  return mark;
}

// What cannot be removed is tried again by the next release.
void WriteAheadLog::remove_leaving() {
  std::vector<std::string> paths;
  {
    MutexLock lock(segments_mutex_);
    paths = leaving_paths_;
  }
  for (const std::string& path : paths) {
    if (Result<void> removed = disk_.remove(path); !removed.ok()) {
      log_warning("wal", "a file that is not needed stays: " + removed.error().to_string());
      continue;
    }
    MutexLock lock(segments_mutex_);
    std::erase(leaving_paths_, path);
  }
}

bool WriteAheadLog::is_retired(uint64_t mark) const {
  MutexLock lock(segments_mutex_);
  bool left = !segments_.empty() && segments_.front().segment <= std::min(mark, retired_);
  // A file that is being made may be one that was used before.
  bool on_its_way = renaming_ > 0 || (creating_ != 0 && creating_ <= retired_);
  return !left && !on_its_way && leaving_paths_.empty();
}

bool WriteAheadLog::active_is_retired() const {
  MutexLock lock(segments_mutex_);
  return has_active_ && segments_.back().segment <= retired_;
}

}  // namespace obelisk
