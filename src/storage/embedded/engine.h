#pragma once
// The embedded engine: one directory, one write-ahead log for everything, and for every tenant an event store
// (spans, logs, exemplars) and a metric store (samples, metadata). Implements both storage interfaces.
//
//   append -> log (write, sync) -> heads -> visible -> done          the log's thread
//   heads -> new parts -> MANIFEST -> log released                   the flush thread
//   small parts -> larger parts, old days dropped -> MANIFEST        the maintenance thread
//   days that are over -> downsampled tiers -> MANIFEST              the same
//
// Invariants: a request is in the log until every store that it touches has it in synced parts named by the
// manifest; what the manifest names exists; replaying the log onto the parts gives every acknowledged request
// exactly once. A failed write of the manifest leaves it unknown which one stands, so its change stays
// pending and is tried again; files of either outcome are kept until then.
//
// Threads: everything is safe from any thread. close() flushes and leaves an empty log; destroying the engine
// without it stops at once and leaves the rest to the next start. Bounds: memory of the heads, queue of the
// log, number of tenants (EngineOptions).
#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "base/thread_annotations.h"
#include "env/clock.h"
#include "env/disk.h"
#include "storage/embedded/events/event_store.h"
#include "storage/embedded/manifest.h"
#include "storage/embedded/metrics/metric_store.h"
#include "storage/embedded/metrics/tiers/tier_store.h"
#include "storage/embedded/retention_clock.h"
#include "storage/embedded/wal/write_ahead_log.h"
#include "storage/reader.h"
#include "storage/writer.h"

namespace obelisk {

// How long a tenant's data is kept, by its own time; 0: for ever. Exemplars go with the metrics. Days are
// dropped whole.
struct Retention {
  int64_t metrics_nanos = 0;
  int64_t logs_nanos = 0;
  int64_t traces_nanos = 0;
  std::vector<TierRule> tiers;  // of the metrics, ascending; none: samples alone are kept
};

struct EngineOptions {
  Disk* disk = nullptr;          // outlives the engine
  const Clock* clock = nullptr;  // outlives the engine
  Durability durability = Durability::sync;
  uint32_t sync_interval_ms = 100;  // with Durability::interval

  Retention retention;
  std::map<Tenant, Retention> tenant_retention;  // of those that differ
  // Of all tenants' metric parts together; over it the parts that end first are dropped. 0: any size.
  uint64_t metrics_retention_bytes = 0;
  // Of all parts of all signals and tenants together, tiers included; the same.
  uint64_t retention_bytes = 0;
  // A day's tiers are written this long after its end: most late samples have come.
  int64_t tier_delay_nanos = 3600 * kNanosPerSecond;

  // A tenant's events go to parts when they take this much memory or are this old: large enough that parts
  // compress well, small enough that the log stays short. Metrics wait longer, because a head holds every
  // series anyway and blocks get better with the number of samples.
  uint64_t events_flush_bytes = 48ull << 20;
  int64_t events_flush_age_nanos = 120 * kNanosPerSecond;
  uint64_t metrics_flush_bytes = 256ull << 20;
  // A start replays what is not in parts, at 0.1 us a sample (bench/metrics.mjs): this many, and those that
  // come while they are written, are some 0.3 seconds.
  uint64_t metrics_flush_samples = 3'000'000;
  int64_t metrics_flush_age_nanos = 900 * kNanosPerSecond;
  // When the log grows over this everything is flushed: it bounds what a start has to replay.
  uint64_t log_bytes_max = 256ull << 20;
  // Beyond this in the heads of events, the log's thread waits for flushes (at most a second a group):
  // senders that are faster than a flush wait for their answers, and memory stays near it.
  uint64_t events_heads_bytes_waiting = 80ull << 20;
  // Of all heads; beyond, appending answers overloaded until flushes have caught up.
  uint64_t heads_bytes_max = 512ull << 20;
  uint64_t log_segment_bytes = 64ull << 20;
  uint64_t log_queue_bytes_max = 128ull << 20;
  // Every tenant costs files and memory; a sender that makes them up must not exhaust either.
  size_t tenants_max = 1000;
  // Counts on whatever the clock does: what retention holds against a clock that jumps (retention_clock.h).
  // None: the clock is always believed.
  std::function<int64_t()> steady_nanos;
  // Off: nothing is flushed, merged or dropped but by the calls below. For tests.
  bool background = true;

