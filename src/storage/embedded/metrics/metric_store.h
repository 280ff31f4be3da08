#pragma once
// The samples and metadata of one tenant: a head in memory and immutable parts in one directory.
//
// Writing: apply() puts a request into the head, visible when it returns. flush() freezes the head (a new one
// takes what comes next) and writes a part of it; the owner then names the part in its manifest, durably, and
// calls commit(), which puts the part in the frozen head's place in one step. abandon() instead leaves
// everything as it was; the next flush writes the same rows again. merge() and apply_retention() follow the
// same protocol. At most one flush and one merge or retention may be open (returned, neither committed nor
// abandoned) at a time; a second one answers unavailable. Files that no manifest named are removed by open().
// A replaced part's file is removed when the last cursor lets go.
//
// Erasing: prepare_erase() freezes the head, so that rows before and after an erasure lie apart; the owner
// puts the erasure into its manifest and calls activate(). Readers leave erased rows out from then on;
// flushes and merges write without them, and merge() also rewrites single parts that hold some. What
// finished_erasures() lists concerns nothing any more: the owner takes it out of the manifest and calls
// forget().
//
// Reading: open() collects everything at once under the store's lock: a request is seen wholly or not at all,
// and a cursor is not changed by what happens after it was opened. Samples do not keep their sequence: a scan
// at an older sequence also sees what was applied after it, so two cursors of one snapshot may differ by
// samples that arrived between them (never by flushes or merges). Of samples of one series with the same time
// the last applied is returned, by both units, before `where` is tested.
//
// Threads: apply() from one thread; everything else from any. The lock is held for as long as appending one
// batch, or selecting series in the head and copying their compressed samples, takes. Memory: the head (the
// owner bounds it by flushing at a head_bytes() of its choice), and each open part's directory. Format of the
// files: docs/formats/metric_part.md.
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/thread_annotations.h"
#include "env/disk.h"
#include "plan/sample_frame.h"
#include "storage/embedded/erasure.h"
#include "storage/embedded/metrics/merge_policy.h"
#include "storage/embedded/metrics/metric_part_build.h"
#include "storage/embedded/metrics/series_source.h"
#include "storage/reader.h"

namespace obelisk {

struct MetricStoreOptions {
  MergeLimits merge;
};

class MetricStore {
 public:
  // `directory` is created when missing and belongs to the store alone.
  static Result<std::unique_ptr<MetricStore>> open(Disk& disk, std::string directory,
                                                   MetricStoreOptions options,
                                                   std::vector<std::string> part_names,
                                                   std::vector<ErasurePtr> erasures = {});
  ~MetricStore();

  // The numbers of a batch's series, one a group, in the index they were looked up in.
  struct SeriesNumbers {
    std::shared_ptr<const SeriesIndex> index;
    std::vector<uint32_t> series;
  };

  // A batch of samples or metadata. Sequences ascend.
  void apply(const BatchPtr& batch, uint64_t sequence);
  // All batches of one request: neither a flush nor a reader comes between them. `numbers`: where known, of
  // each batch; else empty.
  void apply(std::span<const BatchPtr> batches, uint64_t sequence,
             std::span<const SeriesNumbers> numbers = {});

  // A batch of samples as the log holds it (plan/sample_frame.h), just before it is written to `segment`.
  // Series that no frame of that segment has defined are defined in this one. forget_logged(): frames that
  // were encoded did not reach the log.
  SeriesNumbers encode_for_log(const Batch& batch, uint64_t segment, std::string& out);
  void forget_logged();

  // Reading the log back, frames in its order. Gives the rows whose series no frame of the segment that is
  // left has defined: they cannot be taken. `definitions_only`: the rows are in parts.
  struct Replayed {
    uint64_t rows_undefined = 0;
  };
  Result<Replayed> replay(std::string_view sample_frame, uint64_t segment, uint64_t sequence,
                          bool definitions_only);
  void finish_replay();
  size_t head_bytes() const;
  // Of the head alone: not in parts, and not being written to one.
  uint64_t head_samples() const;

