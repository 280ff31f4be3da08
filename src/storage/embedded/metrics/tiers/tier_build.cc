#include "storage/embedded/metrics/tiers/tier_build.h"

#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <numeric>

#include "base/hash.h"
#include "base/self_metrics.h"
#include "storage/embedded/metrics/erasing_source.h"
#include "storage/embedded/metrics/tiers/tier_fold.h"

namespace obelisk {
namespace {

// Of a background pass; what it holds beyond a batch are the heads' compressed samples of the day.
constexpr uint64_t kBuildBytesMax = 1ull << 30;

TimeRange range_of(const TierSpan& span) {
  return {UnixNanos::from_millis(span.after_ms + 1), UnixNanos::from_millis(span.until_ms + 1)};
}

class PairSet {
 public:
  void add(LabelsView labels) {
    for (const LabelRef& label : labels) {
      if (pairs_.contains(label)) continue;
      pairs_.insert({texts_.copy(label.name), texts_.copy(label.value)});
    }
  }
  bool has_all(LabelsView labels) const {
    return std::all_of(labels.begin(), labels.end(),
                       [&](const LabelRef& label) { return pairs_.contains(label); });
  }
  std::vector<LabelRef> sorted() const {
    std::vector<LabelRef> all(pairs_.begin(), pairs_.end());
    std::sort(all.begin(), all.end());
    return all;
  }
  bool empty() const { return pairs_.empty(); }