  EventStoreOptions events;
  MetricStoreOptions metrics;
};

// A file of samples or of a downsampled tier.
struct StoredPart {
  std::string name;
  TimeRange range;
  uint64_t series = 0;
  uint64_t samples = 0;  // of a tier: values
  uint64_t blocks = 0;
  uint64_t bytes = 0;
  uint32_t merges = 0;
  int64_t resolution_ms = 0;  // 0: of samples
};

// What a start found.
struct StartReport {
  uint64_t replayed_requests = 0;
  std::vector<LostFrames> lost;  // durable once, damaged now; also logged and counted
};

class Engine : public Reader, public Writer, private LogSink {
 public:
  static Result<std::unique_ptr<Engine>> open(EngineOptions options);
  ~Engine() override;

  void append(WriteRequest request, Done done) override;
  Result<EraseReport> erase(const Scan& what) override;
  Result<bool> is_erased(const Tenant& tenant, const EraseReport& report) override;

  Result<Snapshot> snapshot(const Tenant& tenant) override;
  Result<Plan> plan(const Snapshot& at, const Scan& scan) override;
  Result<std::unique_ptr<Cursor>> open(const Plan& plan, Budget& budget, const Cancel& cancel) override;
  Result<AggregateAnswer> aggregate(const Plan& plan, Budget& budget, const Cancel& cancel) override;
  Result<std::vector<Labels>> series(const Snapshot& at, const Scan& scan, const Cancel& cancel) override;
  Result<std::vector<ColumnInfo>> columns(const Snapshot& at, const Scan& scan) override;
  Result<std::vector<ValueCount>> values(const Snapshot& at, const Scan& scan, const ColumnId& column,
                                         uint64_t limit, const Cancel& cancel) override;
  Result<CardinalityReport> cardinality(const Snapshot& at, const CardinalityQuery& query,
                                        const Cancel& cancel) override;
  Result<TierReport> tiers(const Snapshot& at, int64_t after_ms, int64_t until_ms) override;

  // Everything visible into parts, now.
  Result<void> flush();
  // One merge in every store that has one to do; false when none had. What fails in one store is told when
  // the others have done theirs.
  Result<bool> merge();
  Result<void> apply_retention();
  // One piece of work on the tiers of every tenant, as above; false when there was none.
  Result<bool> downsample();
  // A copy of everything visible, in hard links, as a data directory that an engine can open: `directory`, a
  // path below this engine's own that must not exist yet. Durable when it returns; a failed one is removed.
  Result<void> backup(const std::string& directory);
  // Refuses further requests, finishes those accepted, flushes. The engine can still be read.
  Result<void> close();

  // Of a tenant's metrics, in the order of their times.
  std::vector<StoredPart> stored_parts(const Tenant& tenant) const;
  const StartReport& start_report() const { return start_report_; }
  // Memory of events that are in no part yet.
  uint64_t events_heads_bytes() const { return events_heads_bytes_; }

 private:
  struct TenantStores;
  struct EngineSnapshot;
  struct EncodedEntry;
  using TenantPtr = std::shared_ptr<TenantStores>;

  explicit Engine(EngineOptions options);

  // Start.
  Result<void> open_manifest();
  Result<void> open_tenants();
  Result<void> replay_log();
  Result<void> replay_frame(const RecoveredFrame& frame);
  void note_undefined(const RecoveredFrame& frame, uint64_t rows);
  void start_threads();
  void stop_threads();

  // Writing.
  Result<TenantPtr> tenant_for_writing(const Tenant& name) EXCLUDES(tenants_mutex_);
  Result<TenantPtr> make_tenant(const Tenant& name, const TenantManifest& manifest);
  void encode(LogEntry& entry, uint64_t segment) override;
  void forget_encoded() override;
  void apply(uint64_t sequence, LogEntry& entry) override;
  void publish(uint64_t sequence) override;
  void wait_for_room() override EXCLUDES(threads_mutex_);
  // Returns the memory that events take.
  uint64_t apply_batches(TenantStores& tenant, const LogEntry& entry, uint64_t sequence,
                         const EncodedEntry* encoded = nullptr);
  void note_metrics_applied(TenantStores& tenant, uint64_t sequence);

