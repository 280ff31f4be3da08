#include "ingest/delta_to_cumulative.h"

#include <algorithm>

#include "base/log.h"
#include "base/self_metrics.h"
#include "wire/native_buckets.h"

namespace obelisk {
namespace {

constexpr int64_t kSweepIntervalNanos = 10 * kNanosPerSecond;

ColumnData* find_mutable(Batch& batch, std::string_view name, ColumnType type) {
  for (ColumnData& data : batch.columns) {
    if (data.id.scope == Scope::fixed && data.id.name == name && data.type == type) return &data;
  }
  return nullptr;
}

ColumnData& start_times(Batch& batch) {
  ColumnData* data = find_mutable(batch, column::kStartTime, ColumnType::int64);
  if (data == nullptr) {
    data = &batch.columns.emplace_back();
    data->id = fixed_column(column::kStartTime);
    data->type = ColumnType::int64;
    data->present.assign(batch.row_count, 0);
    data->ints.resize(batch.row_count);
  }
  return *data;
}

using BucketMap = std::vector<std::pair<int64_t, double>>;

void add_buckets(std::vector<BucketSpan>& spans, std::vector<double>& counts,
                 const std::vector<BucketSpan>& more_spans, const std::vector<double>& more_counts) {
  BucketMap merged;
  merged.reserve(counts.size() + more_counts.size());
  auto collect = [&](int64_t index, double count) { merged.emplace_back(index, count); };
  for_each_bucket(spans, counts, collect);
  size_t middle = merged.size();
  for_each_bucket(more_spans, more_counts, collect);
  std::inplace_merge(merged.begin(), merged.begin() + static_cast<ptrdiff_t>(middle), merged.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
  spans.clear();
  counts.clear();
  NativeBucketAppender appender(spans, counts);
  for (const auto& [index, count] : merged) appender.add(index, count);
}

// False when the two cannot be added: the sum begins anew.
bool add_to(Histogram& sum, Histogram more) {
  bool custom = sum.schema == Histogram::kCustomBoundsSchema || more.schema == Histogram::kCustomBoundsSchema;
  if (custom && (sum.schema != more.schema || sum.custom_bounds != more.custom_bounds)) return false;
  if (sum.zero_threshold != more.zero_threshold) return false;
  if (!custom) {
    int32_t schema = std::min(sum.schema, more.schema);
    reduce_resolution(sum, schema);
    reduce_resolution(more, schema);
  }
  sum.count += more.count;
  sum.sum += more.sum;
  sum.zero_count += more.zero_count;
  add_buckets(sum.positive_spans, sum.positive_counts, more.positive_spans, more.positive_counts);
  add_buckets(sum.negative_spans, sum.negative_counts, more.negative_spans, more.negative_counts);
  return true;
}

}  // namespace

// Series of the batch that are not tracked go on where the store has them.
void DeltaToCumulative::resume(const Tenant& tenant, const Batch& batch, UnixNanos now) {
  std::vector<Labels> unknown;
  {
    MutexLock lock(mutex_);
    for (const Group& group : batch.groups) {
      Key key{tenant, Labels(group.labels)};
      if (!sums_.contains(key)) unknown.push_back(std::move(key.labels));
    }
  }
  if (unknown.empty()) return;
  auto found = stored_->newest(tenant, unknown, now - kResumeNanos);
  if (!found.ok()) {
    log_warning("ingest", "delta sums begin at zero: " + found.error().to_string());
    return;
  }
  static Counter& resumed = counter("obelisk_intake_delta_series_resumed_total",
                                    "Delta series whose sum goes on from its newest stored sample.");
  MutexLock lock(mutex_);
  for (const Labels& labels : unknown) {
    auto at = found->find(labels);
    if (at == found->end()) continue;
    const StoredSum& stored = at->second;
    Key key{tenant, labels};
    if (sums_.contains(key)) continue;  // another request was first
    Sum sum;
    if (!stored.histogram.empty()) {
      Result<Histogram> histogram = decode_histogram(stored.histogram);
      if (!histogram.ok()) continue;
      sum.histogram = std::move(*histogram);
    }
    Sum* slot = find_or_add(key, now);
    if (slot == nullptr) return;
    sum.seen = now;
    sum.start_time = stored.start_time;
    sum.last_time = stored.time;
    sum.value = stored.value;
    *slot = std::move(sum);
    resumed.add();
  }
}

std::vector<DeltaToCumulative::Refusal> DeltaToCumulative::convert(const Tenant& tenant, Batch& batch,
                                                                   UnixNanos now) {
  if (stored_ != nullptr) resume(tenant, batch, now);
  std::vector<Refusal> refusals(batch.row_count, Refusal::none);
  ColumnData& starts = start_times(batch);
  if (starts.present.empty()) starts.present.assign(batch.row_count, 1);
  {
    MutexLock lock(mutex_);
    for (const Group& group : batch.groups) {
      Key key{tenant, Labels(group.labels)};
      for (uint32_t i = 0; i < group.row_count; ++i) {
        size_t row = group.first_row + i;
        refusals[row] = add(key, batch, row, now);
      }
    }
  }
  std::erase_if(batch.columns, [](const ColumnData& data) {
    return data.id.scope == Scope::fixed && data.id.name == column::kTemporality;
  });
  for (ColumnData& data : batch.columns) {
    if (std::find(data.present.begin(), data.present.end(), 0) == data.present.end()) data.present.clear();
  }
  return refusals;
}

DeltaToCumulative::Refusal DeltaToCumulative::add(const Key& key, Batch& batch, size_t row, UnixNanos now) {
  int64_t time = batch.times()[row];
  ColumnData* values = find_mutable(batch, column::kValue, ColumnType::float64);
  bool is_value = values != nullptr && values->is_present(row);
  if (is_value && is_stale_marker(values->floats[row])) {
    sums_.erase(key);
    return Refusal::none;
  }
  Sum* sum = find_or_add(key, now);
  if (sum == nullptr) return Refusal::too_many_series;
  bool first = sum->last_time == 0;
  if (!first && time <= sum->last_time) return Refusal::not_later;
  ColumnData& starts = start_times(batch);
  int64_t row_start = starts.is_present(row) ? starts.ints[row] : time;
  if (first) sum->start_time = row_start;
  if (is_value) {
    sum->value += values->floats[row];
    values->floats[row] = sum->value;
  } else if (ColumnData* histograms = find_mutable(batch, column::kHistogram, ColumnType::bytes)) {
    Result<Histogram> delta = decode_histogram(histograms->strings[row]);
    if (!delta.ok()) return Refusal::bad_histogram;
    if (first || !add_to(sum->histogram, *delta)) {
      sum->histogram = std::move(*delta);
      sum->start_time = row_start;
    }
    histograms->strings[row] = batch.arena.copy(encode_histogram(sum->histogram));
  }
  sum->last_time = time;
  starts.ints[row] = sum->start_time;
  starts.present[row] = 1;
  return Refusal::none;
}

DeltaToCumulative::Sum* DeltaToCumulative::find_or_add(const Key& key, UnixNanos now) {
  auto it = sums_.find(key);
  if (it == sums_.end()) {
    if (sums_.size() >= series_max_ && now - swept_ >= kSweepIntervalNanos) {
      swept_ = now;
      std::erase_if(sums_, [&](const auto& entry) { return now - entry.second.seen > kIdleNanos; });
    }
    if (sums_.size() >= series_max_) return nullptr;
    it = sums_.try_emplace(key).first;
  }
  it->second.seen = now;
  return &it->second;
}

size_t DeltaToCumulative::series_count() const {
  MutexLock lock(mutex_);
  return sums_.size();
}

}  // namespace obelisk
