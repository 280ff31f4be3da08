#include "storage/embedded/metrics/metric_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "base/self_metrics.h"
#include "storage/embedded/metrics/erasing_source.h"

namespace obelisk {
namespace {

constexpr std::string_view kPartSuffix = ".metrics";

Counter& samples_appended() {
  static Counter& metric = counter("obelisk_metrics_samples_appended_total", "Samples taken into the head.");
  return metric;
}
Counter& rows_refused() {
  static Counter& metric = counter("obelisk_metrics_rows_refused_total",
                                   "Rows of sample batches without value or with an impossible time.");
  return metric;
}
Counter& series_created() {
  static Counter& metric =
      counter("obelisk_metrics_series_created_total", "Series that were new to the head.");
  return metric;
}
Counter& metadata_refused() {
  static Counter& metric =
      counter("obelisk_metrics_metadata_refused_total", "Metadata rows beyond the bound of distinct rows.");
  return metric;
}
// Shared by the stores of all tenants: each adds what has changed of its own.
struct SizeGauges {
  Gauge& head_series = gauge("obelisk_metrics_head_series", "Series in metric heads, all tenants.");
  Gauge& head_samples = gauge("obelisk_metrics_head_samples", "Samples in metric heads, all tenants.");
  Gauge& parts = gauge("obelisk_metrics_parts", "Metric parts, all tenants.");
  Gauge& part_bytes = gauge("obelisk_metrics_part_bytes", "Bytes of metric parts, all tenants.");
  Gauge& part_sample_bytes = gauge("obelisk_metrics_part_sample_bytes",
                                   "Bytes of samples and their times in metric parts; the rest is index.");
  Gauge& part_samples = gauge("obelisk_metrics_part_samples", "Samples in metric parts, all tenants.");
  Gauge& part_blocks = gauge("obelisk_metrics_part_blocks", "Sample blocks in metric parts, all tenants.");
};

// <last sequence>-<file number>.metrics, both as sixteen hexadecimal digits: names sort by sequence and never
// repeat.
std::optional<uint64_t> file_number_of(std::string_view name) {
  if (!name.ends_with(kPartSuffix) || name.size() != 33 + kPartSuffix.size() || name[16] != '-')
    return std::nullopt;
  uint64_t number = 0;
  for (char digit : name.substr(17, 16)) {
    int value = digit >= '0' && digit <= '9'   ? digit - '0'
                : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
                                               : -1;
    if (value < 0) return std::nullopt;
    number = number << 4 | static_cast<uint64_t>(value);
  }
  return number;
}

}  // namespace

Result<std::unique_ptr<MetricStore>> MetricStore::open(Disk& disk, std::string directory,
                                                       MetricStoreOptions options,
                                                       std::vector<std::string> part_names,
                                                       std::vector<ErasurePtr> erasures) {
  std::unique_ptr<MetricStore> store(new MetricStore(disk, std::move(directory), options));
  {
    MutexLock lock(store->mutex_);
    store->erasures_ = std::move(erasures);
  }
  OBELISK_CHECK_OK(disk.create_directories(store->directory_));
  OBELISK_CHECK_OK(store->open_parts(std::move(part_names)));
  return store;
}

MetricStore::~MetricStore() {
  MutexLock lock(mutex_);
  head_ = std::make_shared<MetricHead>();
  frozen_.clear();
  parts_.clear();
  publish_gauges();
}

Result<void> MetricStore::open_parts(std::vector<std::string> names) {
  std::set<std::string> wanted(names.begin(), names.end());
  OBELISK_TRY(std::vector<std::string> present, disk_.list(directory_));
  MutexLock lock(mutex_);
  for (const std::string& name : present) {
    if (!name.ends_with(kPartSuffix)) continue;
    if (auto number = file_number_of(name)) next_file_number_ = std::max(next_file_number_, *number + 1);
    if (!wanted.contains(name)) OBELISK_CHECK_OK(disk_.remove(directory_ + "/" + name));
  }
  for (const std::string& name : wanted) {
    OBELISK_TRY(std::shared_ptr<const MetricPart> part, MetricPart::open(disk_, directory_, name));
    last_sequence_ = std::max(last_sequence_, part->footer().last_sequence);
    parts_.push_back(std::move(part));
  }
  sort_parts();
  publish_gauges();
  return {};
}

void MetricStore::sort_parts() {
  std::sort(parts_.begin(), parts_.end(), [](const auto& a, const auto& b) {
    return std::tuple(a->footer().last_sequence, a->footer().first_sequence, a->name()) <
           std::tuple(b->footer().last_sequence, b->footer().first_sequence, b->name());
  });
}

void MetricStore::apply(const BatchPtr& batch, uint64_t sequence) {
  apply(std::span(&batch, 1), sequence);
}

void MetricStore::apply(std::span<const BatchPtr> batches, uint64_t sequence,
                        std::span<const SeriesNumbers> numbers) {
  OBELISK_ASSERT(numbers.empty() || numbers.size() == batches.size());
  MutexLock lock(mutex_);
  freeze_for_erasures(sequence);
  for (size_t i = 0; i < batches.size(); ++i)
    add_batch(*batches[i], sequence, numbers.empty() ? nullptr : &numbers[i]);
}

void MetricStore::note_sequence(uint64_t sequence) {
  last_sequence_ = std::max(last_sequence_, sequence);
  if (head_->sample_count() == 0 && metadata_->empty()) head_first_sequence_ = sequence;
}

void MetricStore::add_batch(const Batch& batch, uint64_t sequence, const SeriesNumbers* numbers) {
  note_sequence(sequence);
  if (batch.table == Table::metadata) {
    metadata_refused().add(metadata_->add(batch));
    return;
  }
  // A flush in between may have begun a new index.
  if (numbers != nullptr && numbers->index == head_->index())
    return add_samples(batch, numbers->series, sequence);
  series_created().add(head_->index()->resolve(batch.groups, numbers_));
  add_samples(batch, numbers_, sequence);
}

void MetricStore::add_samples(const Batch& batch, std::span<const uint32_t> series, uint64_t sequence) {
  note_sequence(sequence);
  MetricHead::AppendCounts counts = head_->append(batch, series);
  samples_appended().add(counts.samples);
  rows_refused().add(counts.rows_refused);
  publish_gauges();
}

size_t MetricStore::head_bytes() const {
  MutexLock lock(mutex_);
  size_t bytes = head_->memory_bytes() + head_->index()->memory_bytes() + metadata_->memory_bytes();
  const SeriesIndex* index = head_->index().get();
  for (auto head = frozen_.rbegin(); head != frozen_.rend(); ++head) {
    bytes += head->samples->memory_bytes() + head->metadata->memory_bytes();
    if (head->samples->index().get() != index) bytes += head->samples->index()->memory_bytes();
    index = head->samples->index().get();
  }
  return bytes;
}

uint64_t MetricStore::head_samples() const {
  MutexLock lock(mutex_);
  return head_->sample_count();
}

bool MetricStore::has_open_change(bool flush) const {
  return std::any_of(changes_.begin(), changes_.end(),
                     [&](const auto& entry) { return entry.second.is_flush == flush; });
}

MetricStore::Flush MetricStore::register_change(Change change, uint64_t through_sequence) {
  MutexLock lock(mutex_);
  Flush flush;
  flush.change_id = next_change_id_++;
  flush.through_sequence = through_sequence;
  if (change.new_part) flush.new_parts.push_back(change.new_part->name());
  flush.removed_parts = change.removed;
  changes_.emplace(flush.change_id, std::move(change));
  return flush;
}

std::string MetricStore::next_part_name(uint64_t last_sequence) {
  return fmt::format("{:016x}-{:016x}{}", last_sequence, next_file_number_++, kPartSuffix);
}

// Writes, makes the name durable, and opens the part, which checks what was written.
template <typename Write>
Result<std::shared_ptr<const MetricPart>> MetricStore::write_part(const std::string& name, Write write) {
  std::string path = directory_ + "/" + name;
  auto attempt = [&]() -> Result<std::shared_ptr<const MetricPart>> {
    OBELISK_TRY(std::unique_ptr<File> file, disk_.open(path, Disk::Mode::create_new));
    OBELISK_CHECK_OK(write(*file));
    file.reset();
    OBELISK_CHECK_OK(disk_.sync_directory(directory_));
    return MetricPart::open(disk_, directory_, name);
  };
  auto part = attempt();
  if (!part.ok()) (void)disk_.remove(path).ok();  // else open() removes it: no manifest names it
  return part;
}

void MetricStore::freeze_head() {
  if (head_->sample_count() == 0 && metadata_->empty()) return;
  frozen_.push_back({head_, metadata_, head_first_sequence_, last_sequence_, head_->index()->pair_count(),
                     head_->index()->ranks()});
  // Series that have gone quiet stay in the index until they are most of it.
  bool is_busy = head_->active_series() >= head_->index()->series_count() / 2;
  if (is_busy || replay_ != nullptr) {
    head_ = std::make_shared<MetricHead>(head_->index());
  } else {
    head_ = std::make_shared<MetricHead>();
    ++numbering_;
    defined_.clear();
  }
  metadata_ = std::make_shared<MetadataRows>();
}

Result<MetricStore::Flush> MetricStore::flush() {
  std::vector<FrozenHead> heads;
  std::vector<ErasurePtr> erasures;
  uint64_t clean_through = 0;
  std::string name;
  {
    MutexLock lock(mutex_);
    if (flushing_ || has_open_change(true))
      return make_error(ErrorCode::unavailable, "metric store: a flush is under way");
    freeze_head();
    heads = frozen_;
    if (heads.empty()) return Flush{0, {}, {}, last_sequence_};
    name = next_part_name(heads.back().last_sequence);
    erasures = erasures_;
    clean_through = newest_erasure();
    flushing_ = true;
  }
  for (FrozenHead& head : heads) {
    Postings series(head.samples->series_end());
    std::iota(series.begin(), series.end(), 0);
    head.samples->keep_active(series);
    if (auto made = sort_by_labels(*head.samples->index(), head.ranks, series)) {
      head.ranks = made;
      remember_ranks(*head.samples->index(), std::move(made));
    }
  }
  auto part = write_part(name, [&](File& file) { return write_part_of_heads(file, heads, erasures); });
  {
    MutexLock lock(mutex_);
    flushing_ = false;
  }
  if (!part.ok()) return part.error();
  return register_change({true, *part, {}, heads.size(), clean_through}, heads.back().last_sequence);
}

void MetricStore::commit(const Flush& change) {
  if (change.change_id == 0) return;
  std::vector<std::shared_ptr<const MetricPart>> dropped;  // their files go after the lock
  std::vector<FrozenHead> written;
  MutexLock lock(mutex_);
  auto found = changes_.find(change.change_id);
  OBELISK_ASSERT(found != changes_.end());
  Change done = std::move(found->second);
  changes_.erase(found);
  auto written_end = frozen_.begin() + static_cast<ptrdiff_t>(done.frozen_heads);
  written.assign(frozen_.begin(), written_end);
  frozen_.erase(frozen_.begin(), written_end);
  for (const std::string& name : done.removed) {
    auto part =
        std::find_if(parts_.begin(), parts_.end(), [&](const auto& held) { return held->name() == name; });
    OBELISK_ASSERT(part != parts_.end());
    (*part)->doom();
    clean_through_.erase(name);
    unmergeable_.erase(name);
    unerasable_.erase(name);
    dropped.push_back(std::move(*part));
    parts_.erase(part);
  }
  if (done.new_part) {
    clean_through_[done.new_part->name()] = done.clean_through;
    parts_.push_back(std::move(done.new_part));
  }
  sort_parts();
  publish_gauges();
}

void MetricStore::abandon(const Flush& change) {
  if (change.change_id == 0) return;
  Change undone;
  MutexLock lock(mutex_);
  auto found = changes_.find(change.change_id);
  OBELISK_ASSERT(found != changes_.end());
  undone = std::move(found->second);
  changes_.erase(found);
  if (undone.new_part) undone.new_part->doom();
}

Result<std::optional<MetricStore::Flush>> MetricStore::merge() {
  std::vector<std::shared_ptr<const MetricPart>> parts;
  std::vector<ErasurePtr> erasures;
  uint64_t clean_through = 0;
  std::string name;
  OBELISK_TRY(std::shared_ptr<const MetricPart> unclean, part_to_clean());
  {
    MutexLock lock(mutex_);
    if (merging_ || has_open_change(false)) {
      return make_error(ErrorCode::unavailable, "metric store: a merge or retention is under way");
    }
    bool is_calm = head_->sample_count() == 0 && frozen_.empty();
    std::vector<PartSummary> summaries;
    for (const auto& part : parts_) {
      const PartFooter& footer = part->footer();
      bool is_short = footer.sample_count < footer.block_count * kBlockRows * 19 / 20;
      summaries.push_back({part->file_bytes(), footer.min_time, footer.max_time,
                           unmergeable_.contains(part->name()), is_short});
    }
    if (unclean) {
      parts.push_back(unclean);
    } else {
      std::optional<PartRun> run = choose_parts_to_merge(summaries, options_.merge, is_calm);
      if (!run) return std::optional<Flush>();
      auto first = parts_.begin() + static_cast<ptrdiff_t>(run->first);
      parts.assign(first, first + static_cast<ptrdiff_t>(run->count));
    }
    erasures = erasures_;
    clean_through = newest_erasure();
    name = next_part_name(parts.back()->footer().last_sequence);
    merging_ = true;
  }
  auto part = write_part(name, [&](File& file) { return write_part_of_parts(file, parts, erasures); });
  {
    MutexLock lock(mutex_);
    merging_ = false;
  }
  if (!part.ok()) {
    note_damage(part.error(), parts);
    return part.error();
  }
  Change change{false, *part, {}, 0, clean_through};
  if ((*part)->footer().sample_count == 0 && (*part)->footer().metadata_count == 0) {
    (*part)->doom();
    change.new_part = nullptr;
  }
  for (const auto& merged : parts) change.removed.push_back(merged->name());
  return std::optional(register_change(std::move(change), 0));
}

Result<MetricStore::Flush> MetricStore::apply_retention(UnixNanos keep_from) {
  Change change;
  {
    MutexLock lock(mutex_);
    if (merging_ || has_open_change(false)) {
      return make_error(ErrorCode::unavailable, "metric store: a merge or retention is under way");
    }
    for (const auto& part : parts_) {
      if (part->footer().sample_count > 0 && part->footer().max_time < keep_from.value)
        change.removed.push_back(part->name());
    }
    if (change.removed.empty()) return Flush{};
    merging_ = true;  // until the change is registered
  }
  Flush flush = register_change(std::move(change), 0);
  MutexLock lock(mutex_);
  merging_ = false;
  return flush;
}

std::vector<std::shared_ptr<const MetricPart>> MetricStore::parts() const {
  MutexLock lock(mutex_);
  return parts_;
}

std::shared_ptr<const MetricPart> MetricStore::new_part(const Flush& change) const {
  MutexLock lock(mutex_);
  auto found = changes_.find(change.change_id);
  return found == changes_.end() ? nullptr : found->second.new_part;
}

int64_t MetricStore::unflushed_min_time() const {
  MutexLock lock(mutex_);
  int64_t min_time = head_->sample_count() == 0 ? INT64_MAX : head_->min_time();
  for (const FrozenHead& head : frozen_) {
    if (head.samples->sample_count() > 0) min_time = std::min(min_time, head.samples->min_time());
  }
  return min_time;
}

std::vector<MetricStore::PartSize> MetricStore::part_sizes() const {
  MutexLock lock(mutex_);
  std::vector<PartSize> sizes;
  for (const auto& part : parts_) {
    if (part->footer().sample_count > 0) sizes.push_back({part->footer().max_time, part->file_bytes()});
  }
  return sizes;
}

// ---- erasing ----

uint64_t MetricStore::prepare_erase() {
  MutexLock lock(mutex_);
  OBELISK_ASSERT(!flushing_ && !merging_);
  freeze_head();
  return last_sequence_;
}

void MetricStore::activate(ErasurePtr erasure) {
  MutexLock lock(mutex_);
  erasures_.push_back(std::move(erasure));
}

size_t MetricStore::erasure_count() const {
  MutexLock lock(mutex_);
  return erasures_.size();
}

uint64_t MetricStore::newest_erasure() const {
  return erasures_.empty() ? 0 : erasures_.back()->record.id;
}

// What an erasure concerns must not share a head with what comes after it. Only after a start, when the log
// brought rows back that were written before it: else prepare_erase() has frozen them.
void MetricStore::freeze_for_erasures(uint64_t sequence) {
  for (const ErasurePtr& erasure : erasures_) {
    uint64_t through = erasure->record.through_sequence;
    if (last_sequence_ <= through && through < sequence) freeze_head();
  }
}

std::vector<uint64_t> MetricStore::finished_erasures() const {
  MutexLock lock(mutex_);
  std::vector<uint64_t> finished;
  bool head_is_empty = head_->sample_count() == 0;
  for (const ErasurePtr& erasure : erasures_) {
    const ErasureRecord& record = erasure->record;
    bool concerned = !head_is_empty && head_first_sequence_ <= record.through_sequence;
    for (const FrozenHead& head : frozen_) concerned |= head.first_sequence <= record.through_sequence;
    for (const auto& part : parts_) {
      const PartFooter& footer = part->footer();
      auto clean = clean_through_.find(part->name());
      bool is_clean = clean != clean_through_.end() && clean->second >= record.id;
      concerned |= !is_clean && erasure->concerns(footer.last_sequence, footer.min_time, footer.max_time);
    }
    if (!concerned) finished.push_back(record.id);
  }
  return finished;
}

void MetricStore::forget(const std::vector<uint64_t>& erasure_ids) {
  MutexLock lock(mutex_);
  std::erase_if(erasures_, [&](const ErasurePtr& erasure) {
    return std::find(erasure_ids.begin(), erasure_ids.end(), erasure->record.id) != erasure_ids.end();
  });
}

void MetricStore::note_damage(const Error& error, std::span<const std::shared_ptr<const MetricPart>> parts) {
  if (error.code != ErrorCode::corrupt) return;
  MutexLock lock(mutex_);
  for (const auto& part : parts) unmergeable_.insert(part->name());
  if (parts.size() == 1) unerasable_.insert(parts[0]->name());
}

// A part that holds erased rows, or null. Parts that turn out to hold none are remembered.
Result<std::shared_ptr<const MetricPart>> MetricStore::part_to_clean() {
  std::vector<std::shared_ptr<const MetricPart>> parts;
  std::vector<ErasurePtr> erasures;
  {
    MutexLock lock(mutex_);
    if (erasures_.empty()) return std::shared_ptr<const MetricPart>();
    erasures = erasures_;
    for (const auto& part : parts_) {
      if (clean_through_[part->name()] < newest_erasure() && !unerasable_.contains(part->name()))
        parts.push_back(part);
    }
  }
  for (const auto& part : parts) {
    const PartFooter& footer = part->footer();
    for (const ErasurePtr& erasure : erasures) {
      if (!erasure->concerns(footer.last_sequence, footer.min_time, footer.max_time)) continue;
      Result<bool> holds = may_hold_erased(part, *erasure);
      if (!holds.ok()) {
        note_damage(holds.error(), {&part, 1});
        return holds.error();
      }
      if (*holds) return part;
    }
    MutexLock lock(mutex_);
    clean_through_[part->name()] = erasures.back()->record.id;
  }
  return std::shared_ptr<const MetricPart>();
}

MetricStore::Statistics MetricStore::statistics() const {
  MutexLock lock(mutex_);
  return current_statistics();
}

MetricStore::Statistics MetricStore::current_statistics() const {
  Statistics now;
  now.head_series = head_->index()->series_count();
  now.head_samples = head_->sample_count();
  for (const FrozenHead& head : frozen_) {
    if (head.samples->index() != head_->index()) now.head_series += head.samples->index()->series_count();
    now.head_samples += head.samples->sample_count();
  }
  for (const auto& part : parts_) {
    ++now.parts;
    now.part_bytes += part->file_bytes();
    now.part_samples += part->footer().sample_count;
    now.part_blocks += part->footer().block_count;
    now.part_sample_bytes += part->sample_bytes();
  }
  return now;
}

void MetricStore::publish_gauges() {
  static SizeGauges gauges;
  Statistics now = current_statistics();
  auto publish = [&](Gauge& gauge, uint64_t Statistics::*field) {
    gauge.add(static_cast<int64_t>(now.*field) - static_cast<int64_t>(published_.*field));
  };
  publish(gauges.head_series, &Statistics::head_series);
  publish(gauges.head_samples, &Statistics::head_samples);
  publish(gauges.parts, &Statistics::parts);
  publish(gauges.part_bytes, &Statistics::part_bytes);
  publish(gauges.part_samples, &Statistics::part_samples);
  publish(gauges.part_sample_bytes, &Statistics::part_sample_bytes);
  publish(gauges.part_blocks, &Statistics::part_blocks);
  published_ = now;
}

}  // namespace obelisk
