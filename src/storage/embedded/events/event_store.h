#pragma once
// The spans, log lines and exemplars of one tenant: a head in memory per table, and immutable parts in day
// partitions,
// "<directory>/<table>/<yyyymmdd>/<number>.part".
//
// A change of the parts is made in two steps: flush, merge, apply_retention and erase write and sync new
// files and return a Change; the owner puts it into the manifest and then calls commit (the store switches
// over) or abandon (the files are removed). A flush and a merge or retention may be open at the same time,
// not two of a kind. Readers hold an EventView; files that a change removes go away when the last view that
// holds them does.
//
// Threads: apply and settle from one thread (the log's), flushes from one thread at a time, merges, erasures
// and retention from one thread at a time, everything else from any.
#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/thread_annotations.h"
#include "env/disk.h"
#include "storage/embedded/events/event_erasures.h"
#include "storage/embedded/events/event_head.h"
#include "storage/embedded/events/event_view.h"
#include "storage/embedded/events/part_merge.h"

namespace obelisk {

class SpanPieces;

struct EventStoreOptions {
  RowGroupLimits row_groups;
  MergePolicy merge;
};

class EventStore {
 public:
  // Opens the named parts (their directories only) and removes files that are none of them.
  static Result<std::unique_ptr<EventStore>> open(Disk& disk, std::string directory,
                                                  EventStoreOptions options,
                                                  const std::vector<std::string>& part_names,
                                                  const std::vector<ErasurePtr>& erasures = {});

  // Returns the memory that the rows take.
  size_t apply(HeadBatchPtr batch, uint64_t sequence) EXCLUDES(mutex_);
  size_t apply(const BatchPtr& batch, uint64_t sequence) EXCLUDES(mutex_) {
    return apply(HeadBatch::pack(*batch), sequence);
  }
  // Everything up to `sequence` is visible to every new view: small batches may be put together.
  void settle(uint64_t sequence) EXCLUDES(mutex_);
  EventViewPtr view(uint64_t sequence) const EXCLUDES(mutex_);
  size_t head_bytes() const EXCLUDES(mutex_);
  size_t part_count() const EXCLUDES(mutex_);
  // Makes the latest parts ready to be asked for traces (EventPart::prepare_lookups).
  void prepare_lookups() const EXCLUDES(mutex_);
  // Lets go of what parts keep for searches and no search used since the last call.
  void release_unused() const EXCLUDES(mutex_);

  struct Change {
    std::vector<std::string> new_parts;
    std::vector<std::string> removed_parts;
    uint64_t through_sequence = 0;  // of a flush: the head up to here is in new_parts
    bool is_flush = false;
    uint64_t clean_id = 0;  // erasures up to this one have been applied to the new parts
    std::vector<std::shared_ptr<EventPart>> opened;  // the new parts
    bool empty() const { return new_parts.empty() && removed_parts.empty(); }
  };
  // The head up to `sequence`, which must be visible to every new view, or further: up to what is settled,
  // since a batch that was put together holds rows of both sides. The change says how far.
  Result<Change> flush(uint64_t sequence) EXCLUDES(mutex_);
  // One merge, when one pays. Parts of a merge that met damage are left as they are until the store is opened
  // again, and so is a part that an erasure cannot be taken out of: everything else goes on.
  Result<std::optional<Change>> merge() EXCLUDES(mutex_);
  struct PartSize {
    Table table = Table::logs;
    int64_t end_nanos = 0;  // of the part's day
    uint64_t bytes = 0;
  };
  std::vector<PartSize> part_sizes() const EXCLUDES(mutex_);
  // Whole days that end at or before `keep_from`, of one table.
  Result<Change> apply_retention(Table table, UnixNanos keep_from) EXCLUDES(mutex_);
  // Hides the rows that it takes from views made afterwards; the next start is given it again until it is
  // finished. Everything up to its sequence is in parts, and nothing later (event_erasures.h).
  void activate(ErasurePtr erasure) EXCLUDES(mutex_);
  size_t erasure_count() const EXCLUDES(mutex_);
  // Writes one part with erased rows anew without them; nullopt when no part is left that has any.
  Result<std::optional<Change>> apply_erasures() EXCLUDES(mutex_);
  // Those that nothing is left to do for: no part holds their rows, and files that did are gone.
  std::vector<uint64_t> finished_erasures() const EXCLUDES(mutex_);
  void forget(const std::vector<uint64_t>& ids) EXCLUDES(mutex_);
  void commit(const Change& change) EXCLUDES(mutex_);
  void abandon(const Change& change) EXCLUDES(mutex_);

