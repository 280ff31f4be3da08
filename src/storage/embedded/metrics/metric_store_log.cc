// The log's half of the metric store: batches to frames whose series are numbers, and back.
#include <fmt/format.h>

#include "storage/embedded/metrics/metric_store.h"

#include "base/self_metrics.h"

namespace obelisk {

MetricStore::SeriesNumbers MetricStore::encode_for_log(const Batch& batch, uint64_t segment,
                                                       std::string& out) {
  static Counter& created =
      counter("obelisk_metrics_series_created_total", "Series that were new to the head.");
  SeriesNumbers numbers;
  std::vector<uint32_t> defined;
  uint64_t numbering = 0;
  {
    MutexLock lock(mutex_);
    if (segment != log_segment_) {
      log_segment_ = segment;
      defined_.clear();
    }
    const std::shared_ptr<SeriesIndex>& index = head_->index();
    created.add(index->resolve(batch.groups, numbers.series));
    numbers.index = index;
    numbering = numbering_;
    defined_.resize(index->series_count());
    for (uint32_t i = 0; i < numbers.series.size(); ++i) {
      uint32_t number = numbers.series[i];
      if (defined_[number]) continue;
      defined_[number] = true;
      defined.push_back(i);
    }
  }
  encode_sample_frame(batch, numbering, numbers.series, defined, out);
  return numbers;
}

void MetricStore::forget_logged() {
  MutexLock lock(mutex_);
  defined_.clear();
}

// Rows that are left out are those of numbers without a series here.
uint64_t MetricStore::define_series(const SampleFrame& frame, uint64_t segment) {
  if (replay_ == nullptr) replay_ = std::make_unique<Replay>();
  if (replay_->segment != segment) {
    replay_->segment = segment;
    replay_->series.clear();
  }
  std::vector<uint32_t>& series = replay_->series[frame.numbering];
  for (const SampleFrame::Definition& definition : frame.definitions) {
    Hash128 hash = hash_labels_wide(definition.labels);
    Group group{definition.labels, hash.low, 0, 0, hash.high};
    if (definition.number >= series.size()) series.resize(definition.number + 1, SeriesIndex::kNone);
    series[definition.number] = head_->index()->find_or_create(group).series;
  }
  uint64_t undefined = 0;
  for (size_t i = 0; i < frame.series.size(); ++i) {
    uint32_t number = frame.series[i];
    bool is_defined = number < series.size() && series[number] != SeriesIndex::kNone;
    undefined += is_defined ? 0 : frame.batch.groups[i].row_count;
  }
  return undefined;
}

Result<MetricStore::Replayed> MetricStore::replay(std::string_view sample_frame, uint64_t segment,
                                                  uint64_t sequence, bool definitions_only) {
  auto part = definitions_only ? SampleFramePart::definitions : SampleFramePart::whole;
  OBELISK_TRY(SampleFrame frame, decode_sample_frame(sample_frame, nullptr, part));
  MutexLock lock(mutex_);
  Replayed replayed;
  replayed.rows_undefined = define_series(frame, segment);
  if (definitions_only) return replayed;
  freeze_for_erasures(sequence);
  const std::vector<uint32_t>& ours = replay_->series[frame.numbering];
  if (replayed.rows_undefined > 0) {
    std::vector<Group> known;
    numbers_.clear();
    for (size_t i = 0; i < frame.series.size(); ++i) {
      uint32_t number = frame.series[i];
      if (number >= ours.size() || ours[number] == SeriesIndex::kNone) continue;
      known.push_back(frame.batch.groups[i]);
      numbers_.push_back(ours[number]);
    }
    frame.batch.groups = std::move(known);
  } else {
    numbers_.resize(frame.series.size());
    for (size_t i = 0; i < frame.series.size(); ++i) numbers_[i] = ours[frame.series[i]];
  }
  add_samples(frame.batch, numbers_, sequence);
  return replayed;
}

void MetricStore::finish_replay() {
  MutexLock lock(mutex_);
  replay_.reset();
}

}  // namespace obelisk
