#include "query/promql/series_fold.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "base/assert.h"
#include "model/kahan_sum.h"

namespace obelisk::promql {
namespace {

// Two steps at once, as every processor of the floor has them.
typedef double TwoDoubles __attribute__((vector_size(16)));
typedef int64_t TwoMasks __attribute__((vector_size(16)));  // all bits or none

}  // namespace

void add_columns(std::span<const double> column, double* sums, double* compensations, int64_t* seen) {
  const double* values = column.data();
  const size_t steps = column.size();
  const double infinity = std::numeric_limits<double>::infinity();
  const int64_t stale = static_cast<int64_t>(kStaleMarkerBits);
  const TwoMasks magnitude = {INT64_MAX, INT64_MAX};
  size_t step = 0;
  for (; step + 2 <= steps; step += 2) {
    TwoDoubles value, sum, compensation;
    TwoMasks bits, seen_before;
    std::memcpy(&value, values + step, sizeof value);
    std::memcpy(&bits, values + step, sizeof bits);
    std::memcpy(&sum, sums + step, sizeof sum);
    std::memcpy(&compensation, compensations + step, sizeof compensation);
    std::memcpy(&seen_before, seen + step, sizeof seen_before);
    TwoMasks present = bits != stale;
    TwoDoubles total = sum + value;
    TwoDoubles sum_size = (TwoDoubles)((TwoMasks)sum & magnitude);
    TwoDoubles value_size = (TwoDoubles)((TwoMasks)value & magnitude);
    TwoDoubles total_size = (TwoDoubles)((TwoMasks)total & magnitude);
    TwoMasks sum_is_larger = sum_size >= value_size;
    TwoDoubles larger = sum_is_larger ? sum : value;
    TwoDoubles smaller = sum_is_larger ? value : sum;
    TwoDoubles compensated = compensation + ((larger - total) + smaller);
    compensated =
        (TwoDoubles)((TwoMasks)compensated & (total_size != infinity));  // dropped where it ran over
    sum = present ? total : sum;
    compensation = present ? compensated : compensation;
    seen_before |= present;
    std::memcpy(sums + step, &sum, sizeof sum);
    std::memcpy(compensations + step, &compensation, sizeof compensation);
    std::memcpy(seen + step, &seen_before, sizeof seen_before);
  }
  for (; step < steps; ++step) {
    if (is_absent(values[step])) continue;
    seen[step] = -1;
    kahan_add(values[step], sums[step], compensations[step]);
  }
}

void count_columns(std::span<const double> values, double* sums, int64_t* seen) {
  for (size_t step = 0; step < values.size(); ++step) {
    bool present = !is_absent(values[step]);
    seen[step] |= present ? -1 : 0;
    sums[step] += present ? 1 : 0;
  }
}

StepSeries SeriesFold::blank(Labels labels) {
  StepSeries series;
  series.labels = std::move(labels);
  series.values = std::move(spare_);
  series.values.assign(steps_, stale_marker());
  return series;
}

size_t SeriesFold::group_of(Labels& labels) {
  if (!groups_.empty() && groups_[last_group_].labels == labels) return last_group_;
  uint64_t hash = labels.hash();
  auto [begin, end] = by_hash_.equal_range(hash);
  auto same =
      std::find_if(begin, end, [&](const auto& entry) { return groups_[entry.second].labels == labels; });
  if (same != end) return last_group_ = same->second;
  last_group_ = groups_.size();
  by_hash_.emplace(hash, last_group_);
  groups_.push_back({std::move(labels), false});
  sums_.resize(groups_.size() * steps_);
  compensations_.resize(sums_.size());
  seen_.resize(sums_.size());
  return last_group_;
}

bool SeriesFold::add(StepSeries& series) {
  OBELISK_ASSERT(series.values.size() == steps_);
  if (!series.histograms.empty()) return false;
  size_t group = group_of(series.labels);
  groups_[group].drop_name |= series.drop_name;
  size_t at = group * steps_;
  if (counts_) {
    count_columns(series.values, sums_.data() + at, seen_.data() + at);
  } else {
    add_columns(series.values, sums_.data() + at, compensations_.data() + at, seen_.data() + at);
  }
  give_back(series);
  return true;
}

void SeriesFold::clear() {
  groups_.clear();
  by_hash_.clear();
  last_group_ = 0;
  sums_.clear();
  compensations_.clear();
  seen_.clear();
}

SeriesList SeriesFold::finish() {
  SeriesList out;
  out.reserve(groups_.size());
  for (size_t group = 0; group < groups_.size(); ++group) {
    StepSeries series = StepSeries::absent(std::move(groups_[group].labels), steps_);
    series.drop_name = groups_[group].drop_name;
    bool any = false;
    for (size_t step = 0; step < steps_; ++step) {
      size_t at = group * steps_ + step;
      if (seen_[at] == 0) continue;
      series.values[step] = sums_[at] + compensations_[at];
      any = true;
    }
    if (any) out.push_back(std::move(series));
  }
  return out;
}

StepSeries SeriesSink::blank(RawSeries& raw) {
  // With more labels than those grouped by: read where labels could not be left out.
  if (raw.has_all_labels && folds()) {
    failed_ |= !fold_->empty();
    collects_ = true;
  }
  if (folds()) return fold_->blank(std::move(raw.labels));
  return StepSeries::absent(std::move(raw.labels), steps_);
}

void SeriesSink::put(StepSeries& series) {
  ++put_count_;
  if (folds()) {
    if (fold_->add(series)) return;
    failed_ |= !fold_->empty();
    collects_ = true;
  }
  if (!failed_) list_.push_back(std::move(series));
}

void SeriesSink::give_back(StepSeries& series) {
  if (folds()) fold_->give_back(series);
}

void SeriesSink::restart() {
  list_.clear();
  if (fold_ != nullptr) fold_->clear();
  collects_ = failed_ = false;
  put_count_ = 0;
}

bool SeriesSink::must_collect() {
  if (failed_) collect();
  return failed_;
}

void SeriesSink::finish() {
  if (folds()) fold_->complete();
}

}  // namespace obelisk::promql
