#include "storage/embedded/metrics/erasing_source.h"

#include <algorithm>

#include "storage/embedded/metrics/series_selector.h"

namespace obelisk {

Result<bool> ErasingSource::next() {
  OBELISK_TRY(bool more, inner_->next());
  erased_.clear();
  if (!more) return false;
  for (const ErasurePtr& erasure : erasures_) {
    if (decide_by_labels(erasure->where, inner_->labels()) == Decision::yes)
      erased_.push_back(erasure->record.range);
  }
  return true;
}

bool ErasingSource::is_erased(int64_t time) const {
  return std::any_of(erased_.begin(), erased_.end(),
                     [&](const TimeRange& range) { return range.contains({time}); });
}

Result<void> ErasingSource::read(const TimeRange& range, bool with_payload, Samples& out, Arena& arena) {
  if (erased_.empty()) return inner_->read(range, with_payload, out, arena);
  samples_.clear();
  OBELISK_CHECK_OK(inner_->read(range, with_payload, samples_, arena));
  for (size_t row = 0; row < samples_.size(); ++row) {
    if (is_erased(samples_.times[row])) continue;
    if (samples_.is_histogram(row)) {
      out.add_histogram(samples_.times[row], samples_.histograms[row], samples_.start_time(row));
    } else {
      out.add(samples_.times[row], samples_.values[row], samples_.start_time(row));
    }
  }
  return {};
}

std::unique_ptr<SeriesSource> without_erased(std::unique_ptr<SeriesSource> source,
                                             const std::vector<ErasurePtr>& erasures, uint64_t last_sequence,
                                             int64_t min_time, int64_t max_time) {
  std::vector<ErasurePtr> concerning;
  for (const ErasurePtr& erasure : erasures) {
    if (erasure->concerns(last_sequence, min_time, max_time)) concerning.push_back(erasure);
  }
  if (concerning.empty()) return source;
  return std::make_unique<ErasingSource>(std::move(source), std::move(concerning));
}

Result<bool> may_hold_erased(const std::shared_ptr<const MetricPart>& part, const Erasure& erasure) {
  OBELISK_TRY(SeriesSelection selection, select_series(*part, erasure.where));
  PartSource source(part, std::move(selection.series));
  for (;;) {
    OBELISK_TRY(bool more, source.next());
    if (!more) return false;
    if (!selection.exact && decide_by_labels(erasure.where, source.labels()) != Decision::yes) continue;
    const TimeRange& range = erasure.record.range;
    for (const BlockReference& block : source.blocks()) {
      if (block.max_time >= range.begin.value && block.min_time < range.end.value) return true;
    }
  }
}

}  // namespace obelisk
