#include "storage/embedded/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "base/log.h"
#include "base/self_metrics.h"
#include "codec/checksum.h"
#include "codec/varint.h"
#include "model/archive_tenant.h"
#include "plan/batch_codec.h"
#include "plan/column_memory.h"
#include "plan/expression_codec.h"
#include "plan/sample_frame.h"
#include "storage/damage_counter.h"
#include "storage/embedded/engine_tenant.h"
#include "storage/embedded/events/event_aggregate.h"
#include "storage/embedded/events/event_scan.h"
#include "storage/embedded/wal/segment_format.h"
#include "storage/memory/batch_scan.h"

namespace obelisk {
namespace {

constexpr uint64_t kManifestBytesMax = 256ull << 20;
// As the systems whose header this is, and what the name of an archive has more.
constexpr size_t kTenantNameBytesMax = 150 + kArchiveSuffix.size();
constexpr std::string_view kLockFile = "LOCK";

// What a tenant without data sees: no rows, and caches as every view has them.
EventViewPtr empty_view() {
  static const EventViewPtr view = [] {
    auto empty = std::make_shared<EventView>();
    for (EventTableView& table : empty->tables) {
      table.overlaps = std::make_shared<TraceOverlapCache>();
      table.repeated_lines = std::make_shared<RepeatedLinesCache>();
      table.value_lists = std::make_shared<ValueListCache>();
    }
    return empty;
  }();
  return view;
}

// Of a payload's batches but the sample frames.
Result<LogEntry> replayed_entry(const LogPayload& payload, const std::shared_ptr<const void>& owner) {
  LogEntry entry;
  for (std::string_view bytes : payload.batches) {
    OBELISK_TRY(PackedBatch batch, PackedBatch::open(bytes, owner));
    if (is_event_table(batch.table())) {
      OBELISK_CHECK_OK(batch.check());
      entry.packed.push_back(std::make_shared<const PackedBatch>(std::move(batch)));
    } else {
      OBELISK_TRY(Batch columns, batch.unpack(nullptr));
      entry.batches.push_back(std::make_shared<const Batch>(std::move(columns)));
    }
  }
  return entry;
}

// What the stores are given of a request: its columns, or of events the payload's own bytes, so that the
// columns and the request they point into need not wait for the log. The memory of their columns serves the
// next request of this thread.
void keep_batches(std::vector<Batch> batches, LogEntry& entry) {
  Result<LogPayload> payload = decode_log_payload(entry.bytes());
  OBELISK_ASSERT(payload.ok() && payload->batches.size() == batches.size());
  for (size_t i = 0; i < batches.size(); ++i) {
    if (!is_event_table(batches[i].table)) {
      entry.batches.push_back(std::make_shared<const Batch>(std::move(batches[i])));
      continue;
    }
    Result<PackedBatch> packed = PackedBatch::open(payload->batches[i], entry.shared_payload);
    OBELISK_ASSERT(packed.ok());
    entry.packed.push_back(std::make_shared<const PackedBatch>(std::move(*packed)));
    recycle_columns(std::move(batches[i]));
  }
}

class NoRows : public Cursor {
 public:
  Result<BatchPtr> next() override { return BatchPtr(); }
  Coverage coverage() const override { return {}; }
};

}  // namespace

Engine::Engine(EngineOptions options)
    : options_(std::move(options)),
      disk_(*options_.disk),
      clock_(*options_.clock),
      retention_clock_(clock_, options_.steady_nanos) {}

// ---- start and end ----

Result<std::unique_ptr<Engine>> Engine::open(EngineOptions options) {
  OBELISK_ASSERT(options.disk != nullptr && options.clock != nullptr);
  damaged_blocks();  // reported from the start, as 0
  std::unique_ptr<Engine> engine(new Engine(std::move(options)));
  OBELISK_TRY(engine->lock_, engine->disk_.lock(std::string(kLockFile)));
  OBELISK_CHECK_OK(engine->open_manifest());
  OBELISK_CHECK_OK(engine->open_tenants());
  OBELISK_CHECK_OK(engine->replay_log());
  engine->update_gauges();
  engine->start_threads();
  return engine;
}

Engine::~Engine() {
  stop_threads();
  log_.reset();  // finishes what was accepted
}

Result<void> Engine::open_manifest() {
  std::string path(kManifestFile);
  OBELISK_TRY(bool exists, disk_.exists(path));
  MutexLock lock(manifest_mutex_);
  if (exists) {
    OBELISK_TRY(std::string bytes, read_file(disk_, path, kManifestBytesMax));
    Result<Manifest> parsed = parse_manifest(bytes);
    if (!parsed.ok()) return parsed.error().with_context(path);
    manifest_ = std::move(*parsed);
    return {};
  }
  for (const char* data : {"tenants", "wal"}) {
    OBELISK_TRY(bool found, disk_.exists(data));
    if (found) {
      return make_error(
          ErrorCode::corrupt,
          fmt::format("the data directory has {}/ but no {}: restore it, or start with an empty directory",
                      data, path));
    }
  }
  return replace_file(disk_, path, encode_manifest(manifest_));
}

Result<void> Engine::open_tenants() {
  OBELISK_CHECK_OK(disk_.create_directories("tenants"));
  MutexLock lock(manifest_mutex_);
  // A tenant that was never flushed has nothing but files of flushes that did not finish.
  std::set<std::string> known;
  for (const auto& [name, tenant] : manifest_.tenants) known.insert(tenant_directory(name));
  OBELISK_TRY(std::vector<std::string> found, disk_.list("tenants"));
  for (const std::string& directory : found) {
    if (!known.contains("tenants/" + directory)) OBELISK_CHECK_OK(disk_.remove("tenants/" + directory));
  }
  for (const auto& [name, manifest] : manifest_.tenants) {
    OBELISK_TRY(TenantPtr tenant, make_tenant(name, manifest));
    MutexLock tenants_lock(tenants_mutex_);
    tenants_[name] = std::move(tenant);
  }
  return {};
}

Result<Engine::TenantPtr> Engine::make_tenant(const Tenant& name, const TenantManifest& manifest) {
  auto tenant = std::make_shared<TenantStores>();
  tenant->name = name;
  std::string directory = tenant_directory(name);
  std::vector<ErasurePtr> event_erasures, metric_erasures;
  for (const ErasureRecord& record : manifest.erasures) {
    Result<Expr> where = decode_expression(record.where);
    if (!where.ok())
      return where.error().with_context(fmt::format("erasure {} of tenant {}", record.id, name));
    std::vector<ErasurePtr>& erasures = is_event_table(record.table) ? event_erasures : metric_erasures;
    erasures.push_back(std::make_shared<const Erasure>(Erasure{record, std::move(*where)}));
  }
  OBELISK_TRY(tenant->events, EventStore::open(disk_, directory + "/events", options_.events,
                                               manifest.event_parts, event_erasures));
  OBELISK_TRY(tenant->metrics, MetricStore::open(disk_, directory + "/metrics", options_.metrics,
                                                 manifest.metric_parts, metric_erasures));
  OBELISK_TRY(tenant->tiers, TierStore::open(disk_, directory + "/tiers",
                                             {retention_of(name).tiers, options_.tier_delay_nanos,
                                              retention_of(name).metrics_nanos},
                                             manifest.tier_parts, manifest.raw_after_ms, manifest.dirty_days,
                                             std::move(metric_erasures)));
  tenant->events_applied = tenant->events_flushed = manifest.events_through;
  tenant->metrics_applied = tenant->metrics_flushed = manifest.metrics_through;
  return tenant;
}

Result<void> Engine::replay_log() {
  LogOptions options;
  options.durability = options_.durability;
  options.sync_interval_ms = options_.sync_interval_ms;
  options.segment_bytes = options_.log_segment_bytes;
  options.queue_bytes_max = options_.log_queue_bytes_max;
  OBELISK_CHECK_OK(disk_.create_directories(options.directory));
  uint64_t log_from = 0, last_sequence = 0;
  {
    MutexLock lock(manifest_mutex_);
    log_from = manifest_.log_from;
    last_sequence = manifest_.last_sequence;
  }
  OBELISK_TRY(LogRecovery recovery,
              recover_log(disk_, options.directory, log_from,
                          [&](const RecoveredFrame& frame) { return replay_frame(frame); }));
  for (const TenantPtr& tenant : all_tenants()) tenant->metrics->finish_replay();
  last_sequence = std::max(last_sequence, recovery.last_sequence);
  start_report_.lost.insert(start_report_.lost.end(), recovery.lost.begin(), recovery.lost.end());
  for (const LostFrames& loss : recovery.lost) {
    log_error("storage", fmt::format("{}: damaged at offset {}: requests {} to {} were durable and are lost",
                                     loss.path, loss.offset, loss.first, loss.last));
  }
  publish(last_sequence);
  OBELISK_TRY(log_, WriteAheadLog::open(disk_, options, recovery, last_sequence, *this));
  log_of_start_ = log_->retire();
  if (start_report_.replayed_requests > 0) {
    log_info("storage",
             fmt::format("replayed {} requests of the write-ahead log", start_report_.replayed_requests));
  }
  return {};
}

Result<void> Engine::replay_frame(const RecoveredFrame& frame) {
  Result<LogPayload> payload = decode_log_payload(frame.payload);
  auto in_frame = [&](const Error& error) {
    return error.with_context(fmt::format("request {} of the write-ahead log", frame.sequence));
  };
  if (!payload.ok()) return in_frame(payload.error());
  if (frame.is_flushed && payload->sample_frames.empty()) return {};
  OBELISK_TRY(TenantPtr tenant, tenant_for_writing(payload->tenant));
  bool in_parts = frame.is_flushed || frame.sequence <= tenant->metrics_flushed;
  for (std::string_view samples : payload->sample_frames) {
    auto replayed = tenant->metrics->replay(samples, frame.segment, frame.sequence, in_parts);
    if (!replayed.ok()) return in_frame(replayed.error());
    if (replayed->rows_undefined > 0) note_undefined(frame, replayed->rows_undefined);
  }
  if (frame.is_flushed) return {};
  if (!in_parts && !payload->sample_frames.empty()) note_metrics_applied(*tenant, frame.sequence);
  Result<LogEntry> entry = replayed_entry(*payload, frame.owner);
  if (!entry.ok()) return in_frame(entry.error());
  apply_batches(*tenant, *entry, frame.sequence);
  touched_.push_back(std::move(tenant));
  ++start_report_.replayed_requests;
  return {};
}

// Only where a damaged frame took the definitions with it.
void Engine::note_undefined(const RecoveredFrame& frame, uint64_t rows) {
  static Counter& lost = counter("obelisk_wal_undefined_rows_total",
                                 "Samples in the log whose series a damaged request had defined.");
  lost.add(rows);
  log_error("storage",
            fmt::format("request {} of the write-ahead log: {} samples are lost, their series were "
                        "defined in a request that is damaged",
                        frame.sequence, rows));
  start_report_.lost.push_back({frame.sequence, frame.sequence, segment_file_name(frame.segment), 0});
}

void Engine::start_threads() {
  if (!options_.background) return;
  {
    MutexLock lock(threads_mutex_);
    flush_wanted_ = start_report_.replayed_requests > 0;  // a log that crashes have let grow is emptied first
  }
  flush_thread_ = std::thread([this] { run_flushes(); });
  maintenance_thread_ = std::thread([this] { run_maintenance(); });
}

void Engine::stop_threads() {
  {
    MutexLock lock(threads_mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  flushed_.notify_all();
  if (flush_thread_.joinable()) flush_thread_.join();
  if (maintenance_thread_.joinable()) maintenance_thread_.join();
}

Result<void> Engine::close() {
  if (closed_.exchange(true)) return {};
  stop_threads();
  log_->stop();
  OBELISK_CHECK_OK(flush());
  MutexLock lock(manifest_mutex_);
  log_->release(manifest_.log_from, true);
  return {};
}

// ---- writing ----

void Engine::append(WriteRequest request, Done done) {
  if (closed_) return done(make_error(ErrorCode::unavailable, "the store is shutting down"));
  std::vector<Batch> batches = std::move(request.batches);
  for (const Batch& batch : batches) {
    if (Result<void> checked = batch.check(); !checked.ok()) {
      return done(make_error(ErrorCode::invalid_argument, checked.error().message));
    }
  }
  std::erase_if(batches, [](const Batch& batch) { return batch.row_count == 0; });
  if (batches.empty()) return done(LogPosition{published_});
  if (heads_bytes_ > options_.heads_bytes_max) {
    counter("obelisk_storage_overloaded_total", "Requests refused because the heads were full.").add();
    return done(make_error(ErrorCode::overloaded,
                           fmt::format("{} MiB wait to be written to parts, try again", heads_bytes_ >> 20)));
  }
  // Made here and not when applied, where an error could no longer be answered.
  Result<TenantPtr> tenant = tenant_for_writing(request.tenant);
  if (!tenant.ok()) return done(tenant.error());
  LogEntry entry;
  entry.tenant = std::move(request.tenant);
  // Samples are encoded by the log's thread (encode()).
  bool has_samples = std::any_of(batches.begin(), batches.end(),
                                 [](const Batch& batch) { return can_be_sample_frame(batch); });
  if (has_samples) {
    for (Batch& batch : batches) {
      entry.waiting_bytes += batch.memory_bytes();
      entry.batches.push_back(std::make_shared<const Batch>(std::move(batch)));
    }
  } else {
    entry.shared_payload = std::make_shared<const std::string>(encode_log_payload(entry.tenant, batches));
    entry.payload_checksum = checksum64(entry.bytes());
    keep_batches(std::move(batches), entry);
  }
  entry.done = std::move(done);
  log_->submit(std::move(entry));
}

Result<Engine::TenantPtr> Engine::tenant_for_writing(const Tenant& name) {
  MutexLock lock(tenants_mutex_);
  if (auto it = tenants_.find(name); it != tenants_.end()) return it->second;
  if (name.empty() || name.size() > kTenantNameBytesMax) {
    return make_error(ErrorCode::invalid_argument,
                      fmt::format("a tenant's name has 1 to {} bytes", kTenantNameBytesMax));
  }
  if (tenants_.size() >= options_.tenants_max) {
    return make_error(ErrorCode::too_large,
                      fmt::format("there are {} tenants already, the limit", options_.tenants_max));
  }
  OBELISK_TRY(TenantPtr tenant, make_tenant(name, {}));
  tenants_[name] = tenant;
  return tenant;
}

struct Engine::EncodedEntry {
  TenantPtr tenant;
  std::vector<MetricStore::SeriesNumbers> numbers;  // one a batch; empty where it has none
};

void Engine::encode(LogEntry& entry, uint64_t segment) {
  if (entry.waiting_bytes == 0) return;  // was encoded when it came
  auto encoded = std::make_shared<EncodedEntry>();
  encoded->tenant = find_tenant(entry.tenant);
  OBELISK_ASSERT(encoded->tenant != nullptr);
  entry.payload.clear();
  append_log_payload_head(entry.tenant, entry.batches.size(), entry.payload);
  for (const BatchPtr& batch : entry.batches) {
    log_batch_.clear();
    encoded->numbers.emplace_back();
    if (can_be_sample_frame(*batch)) {
      encoded->numbers.back() = encoded->tenant->metrics->encode_for_log(*batch, segment, log_batch_);
    } else {
      encode_batch(*batch, BatchCompression::none, log_batch_);
    }
    append_text(entry.payload, log_batch_);
  }
  entry.payload_checksum = checksum64(entry.payload);
  entry.sink_data = std::move(encoded);
}

void Engine::forget_encoded() {
  for (const TenantPtr& tenant : all_tenants()) tenant->metrics->forget_logged();
}

void Engine::apply(uint64_t sequence, LogEntry& entry) {
  TenantPtr tenant = find_tenant(entry.tenant);
  OBELISK_ASSERT(tenant != nullptr);
  const auto* encoded = static_cast<const EncodedEntry*>(entry.sink_data.get());
  uint64_t event_bytes = apply_batches(*tenant, entry, sequence, encoded);
  // Of metrics an estimate until the flush thread measures.
  uint64_t bytes = event_bytes > 0 ? event_bytes : entry.bytes().size();
  heads_bytes_ += bytes;
  events_heads_bytes_ += event_bytes;
  applied_since_wake_ += bytes;
  for (const BatchPtr& batch : entry.batches)
    if (batch->table == Table::samples) samples_since_wake_ += batch->row_count;
  if (touched_.empty() || touched_.back() != tenant) touched_.push_back(std::move(tenant));
}

uint64_t Engine::apply_batches(TenantStores& tenant, const LogEntry& entry, uint64_t sequence,
                               const EncodedEntry* encoded) {
  std::vector<BatchPtr> metrics;
  std::vector<MetricStore::SeriesNumbers> numbers;
  uint64_t event_bytes = 0;
  for (size_t i = 0; i < entry.batches.size(); ++i) {
    const BatchPtr& batch = entry.batches[i];
    if (!is_event_table(batch->table)) {
      metrics.push_back(batch);
      numbers.push_back(encoded != nullptr ? encoded->numbers[i] : MetricStore::SeriesNumbers());
    } else if (sequence > tenant.events_flushed) {
      event_bytes += tenant.events->apply(batch, sequence);
    }
  }
  for (const PackedBatchPtr& batch : entry.packed) {
    if (sequence > tenant.events_flushed)
      event_bytes += tenant.events->apply(std::make_shared<const HeadBatch>(batch), sequence);
  }
  if (event_bytes > 0) {
    tenant.events_applied = sequence;
    if (tenant.events_waiting_since == 0) tenant.events_waiting_since = clock_.now().value;
  }
  if (!metrics.empty() && sequence > tenant.metrics_flushed) {
    tenant.metrics->apply(metrics, sequence, numbers);
    note_metrics_applied(tenant, sequence);
  }
  return event_bytes;
}

void Engine::note_metrics_applied(TenantStores& tenant, uint64_t sequence) {
  tenant.metrics_applied = sequence;
  if (tenant.metrics_waiting_since == 0) tenant.metrics_waiting_since = clock_.now().value;
}

void Engine::publish(uint64_t sequence) {
  {
    MutexLock lock(snapshot_mutex_);
    published_ = sequence;
  }
  for (const TenantPtr& tenant : touched_) tenant->events->settle(sequence);
  touched_.clear();
  if (applied_since_wake_ < options_.events_flush_bytes / 4 &&
      samples_since_wake_ < options_.metrics_flush_samples / 4)
    return;
  applied_since_wake_ = samples_since_wake_ = 0;
  MutexLock lock(threads_mutex_);
  flush_wanted_ = true;
  wake_.notify_all();
}

void Engine::wait_for_room() {
  if (!options_.background || events_heads_bytes_ <= options_.events_heads_bytes_waiting) return;
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  MutexLock lock(threads_mutex_);
  flush_wanted_ = true;
  wake_.notify_all();
  while (!stopping_ && events_heads_bytes_ > options_.events_heads_bytes_waiting) {
    if (!lock.wait_for(flushed_, deadline - std::chrono::steady_clock::now())) return;
  }
}

// ---- reading ----

Engine::TenantPtr Engine::find_tenant(const Tenant& name) const {
  MutexLock lock(tenants_mutex_);
  auto it = tenants_.find(name);
  return it == tenants_.end() ? nullptr : it->second;
}

std::vector<Engine::TenantPtr> Engine::all_tenants() const {
  MutexLock lock(tenants_mutex_);
  std::vector<TenantPtr> all;
  for (const auto& [name, tenant] : tenants_) all.push_back(tenant);
  return all;
}

Result<Snapshot> Engine::snapshot(const Tenant& name) {
  auto pin = std::make_shared<EngineSnapshot>();
  pin->tenant = find_tenant(name);
  MutexLock lock(snapshot_mutex_);
  uint64_t sequence = published_;
  pin->events = pin->tenant ? pin->tenant->events->view(sequence) : empty_view();
  return Snapshot{sequence, std::move(pin)};
}

Result<const Engine::EngineSnapshot*> Engine::pinned(const Snapshot& at) {
  if (!at.pin) return make_error(ErrorCode::invalid_argument, "a snapshot that this store did not take");
  return static_cast<const EngineSnapshot*>(at.pin.get());
}

Result<Plan> Engine::plan(const Snapshot& at, const Scan& scan) {
  OBELISK_TRY(const EngineSnapshot* pin, pinned(at));
  if (!is_event_table(scan.table)) {
    if (pin->tenant) return pin->tenant->metrics->plan(at, scan);
    return Plan{at, scan, Expr(), true, true, {}};
  }
  if (scan.unit == Unit::trace && !scan.where.is_always()) {
    return make_error(ErrorCode::invalid_argument, "a scan by trace takes marks, not a where");
  }
  bool aggregated = scan.aggregate.has_value() && scan.unit == Unit::row;
  return Plan{at, scan, Expr(), true, true, event_scan_cost(*pin->events, scan), aggregated};
}

Result<std::unique_ptr<Cursor>> Engine::open(const Plan& plan, Budget& budget, const Cancel& cancel) {
  OBELISK_TRY(const EngineSnapshot* pin, pinned(plan.at));
  const Scan& scan = plan.pushed;
  if (is_event_table(scan.table)) return open_event_scan(pin->events, scan, budget, cancel);
  if (pin->tenant && scan.tier) return pin->tenant->tiers->open_scan(scan, budget, cancel);
  if (pin->tenant) return pin->tenant->metrics->open(plan.at.sequence, scan, budget, cancel);
  return std::unique_ptr<Cursor>(std::make_unique<NoRows>());
}

Result<AggregateAnswer> Engine::aggregate(const Plan& plan, Budget& budget, const Cancel& cancel) {
  OBELISK_TRY(const EngineSnapshot* pin, pinned(plan.at));
  OBELISK_ASSERT(plan.aggregated && is_event_table(plan.pushed.table));
  return aggregate_events(*pin->events, plan.pushed, budget, cancel);
}

Result<std::vector<Labels>> Engine::series(const Snapshot& at, const Scan& scan, const Cancel& cancel) {
  OBELISK_TRY(const EngineSnapshot* pin, pinned(at));
  if (is_event_table(scan.table)) return event_series(*pin->events, scan, cancel);
  if (!pin->tenant) return std::vector<Labels>();
  OBELISK_TRY(std::vector<Labels> found, pin->tenant->metrics->series(scan, cancel));
  bool from_tiers = scan.table == Table::samples &&
                    scan.range.begin <= UnixNanos::from_millis(pin->tenant->tiers->raw_after_ms());
  if (!from_tiers) return found;
  OBELISK_TRY(std::vector<Labels> old, pin->tenant->tiers->series(scan, cancel));
  std::vector<Labels> all;
  std::set_union(found.begin(), found.end(), old.begin(), old.end(), std::back_inserter(all));
  if (scan.limit != 0 && all.size() > scan.limit) all.resize(scan.limit);
  return all;
}

Result<std::vector<ColumnInfo>> Engine::columns(const Snapshot& at, const Scan& scan) {
  OBELISK_TRY(const EngineSnapshot* pin, pinned(at));
  if (is_event_table(scan.table)) return event_columns(*pin->events, scan);
  return pin->tenant ? pin->tenant->metrics->columns(scan) : std::vector<ColumnInfo>();
}

Result<std::vector<ValueCount>> Engine::values(const Snapshot& at, const Scan& scan, const ColumnId& column,
                                               uint64_t limit, const Cancel& cancel) {
  OBELISK_TRY(const EngineSnapshot* pin, pinned(at));
  if (is_event_table(scan.table)) return event_values(*pin->events, scan, column, limit, cancel);
  if (column.scope == Scope::label) {
    Scan unlimited = scan;
    unlimited.limit = 0;
    OBELISK_TRY(std::vector<Labels> found, series(at, unlimited, cancel));
    return label_values_of(found, column.name, limit);
  }
  return pin->tenant ? pin->tenant->metrics->values(scan, column, limit, cancel) : std::vector<ValueCount>();
}

Result<CardinalityReport> Engine::cardinality(const Snapshot& at, const CardinalityQuery& query,
                                              const Cancel& cancel) {
  OBELISK_TRY(const EngineSnapshot* pin, pinned(at));
  if (pin->tenant) return pin->tenant->metrics->cardinality(query, cancel);
  return CardinalityReport();
}

}  // namespace obelisk