 private:
  struct Hash {
    size_t operator()(const LabelRef& label) const { return hash64(label.value, hash64(label.name)); }
  };
  Arena texts_;
  absl::flat_hash_set<LabelRef, Hash, std::equal_to<LabelRef>> pairs_;
};

Scan day_scan(const TierSpan& span) {
  Scan scan;
  scan.table = Table::samples;
  scan.unit = Unit::series;
  scan.range = range_of(span);
  return scan;
}

// A builder and a fold for each resolution.
struct Resolution {
  Resolution(std::unique_ptr<File> opened, const TierPartName& name, const PairSet& pairs,
             uint64_t clean_through)
      : file(std::move(opened)),
        builder(*file, name, pairs.sorted(), clean_through, 0),
        fold(name.resolution_ms) {}
  std::unique_ptr<File> file;
  TierPartBuilder builder;
  TierFold fold;
};

void fold_group(const Batch& batch, const Group& group, TierFold& fold) {
  const ColumnData* values = batch.find(fixed_column(column::kValue), ColumnType::float64);
  const ColumnData* histograms = batch.find_fixed(column::kHistogram);
  const ColumnData* starts = batch.find_fixed(column::kStartTime);
  std::span<const int64_t> times = batch.times();
  const uint32_t end = group.first_row + group.row_count;
  for (uint32_t row = group.first_row; row < end; ++row) {
    int64_t time = UnixNanos{times[row]}.to_millis();
    if (row + 1 < end && UnixNanos{times[row + 1]}.to_millis() == time) continue;
    int64_t start = starts != nullptr && starts->is_present(row) ? starts->ints[row] : 0;
    if (values != nullptr && values->is_present(row)) {
      fold.add_float(time, values->floats[row], start);
    } else if (histograms != nullptr && histograms->is_present(row)) {
      // Bytes that are no histogram fail a query over them; a tier says "no sample" in their place.
      if (fold.add_histogram(time, histograms->strings[row], start).ok()) continue;
      static Counter& refused = counter("obelisk_metrics_tier_rows_refused_total",
                                        "Histograms that do not decode and are missing in the tiers.");
      refused.add();
      fold.add_float(time, stale_marker(), start);
    }
  }
  fold.finish();
}

Result<void> write_group(const Batch& batch, const Group& group, Resolution& to) {
  to.fold.clear();
  fold_group(batch, group, to.fold);
  to.builder.begin_series(group.labels);
  for (size_t i = 0; i < kTierAspectCount; ++i) {
    TierAspect aspect = static_cast<TierAspect>(i);
    OBELISK_CHECK_OK(to.builder.add(aspect, to.fold.rows(aspect)));
  }
  return to.builder.end_series();
}

Result<void> read_pairs(const MetricStore& raw, const TierSpan& span, PairSet& pairs) {
  Budget budget(kBuildBytesMax);
  Cancel cancel;
  OBELISK_TRY(std::unique_ptr<Cursor> cursor, raw.open(0, day_scan(span), budget, cancel));
  for (;;) {
    OBELISK_TRY(BatchPtr batch, cursor->next());
    if (!batch) return {};
    for (const Group& group : batch->groups) pairs.add(group.labels);
  }
}

Result<void> write_rows(const MetricStore& raw, const TierSpan& span, const PairSet& pairs,
                        std::vector<std::unique_ptr<Resolution>>& resolutions) {
  Budget budget(kBuildBytesMax);
  Cancel cancel;
  Scan scan = day_scan(span);
  scan.all_columns = true;
  OBELISK_TRY(std::unique_ptr<Cursor> cursor, raw.open(0, scan, budget, cancel));
  for (;;) {
    OBELISK_TRY(BatchPtr batch, cursor->next());
    if (!batch) break;
    for (const Group& group : batch->groups) {
      if (!pairs.has_all(group.labels))
        return make_error(ErrorCode::unavailable, "a series came while its day was read; it is tried again");
      for (auto& resolution : resolutions) OBELISK_CHECK_OK(write_group(*batch, group, *resolution));
    }
  }
  for (auto& resolution : resolutions) {
    OBELISK_TRY([[maybe_unused]] uint64_t bytes, resolution->builder.finish());
  }
  return {};
}

Postings every_series(const MetricPart& part) {
  Postings all(part.series_count());
  std::iota(all.begin(), all.end(), 0);
  return all;
}

// Several tier parts as one sequence of series, each to be read aspect by aspect.
struct TierMerge {
  TierMerge(std::span<const TierPart> parts, const std::vector<ErasurePtr>& erasures) {
    std::vector<std::unique_ptr<SeriesSource>> sources;
    for (const TierPart& part : parts) {
      auto source =
          std::make_unique<TierSource>(part.part, part.name, every_series(*part.part), TierAspect::first);
      aspects.push_back(source.get());
      std::vector<ErasurePtr> concerning = erasures_of_tier(part, erasures);
      if (concerning.empty()) {
        sources.push_back(std::move(source));
      } else {
        sources.push_back(std::make_unique<ErasingSource>(std::move(source), std::move(concerning)));
      }
    }
    merger.emplace(std::move(sources));
  }
  Result<void> read(TierAspect aspect, Samples& out, Arena& arena) {
    for (TierSource* source : aspects) source->set_aspect(aspect);
    return merger->read(TimeRange{}, true, out, arena);
  }
  std::vector<TierSource*> aspects;
  std::optional<SeriesMerger> merger;
};

// Labels of the series that have something left.
Result<void> merged_pairs(std::span<const TierPart> parts, const std::vector<ErasurePtr>& erasures,
                          PairSet& pairs) {
  TierMerge merge(parts, erasures);
  Samples rows;
  for (;;) {
    OBELISK_TRY(bool more, merge.merger->next());
    if (!more) return {};
    for (size_t i = 0; i < kTierAspectCount; ++i) {
      Arena arena;
      OBELISK_CHECK_OK(merge.read(static_cast<TierAspect>(i), rows, arena));
      if (rows.size() == 0) continue;
      pairs.add(merge.merger->labels());
      break;
    }
  }
}

}  // namespace

std::vector<ErasurePtr> erasures_of_tier(const TierPart& part, const std::vector<ErasurePtr>& erasures) {
  std::vector<ErasurePtr> concerning;
  const TimeRange range = range_of(part.name.span());
  for (const ErasurePtr& erasure : erasures) {
    if (erasure->record.id <= part.clean_through()) continue;
    ErasurePtr widened = widened_to_buckets(*erasure, part.name.resolution_ms);
    const TimeRange& erased = widened->record.range;
    if (erased.begin < range.end && range.begin < erased.end) concerning.push_back(std::move(widened));
  }
  return concerning;
}

Result<bool> write_tier_day(Disk& disk, const std::string& directory, const MetricStore& raw,
                            std::span<const TierPartName> names, uint64_t clean_through) {
  OBELISK_ASSERT(!names.empty());
  const TierSpan span = names.front().span();
  PairSet pairs;
  OBELISK_CHECK_OK(read_pairs(raw, span, pairs));
  if (pairs.empty()) return false;
  std::vector<std::unique_ptr<Resolution>> resolutions;
  for (const TierPartName& name : names) {
    OBELISK_ASSERT(name.first_day == names.front().first_day && name.days == 1);
    OBELISK_TRY(std::unique_ptr<File> file, disk.open(directory + "/" + name.text(), Disk::Mode::create_new));
    resolutions.push_back(std::make_unique<Resolution>(std::move(file), name, pairs, clean_through));
  }
  OBELISK_CHECK_OK(write_rows(raw, span, pairs, resolutions));
  return true;
}

Result<bool> write_merged_tier(Disk& disk, const std::string& directory, const TierPartName& name,
                               std::span<const TierPart> parts, const std::vector<ErasurePtr>& erasures,
                               uint64_t clean_through) {
  PairSet pairs;
  OBELISK_CHECK_OK(merged_pairs(parts, erasures, pairs));
  if (pairs.empty()) return false;
  OBELISK_TRY(std::unique_ptr<File> file, disk.open(directory + "/" + name.text(), Disk::Mode::create_new));
  TierPartBuilder builder(*file, name, pairs.sorted(), clean_through, 0);
  TierMerge merge(parts, erasures);
  Samples rows;
  for (;;) {
    OBELISK_TRY(bool more, merge.merger->next());
    if (!more) break;
    bool begun = false;
    for (size_t i = 0; i < kTierAspectCount; ++i) {
      TierAspect aspect = static_cast<TierAspect>(i);
      Arena arena;
      OBELISK_CHECK_OK(merge.read(aspect, rows, arena));
      if (rows.size() == 0) continue;
      for (int64_t& time : rows.times) time = UnixNanos{time}.to_millis();
      if (!begun) builder.begin_series(merge.merger->labels());
      begun = true;
      OBELISK_CHECK_OK(builder.add(aspect, rows));
    }
    if (begun) OBELISK_CHECK_OK(builder.end_series());
  }
  OBELISK_TRY([[maybe_unused]] uint64_t bytes, builder.finish());
  return true;
}

}  // namespace obelisk
