#include "storage/embedded/events/scan_read_ahead.h"

#include <algorithm>
#include <bit>

namespace obelisk {
namespace {

constexpr size_t kFirstUnits = 16;
// As many requests as a disk works on at a time, and half as many again while they wait.
constexpr size_t kUnitsMax = 192;
// Of large row groups fewer: a few milliseconds of reading.
constexpr uint64_t kBytesMax = 3 << 20;
// A column is expected in the next row groups that was read in half of so many before them. (Threads that
// help each other note their reads in turn, so that one unit alone says little.)
constexpr size_t kUnitsRemembered = 6;
constexpr uint32_t kUnknown = ~uint32_t{0};

}  // namespace

void ScanReadAhead::note(const EventPart& part, uint32_t column, bool waited) {
  MutexLock lock(mutex_);
  follow_part(part);
  waited_ = waited_ || waited;
  if (numbers_[column] == kUnknown) {
    const ColumnId& id = part.directory().columns[column].id;
    auto known =
        std::find_if(columns_.begin(), columns_.end(), [&](const Column& known) { return known.id == id; });
    numbers_[column] = static_cast<uint32_t>(known - columns_.begin());
    if (known == columns_.end()) columns_.push_back({id, 0, false, false});
  }
  columns_[numbers_[column]].history |= 1;
}

void ScanReadAhead::follow_part(const EventPart& part) {
  if (part_ == &part) return;
  part_ = &part;
  numbers_.assign(part.directory().columns.size(), kUnknown);
}

// Goes on to unit `at`, and tells what is expected there.
void ScanReadAhead::advance(size_t at) {
  for (; at_ < at; ++at_) {
    for (Column& column : columns_) column.history <<= 1;
    if (asked_.empty()) continue;
    asked_bytes_ -= asked_.front();
    asked_.pop_front();
  }
  if (!waited_) return;
  const int units = static_cast<int>(std::min(at, kUnitsRemembered));
  for (Column& column : columns_) {
    int reads = std::popcount((column.history >> 1) & ((1u << kUnitsRemembered) - 1));
    bool expected = reads > 0 && 2 * reads >= units;
    column.fresh = expected && !column.expected;
    column.expected = expected;
  }
}

// Returns the bytes.
uint64_t ScanReadAhead::request(size_t unit, bool only_fresh, Selection& selection,
                                std::vector<Request>& out) const {
  const ScanUnit& asked = units_[unit];
  if (!asked.context) return 0;
  const EventPart& part = *asked.context->part;
  if (selection.part != &part) {
    selection.part = &part;
    selection.columns.assign(part.directory().columns.size(), 0);
    for (const Column& column : columns_) {
      if (!column.expected || (only_fresh && !column.fresh)) continue;
      for (uint32_t number : part.directory().columns_named(column.id)) selection.columns[number] = 1;
    }
  }
  Request made{unit, {}};
  uint64_t bytes = 0;
  const std::vector<ChunkInfo>& chunks = part.directory().row_groups[asked.row_group].chunks;
  for (size_t i = 0; i < chunks.size(); ++i) {
    if (selection.columns[chunks[i].column] == 0) continue;
    made.chunks.push_back(i);
    bytes += chunks[i].length;
  }
  if (!made.chunks.empty()) out.push_back(std::move(made));
  return bytes;
}

// What is to be asked for now.
std::vector<ScanReadAhead::Request> ScanReadAhead::requests() {
  std::vector<Request> made;
  depth_ = std::min(std::max(kFirstUnits, depth_ * 2), kUnitsMax);
  asked_end_ = std::max(asked_end_, at_ + 1);
  if (std::any_of(columns_.begin(), columns_.end(), [](const Column& column) { return column.fresh; })) {
    Selection fresh;
    for (size_t unit = at_ + 1; unit < asked_end_; ++unit) {
      uint64_t bytes = request(unit, true, fresh, made);
      asked_[unit - at_ - 1] += bytes;
      asked_bytes_ += bytes;
    }
  }
  Selection expected;
  while (asked_end_ < std::min(units_.size(), at_ + 1 + depth_) && asked_bytes_ < kBytesMax) {
    asked_.push_back(request(asked_end_++, false, expected, made));
    asked_bytes_ += asked_.back();
  }
  return made;
}

void ScanReadAhead::enter(size_t at) {
  std::vector<Request> made;
  {
    MutexLock lock(mutex_);
    if (at < at_) return;  // another thread is ahead
    advance(at);
    if (!waited_) return;
    made = requests();
  }
  for (const Request& request : made) {
    const ScanUnit& unit = units_[request.unit];
    unit.context->part->expect_chunks(unit.row_group, request.chunks);
  }
}

}  // namespace obelisk