  struct Flush {
    uint64_t change_id = 0;  // 0: nothing to do, commit and abandon are no-ops
    std::vector<std::string> new_parts;
    std::vector<std::string> removed_parts;
    // Everything applied up to here is in the parts once the change is committed. 0 for merges and retention.
    uint64_t through_sequence = 0;
  };
  Result<Flush> flush();
  void commit(const Flush& change);
  void abandon(const Flush& change);
  // Merges a few parts into one if that pays; nullopt: nothing to do. Parts of a merge that met damage are
  // left as they are until the store is opened again, and so is one that cannot be asked for erased rows.
  Result<std::optional<Flush>> merge();
  // Drops the parts whose samples are all older than `keep_from`.
  Result<Flush> apply_retention(UnixNanos keep_from);

  std::vector<std::shared_ptr<const MetricPart>> parts() const;
  // Of an open change; null when it has none.
  std::shared_ptr<const MetricPart> new_part(const Flush& change) const;
  // Of the samples that are not in parts; INT64_MAX: there are none.
  int64_t unflushed_min_time() const;

  struct PartSize {
    int64_t max_time = 0;
    uint64_t bytes = 0;
  };
  // Of the parts that hold samples.
  std::vector<PartSize> part_sizes() const;

  // The last sequence applied. No flush, merge or retention may be under way until activate() or until the
  // erasure is given up.
  uint64_t prepare_erase();
  void activate(ErasurePtr erasure);
  size_t erasure_count() const;
  std::vector<uint64_t> finished_erasures() const;
  void forget(const std::vector<uint64_t>& erasure_ids);

  // As in storage/reader.h. Predicates are taken over whole; order is not; a limit is, unless rows are to be
  // ordered.
  Result<Plan> plan(const Snapshot& at, const Scan& scan) const;
  Result<std::unique_ptr<Cursor>> open(uint64_t at_sequence, const Scan& scan, Budget& budget,
                                       const Cancel& cancel) const;
  Result<std::vector<Labels>> series(const Scan& scan, const Cancel& cancel) const;
  Result<CardinalityReport> cardinality(const CardinalityQuery& query, const Cancel& cancel) const;
  // By the whole of each head and part that overlaps the range.
  Result<std::vector<ColumnInfo>> columns(const Scan& scan) const;
  Result<std::vector<ValueCount>> values(const Scan& scan, const ColumnId& column, uint64_t limit,
                                         const Cancel& cancel) const;

  struct Statistics {
    uint64_t head_series = 0;
    uint64_t head_samples = 0;
    uint64_t parts = 0;
    uint64_t part_bytes = 0;
    uint64_t part_samples = 0;
    uint64_t part_blocks = 0;
    uint64_t part_sample_bytes = 0;  // data and time pages
  };
  Statistics statistics() const;

 private:
  struct Change {
    bool is_flush = false;
    std::shared_ptr<const MetricPart> new_part;  // may be null
    std::vector<std::string> removed;
    size_t frozen_heads = 0;
    uint64_t clean_through = 0;  // erasures up to this id are applied to new_part
  };
  struct View {
    std::vector<std::unique_ptr<SeriesSource>> sources;
    bool exact = true;
    bool newest_only = false;
  };
  struct SelectedHead {
    std::shared_ptr<const MetricHead> head;
    uint64_t last_sequence = 0;
    std::shared_ptr<const SeriesIndex::Ranks> ranks;
    Postings series;
  };

  MetricStore(Disk& disk, std::string directory, MetricStoreOptions options)
      : disk_(disk), directory_(std::move(directory)), options_(options) {}

