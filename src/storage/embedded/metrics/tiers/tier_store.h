#pragma once
// The downsampled tiers of one tenant: immutable tier parts (tier_part.h) in one directory, made from the
// metric store's samples day by day.
//
//   1. A day is due when it ended `delay_nanos` ago. work() writes its parts, all resolutions in one pass.
//   2. Samples of such a day that come later, when they are flushed, mark it dirty: work() writes it anew.
//   3. An erasure takes whole buckets at once (readers leave them out); work() then writes the day anew where
//      its samples are there and the erasure took part of it, else the part without those buckets.
//   4. Parts of eight neighbouring days become one when they are old enough not to change.
//   5. Samples may go by retention while the tiers stay (raw_dropped()); what they said is then final: later
//      samples of that time do not reach the tiers. They are counted.
// Changes follow the metric store's protocol: work() and apply_retention() answer a change whose files are
// written and synced, the owner puts it and the dirty days it leaves into the manifest and calls commit(), or
// abandon(). One change may be open at a time. Files that no manifest names are removed by open().
//
// Threads: work(), apply_retention(), commit() and abandon() from one thread at a time, and not while an
// erasure is prepared; everything else from any. Memory: each open part's directory.
#include <map>
#include <set>

#include "base/thread_annotations.h"
#include "storage/embedded/metrics/tiers/raw_days.h"
#include "storage/embedded/metrics/tiers/tier_build.h"

namespace obelisk {

struct TierRule {
  int64_t resolution_ms = 0;    // divides a day
  int64_t retention_nanos = 0;  // 0: for ever
  bool operator==(const TierRule&) const = default;
};

struct TierOptions {
  std::vector<TierRule> rules;  // ascending resolutions; empty: no tiers
  // Samples that come later than this cost writing their day's tiers again.
  int64_t delay_nanos = 3600 * kNanosPerSecond;
  int64_t raw_retention_nanos = 0;  // of the samples; 0: for ever
};

class TierStore {
 public:
  // `directory` is created when needed and belongs to the store alone.
  static Result<std::unique_ptr<TierStore>> open(Disk& disk, std::string directory, TierOptions options,
                                                 const std::vector<std::string>& part_names,
                                                 int64_t raw_after_ms, const std::vector<int64_t>& dirty_days,
                                                 std::vector<ErasurePtr> erasures);
  ~TierStore();

  struct Change {
    uint64_t id = 0;  // 0: nothing to do
    std::vector<std::string> new_parts;
    std::vector<std::string> removed_parts;
  };
  // One day, one part or one merge; nullopt: nothing to do.
  Result<std::optional<Change>> work(const MetricStore& raw, UnixNanos now);
  // Parts that no rule keeps, and those that end at or before `dropped_until`.
  Result<std::optional<Change>> apply_retention(UnixNanos now, UnixNanos dropped_until);
  // What the manifest must say beside the change's parts.
  std::vector<int64_t> dirty_days_after(const Change& change) const;
  void commit(const Change& change);
  void abandon(const Change& change);

  // Days that have tiers, or are about to, and of which this new part of the metric store has samples.
  Result<std::vector<int64_t>> days_outdated_by(const std::shared_ptr<const MetricPart>& part) const;
  std::vector<int64_t> dirty_days_with(const std::vector<int64_t>& outdated) const;
  void mark_dirty(const std::vector<int64_t>& outdated);

  // Of samples up to here some are gone; ascends.
  void raw_dropped(int64_t through_ms);
  int64_t raw_after_ms() const;
  // Samples after this are still to be read for tiers that outlive them; nullopt: none are.
  std::optional<int64_t> raw_needed_after_ms(const MetricStore& raw, UnixNanos now) const;

  void activate(ErasurePtr erasure);
  // Whether some part still holds what the erasure takes.
  bool holds_erased(uint64_t erasure_id) const;
  void forget(const std::vector<uint64_t>& erasure_ids);

