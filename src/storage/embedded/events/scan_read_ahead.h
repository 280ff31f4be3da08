#pragma once
// Asks the disk for what a scan will read of its next row groups while it looks at the first ones: a row
// group's column is a few KiB, so that a scan that waits for one after the other waits for the disk most of
// the time, and a disk that is asked for many at once reads them ten times as fast.
// - What will be read is taken from what was: the columns that the last row groups were read for. Which these
//   are follows from the data, as a condition is only tested where others have left rows.
// - Nothing is asked for as long as all that is read is in memory; from the first wait on more and more row
//   groups ahead are, up to kUnitsMax and kBytesMax, so that a scan that ends early has not read much in
//   vain.
// - Bytes go to the system's file cache, not to memory of ours.
// Thread safe: all threads of a scan use one. As long-lived as the scan.
#include <deque>
#include <utility>
#include <vector>

#include "base/thread_annotations.h"
#include "storage/embedded/events/scan_units.h"

namespace obelisk {

class ScanReadAhead {
 public:
  // `units`: in the order they will be looked at; they stay where they are.
  explicit ScanReadAhead(const std::vector<ScanUnit>& units) : units_(units) {}

  // A thread begins with unit `at`.
  void enter(size_t at) EXCLUDES(mutex_);
  // A column of the unit was read; `waited`: not from memory.
  void note(const EventPart& part, uint32_t column, bool waited) EXCLUDES(mutex_);

 private:
  struct Column {
    ColumnId id;
    uint32_t history = 0;  // bit i: read in the i-th unit before this one
    bool expected = false;
    bool fresh = false;  // expected, and not asked for yet in the units up to asked_end_
  };
  // Which columns of a part are meant, by number.
  struct Selection {
    const EventPart* part = nullptr;
    std::vector<uint8_t> columns;
  };
  struct Request {
    size_t unit = 0;
    std::vector<size_t> chunks;
  };

  void follow_part(const EventPart& part) REQUIRES(mutex_);
  void advance(size_t at) REQUIRES(mutex_);
  std::vector<Request> requests() REQUIRES(mutex_);
  uint64_t request(size_t unit, bool only_fresh, Selection& selection, std::vector<Request>& out) const
      REQUIRES(mutex_);

  const std::vector<ScanUnit>& units_;
  Mutex mutex_;
  size_t at_ GUARDED_BY(mutex_) = 0;
  bool waited_ GUARDED_BY(mutex_) = false;
  size_t depth_ GUARDED_BY(mutex_) = 0;      // row groups ahead
  size_t asked_end_ GUARDED_BY(mutex_) = 0;  // units before this were asked for
  uint64_t asked_bytes_ GUARDED_BY(mutex_) = 0;
  std::deque<uint64_t> asked_ GUARDED_BY(mutex_);  // the bytes of each unit from at_ + 1 up to asked_end_
  std::vector<Column> columns_ GUARDED_BY(mutex_);
  const EventPart* part_ GUARDED_BY(mutex_) = nullptr;
  std::vector<uint32_t> numbers_ GUARDED_BY(mutex_);  // by column of part_: the index into columns_
};

}  // namespace obelisk