  Result<void> open_parts(std::vector<std::string> names);
  void add_batch(const Batch& batch, uint64_t sequence, const SeriesNumbers* numbers) REQUIRES(mutex_);
  void add_samples(const Batch& batch, std::span<const uint32_t> series, uint64_t sequence) REQUIRES(mutex_);
  void note_sequence(uint64_t sequence) REQUIRES(mutex_);
  uint64_t define_series(const SampleFrame& frame, uint64_t segment) REQUIRES(mutex_);
  void freeze_head() REQUIRES(mutex_);
  Statistics current_statistics() const REQUIRES(mutex_);
  void sort_parts() REQUIRES(mutex_);
  bool has_open_change(bool flush) const REQUIRES(mutex_);
  void freeze_for_erasures(uint64_t sequence) REQUIRES(mutex_);
  uint64_t newest_erasure() const REQUIRES(mutex_);
  Result<std::shared_ptr<const MetricPart>> part_to_clean();
  void note_damage(const Error& error, std::span<const std::shared_ptr<const MetricPart>> parts);
  Flush register_change(Change change, uint64_t through_sequence);
  std::string next_part_name(uint64_t last_sequence) REQUIRES(mutex_);
  template <typename Write>
  Result<std::shared_ptr<const MetricPart>> write_part(const std::string& name, Write write);
  Result<View> view(const Scan& scan) const;
  Result<std::vector<SelectedHead>> select_heads(const Scan& scan, bool& exact) const REQUIRES(mutex_);
  void remember_ranks(SeriesIndex& index, std::shared_ptr<const SeriesIndex::Ranks> made) const;
  MetadataRows all_metadata(Result<void>& status) const;
  void publish_gauges() REQUIRES(mutex_);

  Disk& disk_;
  const std::string directory_;
  const MetricStoreOptions options_;

  mutable Mutex mutex_;
  std::shared_ptr<MetricHead> head_ GUARDED_BY(mutex_) = std::make_shared<MetricHead>();
  std::shared_ptr<MetadataRows> metadata_ GUARDED_BY(mutex_) = std::make_shared<MetadataRows>();
  uint64_t head_first_sequence_ GUARDED_BY(mutex_) = 0;
  uint64_t last_sequence_ GUARDED_BY(mutex_) = 0;
  std::vector<FrozenHead> frozen_ GUARDED_BY(mutex_);  // oldest first, all older than head_
  std::vector<std::shared_ptr<const MetricPart>> parts_
      GUARDED_BY(mutex_);                                // by sequence, all older than frozen_
  std::vector<ErasurePtr> erasures_ GUARDED_BY(mutex_);  // ascending ids
  // Of parts: erasures up to this id take nothing from it.
  std::map<std::string, uint64_t> clean_through_ GUARDED_BY(mutex_);
  std::set<std::string> unmergeable_ GUARDED_BY(mutex_);  // parts of merges that met damage
  std::set<std::string> unerasable_ GUARDED_BY(mutex_);   // parts that erased rows cannot be taken out of
  std::map<uint64_t, Change> changes_ GUARDED_BY(mutex_);
  // Of the log: which series the segment that is being written defines.
  uint64_t numbering_ GUARDED_BY(mutex_) = 1;  // of head_'s index
  uint64_t log_segment_ GUARDED_BY(mutex_) = 0;
  std::vector<bool> defined_ GUARDED_BY(mutex_);      // by number, in log_segment_
  std::vector<uint32_t> numbers_ GUARDED_BY(mutex_);  // used by add_batch
  // While the log is read back: the numbers that its frames use.
  struct Replay {
    uint64_t segment = 0;
    std::map<uint64_t, std::vector<uint32_t>>
        series;  // by numbering: ours for each of theirs, kNone: undefined
  };
  std::unique_ptr<Replay> replay_ GUARDED_BY(mutex_);
  bool flushing_ GUARDED_BY(mutex_) = false;
  bool merging_ GUARDED_BY(mutex_) = false;
  uint64_t next_change_id_ GUARDED_BY(mutex_) = 1;
  uint64_t next_file_number_ GUARDED_BY(mutex_) = 1;
  Statistics published_ GUARDED_BY(mutex_);
};

}  // namespace obelisk