  TierReport report(const MetricStore& raw, UnixNanos now, int64_t after_ms, int64_t until_ms) const;
  // Of scan.tier; as the metric store does otherwise.
  Result<std::unique_ptr<Cursor>> open_scan(const Scan& scan, Budget& budget, const Cancel& cancel) const;
  // Label sets of series with rows of any resolution in the range. Sorted.
  Result<std::vector<Labels>> series(const Scan& scan, const Cancel& cancel) const;

  std::vector<TierPart> parts() const;

 private:
  struct Pending {
    std::vector<TierPart> added;
    std::vector<std::string> removed;
    std::map<int64_t, uint64_t> cleaned;  // days, and the mark they had when they were read
    std::vector<int64_t> empty_days;
  };

  TierStore(Disk& disk, std::string directory, TierOptions options)
      : disk_(disk), directory_(std::move(directory)), options_(std::move(options)) {}

  Result<void> open_parts(const std::vector<std::string>& names);
  Result<TierPart> open_part(const TierPartName& name) const;
  TierPartName new_name(int64_t resolution_ms, int64_t first_day, int64_t days) EXCLUDES(mutex_);
  Result<void> note_raw_days(const MetricStore& raw) EXCLUDES(mutex_);
  DaySet raw_days(const MetricParts& parts, int64_t first_day, int64_t last_day) const REQUIRES(mutex_);
  Change register_change(Pending pending) EXCLUDES(mutex_);

  int64_t due_before_day(UnixNanos now) const;
  bool is_kept(const TierRule& rule, int64_t day, UnixNanos now) const;
  bool has_part(int64_t resolution_ms, int64_t day) const REQUIRES(mutex_);
  bool outlives_samples(const TierRule& rule) const;
  bool is_wanting(int64_t day, UnixNanos now, bool outliving_only = false) const REQUIRES(mutex_);
  std::vector<int64_t> waiting_days(UnixNanos now) const REQUIRES(mutex_);

  Result<std::optional<Change>> apply_erasures(const MetricStore& raw, UnixNanos now);
  Result<std::optional<Change>> renew_dirty(const MetricStore& raw, UnixNanos now);
  Result<std::optional<Change>> build_due(const MetricStore& raw, UnixNanos now);
  Result<std::optional<Change>> merge_neighbours(UnixNanos now);
  Result<Change> build_days(const MetricStore& raw, std::vector<int64_t> days,
                            std::vector<std::string> removed, UnixNanos now);
  Result<Change> rewrite(const std::vector<TierPart>& parts, const TierPartName& name);
  void publish_gauges() REQUIRES(mutex_);

  Disk& disk_;
  const std::string directory_;
  const TierOptions options_;

  mutable Mutex mutex_;
  std::vector<TierPart> parts_ GUARDED_BY(mutex_);  // by resolution and first day
  std::vector<ErasurePtr> erasures_ GUARDED_BY(mutex_);
  // Of parts: erasures up to this number take nothing from it.
  std::map<std::string, uint64_t> clean_through_ GUARDED_BY(mutex_);
  std::map<int64_t, uint64_t> dirty_ GUARDED_BY(mutex_);  // days, with the mark that made them so
  uint64_t next_mark_ GUARDED_BY(mutex_) = 1;
  std::set<int64_t> empty_days_ GUARDED_BY(mutex_);    // due, and read without finding a sample
  std::set<int64_t> days_in_work_ GUARDED_BY(mutex_);  // being read
  std::shared_ptr<const RawDays> raw_days_ GUARDED_BY(mutex_) = std::make_shared<const RawDays>();
  int64_t raw_after_ms_ GUARDED_BY(mutex_) = std::numeric_limits<int64_t>::min();
  std::map<uint64_t, Pending> changes_ GUARDED_BY(mutex_);
  uint64_t next_change_id_ GUARDED_BY(mutex_) = 1;
  uint64_t next_file_number_ GUARDED_BY(mutex_) = 1;
  int64_t published_parts_ GUARDED_BY(mutex_) = 0;
  int64_t published_bytes_ GUARDED_BY(mutex_) = 0;
  int64_t published_rows_ GUARDED_BY(mutex_) = 0;
};

}  // namespace obelisk
