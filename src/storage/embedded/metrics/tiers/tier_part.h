#pragma once
// The files of tiers: metric parts (metric_part.h) whose times say the aspect as well.
//
// A tier part holds the buckets of one resolution that end in some whole days (UTC): its name says which. A
// series' rows lie one aspect after the other: the row of aspect `a` at `t` ms has the time
//     a * 2^36 ms + (t - the begin of the part's first day)
// so that times ascend over the aspects, one block has rows of one aspect, and everything else about the file
// (labels, posting lists, shared time columns, value codings, checksums) is as in any metric part. Its first
// sequence is the number of the last erasure that is applied to it, its last sequence that of the last
// request that may be in it. Format: docs/formats/metric_tier.md.
//
// Builder: one thread. Source: one thread; several may read a part.
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "plan/tier.h"
#include "storage/embedded/erasure.h"
#include "storage/embedded/metrics/metric_part_writer.h"
#include "storage/embedded/metrics/series_source.h"

namespace obelisk {

inline constexpr int64_t kDayMillis = 86'400'000;
// 2.2 years: a part spans less.
inline constexpr int64_t kTierEraMillis = int64_t{1} << 36;
inline constexpr int64_t kTierDaysMax = kTierEraMillis / kDayMillis - 1;
// More than metric parts have: whole blocks are read, and a day of 5 min has 288 rows.
inline constexpr size_t kTierBlockRows = 480;

// The day whose last bucket, of any resolution, is not before the time's: days hold their end as buckets do.
inline constexpr int64_t tier_day(int64_t time_ms) {
  return tier_bucket_end(time_ms, kDayMillis) / kDayMillis - 1;
}

struct TierPartName {
  int64_t resolution_ms = 0;
  int64_t first_day = 0;  // days since 1970-01-01
  int64_t days = 0;
  uint64_t number = 0;  // of a tenant's tier files; never given out twice

  TierSpan span() const { return {first_day * kDayMillis, (first_day + days) * kDayMillis}; }
  // "300000-20211-1-000000000000002a.tier"
  std::string text() const;
};
std::optional<TierPartName> parse_tier_part_name(std::string_view text);

class TierPartBuilder {
 public:
  // As MetricPartWriter; `clean_through`: erasures up to this number are applied.
  TierPartBuilder(File& file, const TierPartName& name, std::vector<LabelRef> pairs, uint64_t clean_through,
                  uint64_t last_sequence)
      : name_(name), writer_(file, std::move(pairs), clean_through, last_sequence) {}

  // Labels in ascending order from call to call.
  void begin_series(LabelsView labels) { writer_.begin_series(labels); }
  // Rows of one aspect, times in milliseconds inside the part's days; aspects in their order.
  Result<void> add(TierAspect aspect, const Samples& rows);
  Result<void> end_series() { return writer_.end_series(); }
  Result<uint64_t> finish() { return writer_.finish(MetadataRows()); }

 private:
  const TierPartName name_;
  MetricPartWriter writer_;
  BlockEncoder encoder_;
  Samples shifted_;
};

// One aspect of some series of a tier part as a source of rows, times in ns.
class TierSource : public SeriesSource {
 public:
  TierSource(std::shared_ptr<const MetricPart> part, const TierPartName& name, Postings series,
             TierAspect aspect)
      : name_(name), aspect_(aspect), inner_(std::move(part), std::move(series)) {}

  // Of the current series too.
  void set_aspect(TierAspect aspect) { aspect_ = aspect; }

  Result<bool> next() override { return inner_.next(); }
  LabelsView labels() const override { return inner_.labels(); }
  std::shared_ptr<const void> labels_owner() const override { return inner_.labels_owner(); }
  SeriesFacts facts() const override { return inner_.facts(); }  // of all aspects; times are the stored ones
  Result<void> read(const TimeRange& range, bool with_payload, Samples& out, Arena& arena) override;
  uint64_t bytes_read() const override { return inner_.bytes_read(); }

 private:
  const TierPartName name_;
  TierAspect aspect_;
  PartSource inner_;
  Samples stored_;
};

// The erasure as it concerns a tier: every bucket that it touches goes.
ErasurePtr widened_to_buckets(const Erasure& erasure, int64_t resolution_ms);

}  // namespace obelisk