 private:
  EventStore(Disk& disk, std::string directory, EventStoreOptions options)
      : disk_(disk), directory_(std::move(directory)), options_(std::move(options)) {}

  Result<void> remove_orphans(const std::vector<std::string>& part_names);
  Result<void> flush_table(Table table, const std::vector<HeadBatchPtr>& head, uint64_t order_key,
                           Change& change);
  Result<void> write_pieces(const std::vector<PackedBatchPtr>& batches, SpanPieces& pieces,
                            const LabelRanks& ranks, uint64_t order_key, Change& change);
  Result<void> write_days(Table table, const std::vector<PackedBatchPtr>& batches,
                          std::span<const OrderedRow> rows, const LabelRanks& ranks, uint64_t order_key,
                          Change& change);
  Result<void> write_day(Table table, std::span<const OrderedRow> rows, const std::vector<size_t>& ends,
                         std::span<EncodedRowGroup> groups, const LabelRanks& ranks, uint64_t order_key,
                         Change& change);
  Result<void> open_new(const std::string& name, Change& change);
  std::string next_part_name(Table table, int64_t day);
  void sort_parts() REQUIRES(mutex_);
  void update_visible() REQUIRES(mutex_);
  std::shared_ptr<EventPart> part_to_clean(std::vector<ErasurePtr>& concerning, uint64_t& last_id)
      EXCLUDES(mutex_);

  Disk& disk_;
  const std::string directory_;
  const EventStoreOptions options_;
  std::atomic<uint64_t> next_number_ = 1;
  std::atomic<bool> flush_open_ = false;
  std::atomic<bool> merge_open_ = false;

  mutable Mutex mutex_;
  std::array<EventHead, 3> heads_ GUARDED_BY(mutex_);
  uint64_t settled_ GUARDED_BY(mutex_) = 0;
  std::array<std::vector<std::shared_ptr<EventPart>>, 3> parts_ GUARDED_BY(mutex_);  // by order key
  EventErasures erasures_ GUARDED_BY(mutex_);
  std::array<std::shared_ptr<const VisibleRows>, 3> visible_ GUARDED_BY(mutex_);
  std::set<std::string> unmergeable_ GUARDED_BY(mutex_);  // parts of merges that met damage
  std::set<std::string> unerasable_ GUARDED_BY(mutex_);   // parts that erased rows cannot be taken out of
  // Parts that held erased rows and were replaced: their files go with the last view that holds them.
  std::vector<std::weak_ptr<EventPart>> leaving_ GUARDED_BY(mutex_);
  const std::shared_ptr<RepeatedLinesCache> repeated_lines_ = std::make_shared<RepeatedLinesCache>();
  const std::array<std::shared_ptr<TraceOverlapCache>, 3> overlaps_{std::make_shared<TraceOverlapCache>(),
                                                                    std::make_shared<TraceOverlapCache>(),
                                                                    std::make_shared<TraceOverlapCache>()};
  const std::array<std::shared_ptr<ValueListCache>, 3> value_lists_{std::make_shared<ValueListCache>(),
                                                                    std::make_shared<ValueListCache>(),
                                                                    std::make_shared<ValueListCache>()};
};

// Days since the epoch of a time, rounding down, and "20260503".
int64_t day_of(int64_t unix_nanos);
std::string day_name(int64_t day);

}  // namespace obelisk