  // Reading.
  TenantPtr find_tenant(const Tenant& name) const EXCLUDES(tenants_mutex_);
  std::vector<TenantPtr> all_tenants() const EXCLUDES(tenants_mutex_);
  static Result<const EngineSnapshot*> pinned(const Snapshot& at);

  // Changes of parts (engine_changes.cc).
  enum class Which { events, metrics, both };
  Result<void> flush_tenant(TenantStores& tenant, Which which) REQUIRES(flush_mutex_);
  Result<void> merge_tenant(TenantStores& tenant, bool& merged) REQUIRES(merge_mutex_);
  Result<void> finish_merge(TenantStores& tenant) REQUIRES(merge_mutex_);
  Result<EraseReport> erase_metrics(TenantStores& tenant, const Scan& what);
  Result<EraseReport> erase_events(TenantStores& tenant, const Scan& what);
  Result<void> commit_erasure(TenantStores& tenant, Erasure& erasure,
                              const std::function<void(const ErasurePtr&)>& activate);
  Result<void> link_backup(const Manifest& manifest, const std::string& directory) REQUIRES(merge_mutex_);
  Result<void> drop_finished_erasures(TenantStores& tenant) REQUIRES(merge_mutex_);
  Result<void> release_retired_log() REQUIRES(merge_mutex_);
  Result<void> retain_tenant(TenantStores& tenant) REQUIRES(merge_mutex_);
  Result<void> retain_by_size(uint64_t bytes_max, bool all_signals) REQUIRES(merge_mutex_);
  Result<void> drop_events(TenantStores& tenant, Table table, UnixNanos keep_from) REQUIRES(merge_mutex_);
  Result<void> drop_metrics(TenantStores& tenant, UnixNanos keep_from) REQUIRES(merge_mutex_);
  Result<void> drop_tiers(TenantStores& tenant, UnixNanos dropped_until) REQUIRES(merge_mutex_);
  const Retention& retention_of(const Tenant& tenant) const;
  Result<void> finish_tiers(TenantStores& tenant) REQUIRES(merge_mutex_);
  Result<void> work_on_tiers(TenantStores& tenant, bool& worked) REQUIRES(merge_mutex_);
  // Writes the manifest with `change` applied to it, then calls `commit`.
  Result<void> commit_manifest(const std::function<void(Manifest&)>& change,
                               const std::function<void()>& commit) EXCLUDES(manifest_mutex_);
  uint64_t releasable(const Manifest& manifest) const;
  void flush_due();
  void run_flushes();
  void run_maintenance();
  void update_gauges();

  const EngineOptions options_;
  Disk& disk_;
  const Clock& clock_;
  std::unique_ptr<File> lock_;
  StartReport start_report_;
  std::unique_ptr<WriteAheadLog> log_;
  uint64_t log_of_start_ = 0;  // WriteAheadLog::retire, of what the start found

  mutable Mutex tenants_mutex_;
  std::map<Tenant, TenantPtr> tenants_ GUARDED_BY(tenants_mutex_);

  // Held while published_ moves and while a snapshot is taken, so that a snapshot sees whole requests.
  mutable Mutex snapshot_mutex_;
  std::atomic<uint64_t> published_ = 0;
  std::atomic<uint64_t> heads_bytes_ = 0;         // as last measured, and what was applied since
  std::atomic<uint64_t> events_heads_bytes_ = 0;  // of it, events
  // Of the log's thread.
  uint64_t applied_since_wake_ = 0;  // bytes
  uint64_t samples_since_wake_ = 0;
  std::vector<TenantPtr> touched_;
  std::string log_batch_;  // one batch while it is encoded

  Mutex flush_mutex_;
  Mutex merge_mutex_;
  RetentionClock retention_clock_;  // with merge_mutex_, and the time it gave
  UnixNanos retention_now_;
  Mutex manifest_mutex_;
  Manifest manifest_ GUARDED_BY(manifest_mutex_);

  Mutex threads_mutex_;
  std::condition_variable wake_;
  std::condition_variable flushed_;
  bool stopping_ GUARDED_BY(threads_mutex_) = false;
  bool flush_wanted_ GUARDED_BY(threads_mutex_) = false;
  bool merge_wanted_ GUARDED_BY(threads_mutex_) = false;
  std::atomic<bool> closed_ = false;
  std::thread flush_thread_;
  std::thread maintenance_thread_;
};

}  // namespace obelisk
